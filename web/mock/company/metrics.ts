/** Scores: their levels, trends, slices, and what changed. */
import type { Change, Estimate, MetricDefinition, ScoreChange, TrendPoint } from "../../src/api/types";
import { Dice } from "../dice.ts";
import { normal, wilson } from "./estimate.ts";
import { REGIONS, SEGMENTS } from "./facts.ts";

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
