/**
 * An invented company, as the server would describe it. Figures are plausible, not computed: the mock exists so that pages can
 * be built and tested without a store. Intervals are real formulas, so that widths look right for their n.
 */
import type {
  Change,
  Driver,
  Estimate,
  Friction,
  MetricDefinition,
  PersonRow,
  Quote,
  Run,
  ScoreChange,
  ScreenedOut,
  Stage,
  Theme,
  TimelineItem,
  Transition,
  TrendPoint,
} from "../src/api/types";
import { Dice } from "./dice.ts";

export const CHANNELS = ["web", "app", "email", "phone", "chat", "bot", "store", "social", "survey", "field"];
export const DATA_FROM = "2025-07-01T05:12:09Z";
export const DATA_UNTIL = "2026-06-30T22:41:10Z";
export const REGIONS = ["Leinster", "Munster", "Connacht", "Ulster", "North"];
export const SEGMENTS = ["new", "regular", "loyal", "business"];

const Z = 1.959964;

export function wilson(k: number, n: number): Estimate {
  if (n === 0) return { estimate: null, lower: null, upper: null, n, level: 0.95, method: "wilson", reason: "empty" };
  if (n < 5) return { estimate: null, lower: null, upper: null, n, level: 0.95, method: "wilson", reason: "too_few" };
  const p = k / n;
  const middle = (p + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  return { estimate: p, lower: middle - half, upper: middle + half, n, level: 0.95, method: "wilson", reason: null };
}

export function normal(estimate: number, sd: number, n: number, method = "t"): Estimate {
  if (n < 5)
    return { estimate: null, lower: null, upper: null, n, level: 0.95, method, reason: n ? "too_few" : "empty" };
  const half = (Z * sd) / Math.sqrt(n);
  return { estimate, lower: estimate - half, upper: estimate + half, n, level: 0.95, method, reason: null };
}

export const METRICS: MetricDefinition[] = [
  {
    metric: "relationship_nps",
    kind: "nps",
    version: "6b2e91d0",
    survey: "relationship",
    question: "How likely are you to recommend us to a friend?",
    scale_min: 0,
    scale_max: 10,
    population: "customer",
    period: "month",
    target: 0.35,
    slices: ["channel", "region", "segment"],
    drivers: false,
    definition: "Share of answers 9–10 minus share of answers 0–6 to “How likely are you to recommend us to a friend?”",
  },
  {
    metric: "delivery_csat",
    kind: "csat",
    version: "f01c77a4",
    survey: "after_delivery",
    question: "How satisfied are you with your order?",
    scale_min: 1,
    scale_max: 5,
    population: "customer",
    period: "month",
    target: 0.8,
    slices: ["channel", "region", "segment"],
    drivers: true,
    definition: "Share of answers 4 or 5 to “How satisfied are you with your order?”",
  },
  {
    metric: "contact_ces",
    kind: "ces",
    version: "0d9a3b52",
    survey: "after_contact",
    question: "How easy was it to get help?",
    scale_min: 1,
    scale_max: 7,
    population: "customer",
    period: "month",
    target: 5.5,
    slices: ["channel", "region", "segment"],
    drivers: false,
    definition: "Mean of the answers 1–7 to “How easy was it to get help?”",
  },
  {
    metric: "repeat_buyers",
    kind: "share",
    version: "9913fe08",
    survey: null,
    question: null,
    scale_min: null,
    scale_max: null,
    population: "customer",
    period: "month",
    target: null,
    slices: ["region", "segment"],
    drivers: false,
    definition: "Share of buyers who ordered again within 90 days",
  },
];

const LEVEL: Record<string, { base: number; sd: number; n: number; last: number }> = {
  relationship_nps: { base: 0.31, sd: 0.78, n: 610, last: -0.01 },
  delivery_csat: { base: 0.776, sd: 0.42, n: 1240, last: -0.062 },
  contact_ces: { base: 5.21, sd: 1.5, n: 480, last: 0.05 },
  repeat_buyers: { base: 0.234, sd: 0.42, n: 900, last: 0.004 },
};

/** Estimate of a metric, shifted, at a size. */
export function estimate(metric: MetricDefinition, shift: number, n: number): Estimate {
  const level = LEVEL[metric.metric]!;
  const at = level.base + shift;
  if (metric.kind === "csat" || metric.kind === "share") return wilson(Math.round(at * n), n);
  return normal(at, level.sd, n, metric.kind === "nps" ? "adjusted_wald" : "t");
}

/** Months of the data, oldest first. */
export const MONTHS = Array.from({ length: 12 }, (_, i) => {
  const month = 6 + i;
  return `${2025 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}-01`;
});

export function trend(metric: MetricDefinition, shift = 0, size = 1): TrendPoint[] {
  const dice = new Dice(`${metric.metric}${shift}${size}`);
  const level = LEVEL[metric.metric]!;
  const spread = level.sd / Math.sqrt(level.n * size);
  return MONTHS.map((period_start, i) => {
    const late = i >= 10 ? level.last * (i === 10 ? 0.2 : 1) : 0;
    const n = Math.max(3, Math.round(level.n * size * (0.85 + 0.3 * dice.next())));
    return { period_start, score: estimate(metric, shift + late + dice.normal() * spread * 0.6, n), partial: false };
  });
}

export function change(
  metric: MetricDefinition,
  points: TrendPoint[],
): (ScoreChange & { now: Estimate; before: Estimate }) | null {
  const [before, now] = points.slice(-2);
  if (!before || !now || before.score.estimate === null || now.score.estimate === null) return null;
  const difference = now.score.estimate - before.score.estimate;
  const half = Math.hypot((now.score.upper! - now.score.lower!) / 2, (before.score.upper! - before.score.lower!) / 2);
  const estimated: Estimate = {
    estimate: difference,
    lower: difference - half,
    upper: difference + half,
    n: now.score.n + before.score.n,
    level: 0.95,
    method: metric.kind === "csat" || metric.kind === "share" ? "newcombe" : metric.kind === "nps" ? "normal" : "welch",
    reason: null,
  };
  return {
    difference: estimated,
    period: "month",
    period_start: now.period_start,
    previous_start: before.period_start,
    verdict: difference - half > 0 ? "up" : difference + half < 0 ? "down" : "unclear",
    now: now.score,
    before: before.score,
  };
}

export function distribution(metric: MetricDefinition, n: number): { score: number; n: number }[] | null {
  if (metric.scale_min === null || metric.scale_max === null) return null;
  const shape: Record<string, number[]> = {
    relationship_nps: [2, 1, 2, 2, 3, 6, 7, 12, 18, 19, 28],
    delivery_csat: [8, 5, 9, 26, 52],
    contact_ces: [4, 5, 7, 11, 19, 27, 27],
  };
  const parts = shape[metric.metric]!;
  const all = parts.reduce((a, b) => a + b, 0);
  return parts.map((part, i) => ({ score: metric.scale_min! + i, n: Math.round((part / all) * n) }));
}

const SHIFTS: Record<string, number> = {
  North: -0.19,
  app: -0.03,
  phone: -0.06,
  store: 0.07,
  loyal: 0.09,
  new: -0.05,
  business: 0.02,
};

export function slices(
  metric: MetricDefinition,
  size: number,
): { slice_by: string; slices: { slice: string; score: Estimate }[] }[] {
  const total = LEVEL[metric.metric]!.n * 12 * size;
  const values: Record<string, string[]> = {
    channel: ["web", "app", "store", "phone", "partner"],
    region: REGIONS,
    segment: SEGMENTS,
  };
  const weights: Record<string, number[]> = {
    channel: [0.46, 0.29, 0.16, 0.09, 0.0001],
    region: [0.38, 0.26, 0.17, 0.12, 0.07],
    segment: [0.4, 0.31, 0.2, 0.09],
  };
  const scale = metric.kind === "ces" ? 4 : 1;
  return metric.slices.map((slice_by) => ({
    slice_by,
    slices: (values[slice_by] ?? []).map((slice, i) => ({
      slice,
      score: estimate(
        metric,
        (SHIFTS[slice] ?? 0.006 + 0.004 * i) * scale,
        Math.max(3, Math.round(total * (weights[slice_by]?.[i] ?? 0.05))),
      ),
    })),
  }));
}

export function changes(): Change[] {
  const csat = METRICS[1]!;
  const whole = change(csat, trend(csat))!;
  const before = wilson(168, 214);
  const now = wilson(121, 229);
  return [
    { kind: "score", metric: csat.metric, metric_kind: "csat", ...whole },
    {
      kind: "slice",
      slice_by: "region",
      slice: "North",
      metric: csat.metric,
      metric_kind: "csat",
      period: "month",
      period_start: "2026-06-01",
      previous_start: "2026-05-01",
      now,
      before,
      difference: {
        estimate: -0.2567,
        lower: -0.3395,
        upper: -0.1683,
        n: 443,
        level: 0.95,
        method: "newcombe",
        reason: null,
      },
      verdict: "down",
    },
    {
      kind: "theme",
      theme_id: "t-carrier",
      name: "carrier, tracking, no update",
      surge_ratio: 3.4,
      surge_p: 0.0004,
      n: 412,
    },
    {
      kind: "slice",
      slice_by: "channel",
      slice: "store",
      metric: "relationship_nps",
      metric_kind: "nps",
      period: "month",
      period_start: "2026-06-01",
      previous_start: "2026-05-01",
      now: normal(0.44, 0.7, 118, "adjusted_wald"),
      before: normal(0.26, 0.75, 131, "adjusted_wald"),
      difference: { estimate: 0.18, lower: 0.001, upper: 0.359, n: 249, level: 0.95, method: "normal", reason: null },
      verdict: "up",
    },
  ];
}

const boot = (estimate: number, half: number, n: number): Estimate => ({
  estimate,
  lower: Math.max(0, estimate - half),
  upper: estimate + half,
  n,
  level: 0.95,
  method: "bootstrap",
  reason: null,
});

const DRIVER_N = 11_842;
function driver(
  name: string,
  family: string,
  kind: Driver["kind"],
  rank: number,
  importance: number,
  cumulative: number,
  effect: number | null,
  association: number | null,
  performance: number | null,
): Driver {
  return {
    driver: name,
    family,
    kind,
    rank,
    importance: boot(importance, 0.012 + importance * 0.14, DRIVER_N),
    cumulative,
    vital_few: cumulative - importance < 0.8,
    effect,
    association,
    performance,
  };
}

export const DRIVERS: Driver[] = [
  driver("promise_broken", "delivery", "boolean", 1, 0.382, 0.382, -1.21, -0.31, 0.117),
  driver("days_late", "delivery", "numeric", 2, 0.151, 0.533, -0.28, -0.19, 0.42),
  driver("contact_unresolved", "contact", "boolean", 3, 0.134, 0.667, -0.74, -0.18, 0.083),
  driver("item_damaged", "product", "boolean", 4, 0.091, 0.758, -1.02, -0.15, 0.031),
  driver("store_visit", "store", "boolean", 5, 0.062, 0.82, 0.31, 0.11, 0.243),
  driver("queue_minutes", "contact", "numeric", 6, 0.047, 0.867, -0.12, -0.09, 6.4),
  driver("theme_packaging", "voice", "boolean", 7, 0.036, 0.903, -0.33, -0.07, 0.044),
  driver("app_version", "app", "category", 8, 0.029, 0.932, null, -0.06, null),
  driver("refund_days", "contact", "numeric", 9, 0.024, 0.956, -0.08, -0.05, 5.1),
  driver("loyal_customer", "history", "boolean", 10, 0.021, 0.977, 0.16, 0.05, 0.312),
  driver("order_value", "history", "numeric", 11, 0.013, 0.99, -0.04, -0.03, 84.2),
  driver("gift_wrapped", "product", "boolean", 12, 0.01, 1, 0.09, 0.02, 0.071),
];

export const FAMILIES: Driver[] = [
  driver("delivery", "delivery", "family", 1, 0.533, 0.533, null, null, null),
  driver("contact", "contact", "family", 2, 0.205, 0.738, null, null, null),
  driver("product", "product", "family", 3, 0.101, 0.839, null, null, null),
  driver("store", "store", "family", 4, 0.062, 0.901, null, null, null),
  driver("voice", "voice", "family", 5, 0.036, 0.937, null, null, null),
  driver("history", "history", "family", 6, 0.034, 0.971, null, null, null),
  driver("app", "app", "family", 7, 0.029, 1, null, null, null),
];

export const SCREENED: ScreenedOut[] = [
  ["email_opened", "contact", "boolean", 0.0011, 0.08, "weaker than the sixteenth candidate"],
  ["weekday", "history", "category", 0.0008, 0.21, "weaker than the sixteenth candidate"],
  ["bot_first", "contact", "boolean", 0.0006, 0.19, "weaker than the sixteenth candidate"],
  ["coupon_used", "history", "boolean", 0.0003, 0.44, "weaker than the sixteenth candidate"],
  ["invoice_by_post", "history", "boolean", null, null, "no variance"],
  ["call_transferred", "contact", "boolean", null, null, "too few answers (n 11)"],
].map(([name, family, kind, statistic, p_value, reason]) => ({
  driver: name as string,
  family: family as string,
  kind: kind as string,
  statistic: statistic as number | null,
  p_value: p_value as number | null,
  reason: reason as string,
  n: reason === "too few answers (n 11)" ? 11 : DRIVER_N,
}));

// ---------------------------------------------------------------- voice

const WORDS: Record<string, string[]> = {
  "t-late": [
    "Promised for Tuesday, came the following Monday. Nobody told me anything in between.",
    "Third time the date moved. I would rather have an honest date than a fast one.",
    "Two weeks late for a birthday present. The child was in tears and so was I.",
    "Good product, but ▇▇▇ days after the date on the confirmation.",
  ],
  "t-carrier": [
    "The tracking page said “no update” for six days since you changed the carrier.",
    "New courier left it with a neighbour I do not know, and the app still says on its way.",
    "Tracking stopped at the depot. I rang twice and got two different stories.",
  ],
  "t-helpful": [
    "▇▇▇ in the shop took the time to find the right size. That is why I come back.",
    "Lovely staff, sorted in two minutes at the counter.",
    "The woman on the phone knew my order before I said a word.",
  ],
  "t-packaging": [
    "So much plastic around one lamp, and the shade was still dented.",
    "Box was open when it arrived, one cup broken.",
  ],
  "t-app": [
    "App froze at payment since the update, had to order on the laptop.",
    "Pay button does nothing on my phone after version 4.2.",
  ],
  "t-refund": [
    "Refund took nineteen days. The parcel was back with you after three.",
    "Still waiting for ▇▇▇ back from March.",
  ],
  "t-quality": ["The linen is beautiful, heavier than I expected for the price.", "Colours exactly as in the picture."],
  "t-queue": [
    "Twenty minutes of music, then the line went dead.",
    "Kept asking the bot for a human. It kept offering me the opening hours.",
  ],
};

export function quotes(theme: string, many: number): Quote[] {
  const dice = new Dice(theme);
  const words = WORDS[theme] ?? ["…"];
  return Array.from({ length: many }, (_, i) => {
    const bad = !["t-helpful", "t-quality"].includes(theme);
    const day = 29 - i * 2;
    return {
      comment_id: `${theme}-c${i}`,
      text: words[i % words.length]!,
      language: "en",
      at: `2026-0${day > 0 ? 6 : 5}-${String(day > 0 ? day : 30 + day).padStart(2, "0")}T${10 + dice.below(10)}:${10 + dice.below(49)}:00Z`,
      channel: dice.pick(["survey", "email", "phone", "social", "chat"]),
      about: dice.pick(["after_delivery", "relationship", "contact_closed"]),
      stage: dice.pick(["purchase", "retention", null]),
      person_id: PEOPLE[dice.below(40)]!.person_id,
      score: bad ? 1 + dice.below(3) : 4 + dice.below(2),
      scale_max: 5,
      sentiment: bad ? -0.2 - 0.6 * dice.next() : 0.4 + 0.5 * dice.next(),
    };
  });
}

type ThemeSeed = [
  id: string,
  name: string,
  n: number,
  sentiment: number,
  effect: number | null,
  surge: [number, number] | null,
];
const THEME_SEEDS: ThemeSeed[] = [
  ["t-late", "late, promised date, still waiting", 1384, -0.48, -1.32, [1.3, 0.11]],
  ["t-carrier", "carrier, tracking, no update", 412, -0.41, -1.08, [3.4, 0.0004]],
  ["t-helpful", "staff, helpful, shop", 1612, 0.66, 0.27, [1.0, 0.92]],
  ["t-queue", "waiting on the line, bot, no human", 604, -0.52, -0.62, [0.9, 0.71]],
  ["t-refund", "refund, money back, days", 377, -0.39, -0.71, [1.1, 0.64]],
  ["t-packaging", "box, plastic, broken", 498, -0.31, -0.44, [1.2, 0.33]],
  ["t-quality", "linen, quality, colours", 1190, 0.71, 0.16, [1.0, 0.88]],
  ["t-app", "app, payment, button", 156, -0.37, null, null],
];
export const COMMENTS = 9480;

export function themes(size = 1, quoted = 2): Theme[] {
  return THEME_SEEDS.map(([theme_id, name, all, sentiment, effect, surge]) => {
    const n = Math.round(all * size);
    const share = wilson(n, Math.round(COMMENTS * size * 0.93));
    return {
      theme_id,
      name,
      terms: name.split(/, | /).filter((term) => term.length > 2),
      language: "en",
      n,
      share,
      sentiment: normal(sentiment, 0.45, n, "bootstrap"),
      score_effect:
        effect === null
          ? { estimate: null, lower: null, upper: null, n: 3, level: 0.95, method: "bootstrap", reason: "too_few" }
          : normal(effect / 10, 0.13, n, "bootstrap"),
      impact: effect === null || share.estimate === null ? null : (effect / 10) * share.estimate,
      surge: surge && { ratio: surge[0], p: surge[1], emerging: surge[0] > 1 && surge[1] < 0.05 },
      quotes: quotes(theme_id, quoted),
    };
  }).sort((a, b) => Math.abs(b.impact ?? 0) - Math.abs(a.impact ?? 0) || b.n - a.n);
}

// ---------------------------------------------------------------- journey

const stage = (
  position: number,
  name: string,
  people: number,
  continued: number,
  median_ms: number | null,
  last = false,
): Stage => ({
  position,
  stage: name,
  people,
  continued,
  conversion: last
    ? { estimate: null, lower: null, upper: null, n: people, level: 0.95, method: "wilson", reason: "last_stage" }
    : wilson(continued, people),
  median_ms,
});

const HOUR = 3_600_000;
export function stages(journey: string, size: number): Stage[] {
  const s = (n: number) => Math.round(n * size);
  if (journey === "get_help") {
    return [
      stage(1, "ask", s(6214), s(5480), 0.4 * HOUR),
      stage(2, "answer", s(5480), s(4022), 21 * HOUR),
      stage(3, "resolved", s(4022), 0, null, true),
    ];
  }
  return [
    stage(1, "awareness", s(19842), s(14211), 52 * HOUR),
    stage(2, "consideration", s(14211), s(9020), 31 * HOUR),
    stage(3, "purchase", s(9020), s(5614), 412 * HOUR),
    stage(4, "retention", s(5614), s(1203), 1310 * HOUR),
    stage(5, "advocacy", s(1203), 0, null, true),
  ];
}

type Flow = [from: string, to: string, n: number, waitHours: number | null];
const FLOWS: Flow[] = [
  ["(start)", "page_viewed", 15800, null],
  ["(start)", "ad_clicked", 6120, null],
  ["ad_clicked", "page_viewed", 5580, 0.1],
  ["page_viewed", "product_viewed", 14900, 0.2],
  ["page_viewed", "(end)", 5210, null],
  ["product_viewed", "cart_updated", 10480, 3.1],
  ["product_viewed", "store_visited", 1290, 41],
  ["product_viewed", "(end)", 4020, null],
  ["store_visited", "order_placed", 830, 26],
  ["cart_updated", "payment_failed", 1420, 0.1],
  ["cart_updated", "order_placed", 7610, 0.3],
  ["cart_updated", "(end)", 1710, null],
  ["cart_updated", "product_viewed", 2100, 1.2],
  ["payment_failed", "order_placed", 610, 1.9],
  ["payment_failed", "(end)", 790, null],
  ["payment_failed", "payment_failed", 512, 0.05],
  ["order_placed", "parcel_shipped", 8920, 22],
  ["parcel_shipped", "parcel_delivered", 7630, 52],
  ["parcel_shipped", "promise_missed", 1190, 96],
  ["promise_missed", "contact_opened", 590, 8],
  ["promise_missed", "parcel_delivered", 560, 61],
  ["parcel_delivered", "survey_answered", 3980, 49],
  ["parcel_delivered", "contact_opened", 890, 33],
  ["parcel_delivered", "(end)", 3210, null],
  ["contact_opened", "contact_closed", 1390, 19],
  ["contact_opened", "contact_opened", 331, 27],
  ["contact_closed", "survey_answered", 620, 26],
  ["contact_closed", "(end)", 710, null],
  ["survey_answered", "order_placed", 1180, 911],
  ["survey_answered", "review_posted", 410, 60],
  ["survey_answered", "(end)", 2990, null],
  ["review_posted", "(end)", 400, null],
  ["order_placed", "order_cancelled", 260, 5],
  ["order_cancelled", "(end)", 240, null],
];

export function transitions(size: number): Transition[] {
  return FLOWS.map(([from_step, to_step, n, wait]) => ({
    from_step,
    to_step,
    n: Math.round(n * size),
    people: Math.round(n * size * 0.86),
    median_wait_ms: wait === null ? null : wait * HOUR,
    p90_wait_ms: wait === null ? null : wait * HOUR * 3.4,
  })).sort((a, b) => b.n - a.n);
}

export function friction(size: number): Friction[] {
  const s = (n: number) => Math.round(n * size);
  const item = (
    kind: Friction["kind"],
    from_step: string,
    to_step: string | null,
    n: number,
    of: number,
    wait: number | null,
  ): Friction => ({
    kind,
    from_step,
    to_step,
    n: s(n),
    people: s(n * 0.86),
    share: wilson(s(n), s(of)),
    median_wait_ms: wait === null ? null : wait * HOUR,
    p90_wait_ms: wait === null ? null : wait * HOUR * 3.4,
  });
  return [
    item("drop_off", "page_viewed", null, 5210, 21380, null),
    item("drop_off", "product_viewed", null, 4020, 17000, null),
    item("wait", "parcel_shipped", "promise_missed", 1190, 8820, 96),
    item("drop_off", "payment_failed", null, 790, 1932, null),
    item("wait", "contact_opened", "contact_closed", 1390, 1721, 19),
    item("repeat", "payment_failed", "payment_failed", 512, 1932, 0.05),
    item("repeat", "contact_opened", "contact_opened", 331, 1721, 27),
  ];
}

// ---------------------------------------------------------------- people

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

// ---------------------------------------------------------------- runs

export const STEPS = ["import", "identity", "profiles", "journeys", "metrics", "voice", "drivers"];

export function run(run_id: string, started_at: string, failed = false): Run {
  const dice = new Dice(run_id);
  const rows = [0, 61_204, 20_118, 388_401, 1_284, 9_480, 31];
  const steps = STEPS.slice(1).map((step, i) => ({
    step,
    mode: i === 0 ? "full" : "incremental",
    rows: failed && i === 5 ? 0 : rows[i + 1]!,
    seconds: Math.round((0.6 + dice.next() * (i === 2 ? 7 : 3)) * 100) / 100,
    started_at,
    status: failed && i === 5 ? ("failed" as const) : ("done" as const),
    detail: failed && i === 5 ? "The disk is full: 0 bytes left on /data. Nothing was stored by this step." : null,
  }));
  return {
    run_id,
    started_at,
    seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
    status: failed ? "failed" : "done",
    steps,
  };
}
