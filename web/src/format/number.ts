/**
 * The only place that rounds. Fractions become percent here, NPS becomes −100..100 here, and nowhere else.
 *
 * Numbers are written in the reader's locale. A minus is U+2212, which has the width of a plus in tabular figures. Where an
 * interval has a negative bound the dash would be misread, so the bounds are joined by "to".
 */
import type { Estimate, MetricKind } from "../api/types";

/** What an estimate counts in. `share`, `nps` and `scale` (an effect as a part of the answer's scale) are fractions on the wire. */
export type Unit = MetricKind | "points" | "scale" | "sentiment" | "share_points" | "nps_points";

const MISSING = "–";

/** Fewer values than this are not told. */
export const FEWEST = 5;

function formatter(digits: number, locale?: string): Intl.NumberFormat {
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function minus(text: string): string {
  return text.replace("-", "−");
}

/** Units on the 0..1 or −1..1 wire that are shown times 100. */
const HUNDRED: ReadonlySet<Unit> = new Set<Unit>(["nps", "csat", "share", "share_points", "nps_points", "scale"]);

/** Digits after the point. */
function digits(unit: Unit): number {
  return HUNDRED.has(unit) ? 1 : 2;
}

/** The bare number of `value` in `unit`, without sign or unit mark. */
function scaled(value: number, unit: Unit, locale?: string): string {
  const shown = HUNDRED.has(unit) ? value * 100 : value;
  const text = formatter(digits(unit), locale).format(shown);
  return minus(/^-0([.,]0+)?$/.test(text) ? text.slice(1) : text);
}

/** Mark after the number: ` %` for shares and parts of a scale, nothing else. */
export function unitMark(unit: Unit): string {
  return unit === "csat" || unit === "share" || unit === "scale" ? "\u202f%" : "";
}

/** `71.3 %`, `−12.4`, `4.12`; `–` for null. */
export function value(estimate: number | null, unit: Unit, locale?: string): string {
  return estimate === null ? MISSING : scaled(estimate, unit, locale) + unitMark(unit);
}

/** `+2.1`, `−0.4`, `±0.0`: a difference always says its sign. */
export function signed(difference: number | null, unit: Unit, locale?: string): string {
  if (difference === null) return MISSING;
  const text = scaled(difference, unit, locale);
  if (/^[−]/.test(text)) return text;
  return (/[1-9]/.test(text) ? "+" : "±") + text;
}

/** A match weight: `+6.9`, `−1.8`, `±0.0`. */
export function weight(bits: number, locale?: string): string {
  const text = minus(formatter(1, locale).format(bits));
  if (!/[1-9]/.test(text)) return `±${text.replace("−", "")}`;
  return text.startsWith("−") ? text : `+${text}`;
}

/** `69.8–72.7`, or `−3.1 to 4.0` where a bound is negative; null when there is no interval. */
export function interval(estimate: Estimate, unit: Unit, locale?: string): string | null {
  if (estimate.lower === null || estimate.upper === null) return null;
  const [lower, upper] = [scaled(estimate.lower, unit, locale), scaled(estimate.upper, unit, locale)];
  return lower.startsWith("−") || upper.startsWith("−") ? `${lower} to ${upper}` : `${lower}–${upper}`;
}

/** Interval of a difference, signs on both bounds: `+0.8 to +3.4`. */
export function signedInterval(estimate: Estimate, unit: Unit, locale?: string): string | null {
  if (estimate.lower === null || estimate.upper === null) return null;
  return `${signed(estimate.lower, unit, locale)} to ${signed(estimate.upper, unit, locale)}`;
}

export const TOO_FEW = `too few (n < ${FEWEST})`;

/** Why there is no number, in words. */
export function reason(estimate: Estimate): string {
  switch (estimate.reason) {
    case "too_few":
      return TOO_FEW;
    case "empty":
      return "no answers";
    case "no_variance":
      return "all answers are equal";
    case "last_stage":
      return "last stage";
    case "not_computed":
    case null:
    case undefined:
      return "not computed";
    default:
      return estimate.reason.replaceAll("_", " ");
  }
}

/** The whole estimate as one text: `71.3 % (69.8–72.7, n 3,912)`, or the reason. For tooltips, tables, screen readers. */
export function whole(estimate: Estimate, unit: Unit, locale?: string): string {
  if (estimate.estimate === null) return reason(estimate);
  const bounds = interval(estimate, unit, locale);
  return `${value(estimate.estimate, unit, locale)} (${bounds ? `${bounds}, ` : ""}n\u00a0${count(estimate.n, locale)})`;
}

/** `3,912`. */
export function count(n: number, locale?: string): string {
  return minus(formatter(0, locale).format(n));
}

/** `14.9 k`, `5.0 m`: for places where a full count does not fit; the full one belongs in a title. */
export function shortCount(n: number, locale?: string): string {
  if (Math.abs(n) < 10_000) return count(n, locale);
  const text = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 }).format(n);
  return minus(text);
}

/** `812 B`, `1.2 kB`, `3.4 MB`: decimal, as networks count. */
export function bytes(n: number, locale?: string): string {
  if (n < 1_000) return `${count(n, locale)}\u00a0B`;
  if (n < 1_000_000) return `${plain(n / 1_000, 1, locale)}\u00a0kB`;
  return `${plain(n / 1_000_000, 1, locale)}\u00a0MB`;
}

/**
 * A part of a counted whole as percent that is never rounded to what it is not: 99.97 % is not 100.0 %, and 0.02 % is not 0.0 %.
 */
export function countedPercent(part: number, locale?: string): string {
  if (part > 0 && part < 0.001) return `<\u202f${percent(0.001, 1, locale)}`;
  if (part < 1 && part > 0.999) return `>\u202f${percent(0.999, 1, locale)}`;
  return percent(part, part === 1 || part === 0 ? 0 : 1, locale);
}

/** A fraction as percent without interval: only for parts of a counted whole (conservation, people of people). */
export function percent(part: number, digitsAfter = 0, locale?: string): string {
  return `${minus(formatter(digitsAfter, locale).format(part * 100))}\u202f%`;
}

/** A signed fraction as percent: `−0.85 %`. */
export function signedPercent(part: number, digitsAfter = 1, locale?: string): string {
  const text = formatter(digitsAfter, locale).format(Math.abs(part) * 100);
  const sign = !/[1-9]/.test(text) ? "±" : part < 0 ? "−" : "+";
  return `${sign}${text}\u202f%`;
}

/** A plain number, such as a ratio. */
export function plain(number: number, digitsAfter = 1, locale?: string): string {
  return minus(formatter(digitsAfter, locale).format(number));
}

/** A p-value: `p 0.03`, `p < 0.001`. */
export function pValue(p: number | null, locale?: string): string {
  if (p === null) return "p not computed";
  return p < 0.001 ? `p < ${formatter(3, locale).format(0.001)}` : `p ${formatter(p < 0.01 ? 3 : 2, locale).format(p)}`;
}

/** `€129.90` from the wire's decimal text. */
export function money(amount: string | null, currency: string | null, locale?: string): string {
  if (amount === null) return MISSING;
  const number = Number(amount);
  if (!Number.isFinite(number)) return amount;
  if (currency === null) return minus(formatter(2, locale).format(number));
  try {
    return minus(new Intl.NumberFormat(locale, { style: "currency", currency }).format(number));
  } catch {
    return `${minus(formatter(2, locale).format(number))} ${currency}`;
  }
}

/** `€3,396,689`: sums so large that their cents say nothing. */
export function wholeMoney(amount: number, currency: string | null, locale?: string): string {
  if (currency === null) return count(Math.round(amount), locale);
  try {
    const style = { style: "currency", currency, maximumFractionDigits: 0 } as const;
    return minus(new Intl.NumberFormat(locale, style).format(amount));
  } catch {
    return `${count(Math.round(amount), locale)} ${currency}`;
  }
}

/** A score on its scale: `9 of 10`; `4` where the scale is unknown. */
export function score(given: number, scaleMax: number | null, locale?: string): string {
  const text = formatter(Number.isInteger(given) ? 0 : 1, locale).format(given);
  return minus(scaleMax === null ? text : `${text} of ${formatter(0, locale).format(scaleMax)}`);
}

/** The estimate's unit of a difference between two of it. */
export function differenceUnit(kind: MetricKind): Unit {
  if (kind === "nps") return "nps_points";
  if (kind === "csat" || kind === "share") return "share_points";
  return "points";
}

/** The word after a difference. */
export function differenceWord(kind: MetricKind): string {
  return kind === "mean" || kind === "ces" ? "on the scale" : "points";
}

/** A tick on an axis: as few digits as tell it. */
export function axis(tick: number, unit: Unit, locale?: string): string {
  const shown = HUNDRED.has(unit) ? tick * 100 : tick;
  const text = new Intl.NumberFormat(locale, { maximumFractionDigits: HUNDRED.has(unit) ? 1 : 2 }).format(shown);
  return minus(/^-0$/.test(text) ? "0" : text);
}

/** A label inside a chart: the estimate without its unit mark. */
export function short(estimate: number, unit: Unit, locale?: string): string {
  return scaled(estimate, unit, locale);
}
