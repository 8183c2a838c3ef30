/** The pages in the order of the rail. A page appears when its capability exists. */
export const PAGES = [
  { name: "Overview", to: "/", capability: "overview", question: "How is the experience, and what changed?" },
  {
    name: "Scores",
    to: "/scores",
    capability: "scores",
    question: "Can I trust this number, and for whom does it differ?",
  },
  { name: "Journey", to: "/journey", capability: "journey", question: "Where do people get lost, wait, give up?" },
  { name: "Voice", to: "/voice", capability: "voice", question: "What do they say, and what is new?" },
  { name: "Drivers", to: "/drivers", capability: "drivers", question: "What moves the score?" },
  { name: "People", to: "/people", capability: "people", question: "Who is this, and what happened to them?" },
  { name: "Data", to: "/data", capability: "data", question: "Is what comes in complete and clean?" },
] as const;

/** The views of the Journey page: each has an address of its own, and lies under Journey in the rail. */
export const JOURNEY_VIEWS = [
  ["/journey", "Stages"],
  ["/process", "Process map"],
  ["/funnels", "Funnels"],
  ["/retention", "Retention"],
  ["/friction", "Friction"],
  ["/compare", "Compare"],
] as const;
