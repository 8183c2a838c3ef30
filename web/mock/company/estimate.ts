/** Estimates with the intervals that their n gives. */
import type { Estimate } from "../../src/api/types";

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
