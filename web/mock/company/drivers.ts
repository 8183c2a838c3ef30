/** Drivers of the delivery score, their families, and candidates that were screened out. */
import type { Driver, Estimate, ScreenedOut } from "../../src/api/types";

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
