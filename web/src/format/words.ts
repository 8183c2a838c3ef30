/** Names of things as a reader sees them. Ids of the project (metric, stage, event names) become words by one rule. */

const KNOWN: Record<string, string> = {
  nps: "NPS",
  csat: "CSAT",
  ces: "CES",
  crm: "CRM",
  ivr: "Phone menu",
  sms: "SMS",
  id: "ID",
  app: "App",
  bot: "Bot",
  system: "System",
  "(start)": "Start",
  "(end)": "End",
};

/** `late_delivery` → `Late delivery`; `relationship_nps` → `Relationship NPS`; the known abbreviations keep their capitals. */
export function title(id: string): string {
  const known = KNOWN[id];
  if (known) return known;
  const words = id
    .replace(/[_.:]+/g, " ")
    .trim()
    .split(/\s+/)
    .map((word) =>
      ["nps", "csat", "ces", "crm", "sms", "ivr", "id", "sla", "vip"].includes(word.toLowerCase())
        ? word.toUpperCase()
        : word,
    );
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The same inside a sentence: lower case first letter, unless it is an abbreviation. */
export function lower(id: string): string {
  const text = title(id);
  return /^[A-Z]{2}/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** Ends with a full stop, unless it already ends. */
export function sentence(text: string): string {
  return /[.!?…][”"’)]?$/.test(text) ? text : `${text}.`;
}

/** `1 person`, `2 people`. */
export function plural(n: number, one: string, many: string, shown: string): string {
  return `${shown} ${n === 1 ? one : many}`;
}

/** `a, b and c`. */
export function list(items: string[], locale = "en-GB"): string {
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(items);
}

/** The interval method in words. */
export function method(name: string): string {
  const names: Record<string, string> = {
    adjusted_wald: "adjusted Wald interval",
    wilson: "Wilson interval",
    t: "Student's t interval",
    bootstrap: "bootstrap interval",
    newcombe: "Newcombe interval of the difference",
    welch: "Welch interval of the difference",
    wald: "Wald interval",
    normal: "normal interval",
    mover: "MOVER interval of the difference",
  };
  return names[name] ?? `${name.replaceAll("_", " ")} interval`;
}

/** One sentence a word: what the reader sees on hover where a term of the field stands. */
export const GLOSSARY = {
  nps: "Net promoter score: share of answers 9–10 minus share of answers 0–6, from −100 to 100.",
  csat: "Customer satisfaction: share of answers in the top two of the scale.",
  ces: "Customer effort score: mean of the answers on how easy it was.",
  interval: "Range that holds the true value in 95 of 100 such samples.",
  driver:
    "Something that goes with the score, measured before the answer was given. Going with it is not yet causing it.",
  importance: "Share of what the model explains (LMG: the driver's part of R², averaged over all orders of entry).",
  r_squared: "Share of the differences between answers that the drivers explain together.",
  effect: "By how much the score differs where the driver is present, or per standard deviation.",
  performance: "How often the driver is present, or absent where it hurts: higher is better.",
  vital_few: "The first drivers that together hold most of the importance.",
  conversion: "People who reached a later stage, of the people who reached this one.",
  drop_off: "People who reached this stage and no later one.",
  stands_out:
    "Its difference from everybody else is more than chance makes where so many groups are compared (Benjamini–Hochberg, 5 % false discoveries).",
  resolution: "Contacts after which the same person did not have to make contact again within seven days.",
  worth: "The value of these people's profiles, all together. Not what the friction costs: what is at stake.",
  impact: "Share of comments times the effect on the score: by how much of its scale the theme moves the mean score.",
  surge: "How much more often the theme came up in the last period than before.",
  sentiment: "Mood of the words, from −1 (bad) to 1 (good).",
  identifier: "A value that names a person at a source: e-mail, phone, customer number, device.",
  household: "People who share an address or another declared household identifier. They stay separate people.",
  quarantine: "Rows that could not be stored. They are kept with the reason and can be replayed.",
  rows_equation: "Every row read was mapped, skipped by a stated filter, or unreadable.",
  completeness: "Values that are there, of all values.",
  validity: "Values that are what their field may hold, of those that are there.",
  uniqueness: "Different values, of a sample of those that are there. An id should be at 100 %; a country never is.",
  consistency: "Checks of the source's expectations that were met.",
  timeliness: "Facts that came within the time that the source declares.",
  batch: "One import of one source; of a live source, what came in on one UTC day.",
  alarm: "An expectation that a batch does not meet, or values that are spread otherwise than in the batches before.",
  facts_equation: "Every fact made was stored, a duplicate, quarantined or rejected.",
} as const;
