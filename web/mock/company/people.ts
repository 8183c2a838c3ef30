/** People, and what happened to them. */
import type { PersonRow, TimelineItem } from "../../src/api/types";
import { Dice } from "../dice.ts";
import { CHANNELS, DATA_UNTIL } from "./facts.ts";
import { WORDS } from "./words.ts";

const GIVEN = [
  "Aoife",
  "Ciarán",
  "Niamh",
  "Oisín",
  "Saoirse",
  "Declan",
  "Maeve",
  "Patrick",
  "Róisín",
  "Seán",
  "Gráinne",
  "Liam",
  "Orla",
  "Eoin",
  "Siobhán",
];
const FAMILY = [
  "Byrne",
  "Ó Sé",
  "Kelly",
  "Doyle",
  "Nolan",
  "Walsh",
  "Mac Mahon",
  "Ryan",
  "Farrell",
  "Quinn",
  "Brennan",
  "Daly",
];

export const PEOPLE: PersonRow[] = Array.from({ length: 240 }, (_, i) => {
  const dice = new Dice(`person${i}`);
  const events = 4 + dice.below(90);
  const unnamed = dice.next() < 0.12;
  const answered = dice.next();
  return {
    person_id: `p-${(0x1c4e7a3 + i * 7919).toString(36).padStart(6, "0")}${(i * 31).toString(36)}`,
    population: "customer",
    display_name: unnamed ? null : `${dice.pick(GIVEN)} ${dice.pick(FAMILY)}`,
    matched: null,
    first_seen_at: `2025-${String(7 + dice.below(6)).padStart(2, "0")}-${String(1 + dice.below(28)).padStart(2, "0")}T09:14:00Z`,
    last_seen_at: new Date(Date.parse(DATA_UNTIL) - i * 5.3e6 - dice.below(4e6)).toISOString(),
    events,
    responses: answered > 0.35 ? 1 + dice.below(4) : 0,
    channels: CHANNELS.slice(0, 2 + dice.below(5)),
    value: dice.next() > 0.2 ? (events * (2 + dice.next() * 14)).toFixed(4) : null,
    currency: "EUR",
    last_nps: answered > 0.5 ? dice.below(11) : null,
    last_csat: answered > 0.35 ? 1 + dice.below(5) : null,
    last_ces: answered > 0.75 ? 1 + dice.below(7) : null,
    stage: dice.pick(["awareness", "consideration", "purchase", "retention", "advocacy"]),
    provisional: false,
  };
});

type Step = Partial<TimelineItem> & { name: string; channel: string };
const STORY: Step[] = [
  { name: "page_viewed", channel: "web", stage: "awareness", direction: "inbound" },
  {
    name: "product_viewed",
    channel: "app",
    stage: "consideration",
    direction: "inbound",
    product: "Linen throw, moss",
  },
  { name: "cart_updated", channel: "app", stage: "consideration", direction: "inbound" },
  { name: "payment_failed", channel: "app", stage: "consideration", outcome: "failed", direction: "inbound" },
  {
    name: "order_placed",
    channel: "web",
    stage: "purchase",
    reference: "O-20418",
    amount: "129.9000",
    currency: "EUR",
    direction: "inbound",
  },
  {
    name: "order_confirmed",
    channel: "email",
    stage: "purchase",
    reference: "O-20418",
    direction: "outbound",
    automated: true,
  },
  { name: "parcel_shipped", channel: "system", stage: "purchase", reference: "O-20418", automated: true },
  { name: "promise_missed", channel: "system", stage: "purchase", reference: "O-20418", automated: true },
  {
    name: "bot_session",
    channel: "bot",
    conversation_id: "b-8812",
    outcome: "handed over",
    automated: true,
    direction: "inbound",
    duration_ms: 95_000,
  },
  {
    name: "call_answered",
    channel: "phone",
    conversation_id: "c-3107",
    outcome: "unresolved",
    team: "Service North",
    duration_ms: 742_000,
    direction: "inbound",
    text: "Customer asks where the parcel is; tracking has not moved for six days.",
    sentiment: -0.31,
  },
  { name: "parcel_delivered", channel: "field", stage: "purchase", reference: "O-20418", location: "North" },
  { name: "How satisfied are you with your order?", channel: "survey" },
  {
    name: "email_received",
    channel: "email",
    conversation_id: "m-771",
    direction: "inbound",
    text: "The throw is lovely but it came nine days late. Who do I talk to about the delivery fee?",
    sentiment: -0.12,
  },
  { name: "refund_paid", channel: "system", reference: "O-20418", amount: "-4.9500", currency: "EUR", automated: true },
  { name: "store_visited", channel: "store", location: "Grafton Street", stage: "retention", direction: "inbound" },
  { name: "How likely are you to recommend us to a friend?", channel: "survey" },
];

export function timeline(person: PersonRow): TimelineItem[] {
  const dice = new Dice(`timeline${person.person_id}`);
  const start = Date.parse(person.first_seen_at);
  const end = Date.parse(person.last_seen_at);
  const many = Math.max(STORY.length, person.events);
  const items = Array.from({ length: many }, (_, i): TimelineItem => {
    const step = STORY[i % STORY.length]!;
    const survey = step.channel === "survey";
    const nps = step.name.startsWith("How likely");
    const bad = i < STORY.length;
    return {
      kind: survey ? "response" : "event",
      source: survey
        ? "surveys"
        : step.channel === "phone"
          ? "calls"
          : step.channel === "store"
            ? "stores"
            : "web_shop",
      id: `${person.person_id}-${i}`,
      at: new Date(start + ((end - start) * (i + dice.next() * 0.6)) / many).toISOString(),
      direction: null,
      automated: null,
      stage: null,
      reference: null,
      conversation_id: null,
      outcome: null,
      duration_ms: null,
      team: null,
      location: null,
      product: null,
      amount: null,
      currency: null,
      text: survey && bad ? WORDS[nps ? "t-helpful" : "t-late"]![0]! : null,
      sentiment: survey && bad ? (nps ? 0.6 : -0.5) : null,
      response_kind: survey ? (nps ? "nps" : "csat") : null,
      score: survey ? (nps ? (person.last_nps ?? 8) : bad ? 2 : 4) : null,
      scale_min: survey ? (nps ? 0 : 1) : null,
      scale_max: survey ? (nps ? 10 : 5) : null,
      ...step,
    };
  });
  return items.sort((a, b) => b.at.localeCompare(a.at));
}
