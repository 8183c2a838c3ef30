/**
 * Answers in words. A sentence claims a direction only where the server's verdict does; "unclear" is said as such.
 * Pure, so that every sentence can be tested.
 */
import type { Change, Driver, Drivers, Journey, Overview, ScoreChange, Scores, Stage, Voice } from "../api/types";
import * as number from "./number";
import * as time from "./time";
import { list, lower, title } from "./words";

/** `+2.1 points since May (+0.8 to +3.4)` in parts: the reader sees the figure bold. */
export function changeParts(
  change: ScoreChange,
  kind: Parameters<typeof number.differenceUnit>[0],
): { mark: string; figure: string; rest: string } {
  const unit = number.differenceUnit(kind);
  const since = `since ${time.period(change.period, change.previous_start, undefined, change.period === "month")}`;
  const bounds = number.signedInterval(change.difference, unit);
  if (change.difference.estimate === null)
    return { mark: "", figure: "", rest: `change ${since}: ${number.reason(change.difference)}` };
  const inner = bounds ? ` (${bounds})` : "";
  if (change.verdict === "unclear") return { mark: "", figure: "Change unclear", rest: ` ${since}${inner}` };
  const mark = change.verdict === "up" ? "▲" : "▼";
  return { mark, figure: `${number.signed(change.difference.estimate, unit)}`, rest: ` ${since}${inner}` };
}

const moved = (verdict: "up" | "down" | "unclear") =>
  verdict === "up" ? "rose" : verdict === "down" ? "fell" : "may have moved";

/** One thing that changed, as a sentence. */
export function changeSentence(change: Change): string {
  if (change.kind === "theme") {
    return `More people talk about “${change.name}”: ${number.plain(change.surge_ratio)} times as often as before.`;
  }
  const where = change.kind === "slice" ? ` in ${lower(change.slice_by)} ${title(change.slice)}` : "";
  const from = number.value(change.before.estimate, change.metric_kind);
  const to = number.value(change.now.estimate, change.metric_kind);
  const when = time.period(change.period, change.period_start);
  return `${title(change.metric)}${where} ${moved(change.verdict)} from ${from} to ${to} in ${when}.`;
}

/**
 * The answer of the overview. Only `changes` counts: it knows how many comparisons were made. A card's own verdict does not, and with
 * nine scores one of them leaves out 0 by chance often enough.
 */
export function overviewHeadline(overview: Overview): string {
  if (overview.scores.every(({ score }) => score.n === 0)) return "No answers yet";
  const scores = overview.changes.filter((change) => change.kind === "score" && change.verdict !== "unclear");
  const slices = overview.changes.filter((change) => change.kind === "slice" && change.verdict !== "unclear");
  const first = scores[0] ?? slices[0];
  const top = overview.drivers?.top[0];
  const cause = top && top.importance.estimate !== null ? `; its first driver is ${lower(top.driver)}` : "";
  if (first && first.kind !== "theme") {
    const where = first.kind === "slice" ? ` in ${title(first.slice)}` : "";
    const same = overview.drivers?.metric === first.metric;
    return `${title(first.metric)}${where} ${moved(first.verdict)} in ${time.period(first.period, first.period_start)}${same ? cause : ""}`;
  }
  const changes = overview.scores.flatMap(({ change }) => (change ? [change] : []));
  const when = changes[0] ? ` in ${time.period(changes[0].period, changes[0].period_start)}` : "";
  return changes.length
    ? `No score moved beyond chance${when}`
    : `${title(overview.scores[0]?.metric ?? "Scores")} and what moves it`;
}

/** The answer of a score's page: for whom does it differ most, beyond its interval. */
export function scoreHeadline(scores: Scores): string {
  const { metric, score } = scores;
  if (score.estimate === null) return `${title(metric.metric)}: ${number.reason(score)}`;
  const at = `${title(metric.metric)} is ${number.value(score.estimate, metric.kind)}`;
  const apart = scores.slices
    .flatMap(({ slice_by, slices }) => slices.map((slice) => ({ slice_by, ...slice })))
    .filter(
      ({ score: own }) =>
        own.upper !== null &&
        own.lower !== null &&
        score.estimate !== null &&
        (own.upper < score.estimate || own.lower > score.estimate),
    )
    .sort((a, b) => Math.abs(b.score.estimate! - score.estimate!) - Math.abs(a.score.estimate! - score.estimate!))[0];
  if (!apart) return `${at}; no group stands apart beyond chance`;
  const side = apart.score.estimate! < score.estimate ? "below" : "above";
  return `${at}; ${lower(apart.slice_by)} ${title(apart.slice)} stands furthest ${side}`;
}

/** The stage that loses the largest share of its people; stages without a figure are left out. */
export function worstStage(stages: Stage[]): Stage | null {
  const known = stages.filter(({ conversion, people }) => conversion.estimate !== null && people >= 5);
  return known.reduce<Stage | null>(
    (worst, stage) => (worst === null || stage.conversion.estimate! < worst.conversion.estimate! ? stage : worst),
    null,
  );
}

export function journeyHeadline(journey: Journey): string {
  const worst = worstStage(journey.stages);
  if (!worst)
    return journey.people === 0
      ? "Nobody is on this journey in this selection"
      : `${title(journey.journey)}: no stage has enough people to compare`;
  const lost = worst.people - worst.continued;
  return `${title(worst.stage)} loses the largest share: ${number.count(lost)} of ${number.count(worst.people)} people went no further`;
}

export function voiceHeadline(voice: Voice): string {
  if (voice.comments === 0) return "Nobody has said anything in this selection";
  const emerging = voice.themes.find((theme) => theme.surge?.emerging);
  const costly = voice.themes.find((theme) => (theme.impact ?? 0) < 0 && (theme.score_effect.upper ?? 0) < 0);
  const parts = [
    costly ? `“${firstTerms(costly.name)}” costs most` : null,
    emerging ? `“${firstTerms(emerging.name)}” is new` : null,
  ].filter((part): part is string => part !== null);
  if (parts.length) return `${parts.join("; ")}`;
  return `${number.count(voice.comments)} comments; no theme weighs on the score beyond chance`;
}

/** The first two terms of a theme's name: enough to recognise it. */
export function firstTerms(name: string): string {
  return name.split(", ").slice(0, 2).join(", ");
}

export function driversHeadline(drivers: Drivers): string {
  if (!drivers.metric) return "No drivers have been computed";
  const few = drivers.drivers.filter((driver) => driver.vital_few);
  const name = title(drivers.metric.metric);
  if (drivers.drivers.length === 0) return `Nothing measured so far moves ${name}`;
  const first = drivers.drivers[0]!;
  const share = few.at(-1)?.cumulative ?? null;
  if (few.length > 1 && share !== null) {
    return `${title(first.driver)} moves ${name} most; ${few.length} drivers hold ${number.percent(share)} of what is explained`;
  }
  return `${title(first.driver)} moves ${name} most`;
}

/** What a driver does, in one sentence. */
export function driverSentence(driver: Driver): string {
  if (driver.effect === null) return `${title(driver.driver)} goes with different scores.`;
  const size = number.signed(driver.effect, "points");
  return driver.kind === "boolean"
    ? `Where it is present, the score differs by ${size} points.`
    : `Per standard deviation, the score differs by ${size} points.`;
}

export { list };
