/**
 * Answers in words. Of an estimate a sentence claims a direction only where the server's verdict does; "unclear" is said as such. Values of
 * a field are counted, not sampled, so their shares have no interval and no verdict: a sentence compares them as they are, from
 * {@link number.FEWEST} values on, and says n.
 * Pure, so that every sentence can be tested.
 */
import type {
  Change,
  DataPage,
  Driver,
  Drivers,
  FieldQuality,
  Journey,
  LinkEvidence,
  Overview,
  Quality,
  RepairOutcome,
  ReplayReport,
  ScoreChange,
  Scores,
  Source,
  Stage,
  TestReport,
  Voice,
} from "../api/types";
import * as number from "./number";
import { lowerReason } from "./reasons";
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
  const known = stages.filter(({ conversion, people }) => conversion.estimate !== null && people >= number.FEWEST);
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

const balanced = (source: Source) => source.rows.balanced && source.targets.every((target) => target.balanced);
/** Rows of a source that wait in quarantine. */
export const held = (source: Source) => source.quarantine.reduce((sum, { n }) => sum + n, 0);
/** Names in a title: three, and how many more. */
const names = (sources: Source[]) =>
  list(
    sources.length > 3
      ? [...sources.slice(0, 2).map(({ source }) => lower(source)), `${sources.length - 2} more`]
      : sources.map(({ source }) => lower(source)),
  );

/** The answer of the Data page: what is broken, what fails, what is late, what waits. */
export function dataHeadline(data: DataPage): string {
  if (data.sources.every(({ last_import_at }) => last_import_at === null)) return "Nothing has been imported yet";
  const broken = data.sources.filter((source) => !balanced(source));
  if (broken.length > 0) return `The equations do not hold for ${names(broken)}`;
  const of = (status: Source["health"]["status"]) => data.sources.filter(({ health }) => health.status === status);
  const [failing, late] = [of("failing"), of("late")];
  const aside = data.sources.reduce((sum, source) => sum + held(source), 0);
  const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  if (failing.length + late.length > 0) {
    const parts = [
      failing.length > 0 ? `${names(failing)} ${failing.length === 1 ? "fails" : "fail"}` : null,
      late.length > 0 ? `${names(late)} ${late.length === 1 ? "is" : "are"} late` : null,
    ].filter((part): part is string => part !== null);
    return `${upper(list(parts))}; everything that came in is accounted for`;
  }
  if (aside === 0) return "Everything that came in is accounted for and clean";
  const worst = [...data.sources].sort((a, b) => held(b) - held(a))[0]!;
  return `Everything is accounted for; ${number.count(aside)} rows wait in quarantine, most from ${lower(worst.source)}`;
}

/** The answer of a source's page. */
export function sourceHeadline(source: Source): string {
  const name = title(source.source);
  if (source.last_import_at === null) return `${name}: nothing has come in yet`;
  if (!balanced(source)) return `${name}: an equation does not hold`;
  const aside = held(source);
  const clean =
    aside === 0 ? "all of it accounted for and clean" : `all of it accounted for, ${number.count(aside)} in quarantine`;
  switch (source.health.status) {
    case "late":
      return `${name} is late; what came is accounted for`;
    case "failing":
      return `${name} fails; what came is accounted for`;
    default:
      return `${name}: ${number.count(source.rows.read)} rows came in, ${clean}`;
  }
}

/** What is known of a field by batch, oldest first: batches of too few values say nothing. */
export const knownTrend = (field: FieldQuality) =>
  field.trend.flatMap(({ completeness, n }) =>
    completeness === null || n < number.FEWEST ? [] : [{ share: completeness, n }],
  );

/** The answer of the quality page: the field whose completeness fell most, by a twentieth or more; else the one with most wrong values. */
export function qualityHeadline(quality: Quality): string {
  const drops = quality.fields
    .flatMap((field) => {
      const [before, now] = knownTrend(field).slice(-2);
      return before && now ? [{ field, before, now, by: before.share - now.share }] : [];
    })
    .sort((a, b) => b.by - a.by);
  const fell = drops[0];
  if (fell && fell.by >= 0.05) {
    const ns = `n\u00a0${number.count(fell.before.n)} and ${number.count(fell.now.n)}`;
    return `${title(fell.field.field)} of ${lower(fell.field.source)} is emptier than before, by ${number.percent(fell.by)} of its values (${ns})`;
  }
  const counted = quality.fields.flatMap((field) => {
    const { share, n } = field.validity;
    return share === null || n < number.FEWEST ? [] : [{ field, share, n }];
  });
  const worst = counted.sort((a, b) => a.share - b.share)[0];
  if (!worst) return "How good the values are is not known yet";
  if (worst.share < 1)
    return `${title(worst.field.field)} of ${lower(worst.field.source)} holds the most wrong values: ${number.countedPercent(1 - worst.share)} (n\u00a0${number.count(worst.n)})`;
  return "Every value that is there is what its field may hold";
}

/** Outcomes of all sources of a replay. */
export function replayTotals(report: ReplayReport): Record<RepairOutcome, number> & { rows: number; left: number } {
  const sums = { stored: 0, duplicate: 0, quarantined: 0, replaced: 0, discarded: 0, rows: 0, left: 0 };
  for (const { outcomes, left } of report.sources) {
    for (const [outcome, n] of Object.entries(outcomes)) {
      sums[outcome as RepairOutcome] += n;
      sums.rows += n;
    }
    sums.left += left;
    sums.rows += left;
  }
  return sums;
}

function single(sums: ReturnType<typeof replayTotals>, would: boolean): string {
  const be = would ? "would be" : "was";
  if (sums.stored) return `${be} stored`;
  if (sums.duplicate) return `is there already and ${be} closed`;
  if (sums.replaced) return `${be} refused for another reason and ${would ? "would wait" : "waits"} under that`;
  if (sums.discarded) return `${be} closed without being stored`;
  return sums.left ? "cannot be replayed" : `is refused as before and ${would ? "would stay" : "stays"} open`;
}

/** What a replay did, or would do, in one sentence. */
export function replaySentence(report: ReplayReport): string {
  const sums = replayTotals(report);
  if (sums.rows === 0) return "No open row fits: somebody else may have repaired them.";
  const would = report.dry_run;
  const be = (n: number) => (would ? "would be" : n === 1 ? "was" : "were");
  const stay = (n: number) => (would ? "would stay" : n === 1 ? "stays" : "stay");
  const words: [number, (n: number) => string][] = [
    [sums.stored, (n) => `${number.count(n)} ${be(n)} stored`],
    [sums.duplicate, (n) => `${number.count(n)} ${n === 1 ? "is" : "are"} there already and ${be(n)} closed`],
    [
      sums.replaced,
      (n) =>
        `${number.count(n)} ${be(n)} refused for another reason and ${would ? "would wait" : n === 1 ? "waits" : "wait"} under that`,
    ],
    [sums.quarantined, (n) => `${number.count(n)} ${n === 1 ? "is" : "are"} refused as before and ${stay(n)} open`],
    [sums.discarded, (n) => `${number.count(n)} ${be(n)} closed without being stored`],
    [sums.left, (n) => `nothing can be done with ${number.count(n)}`],
  ];
  if (sums.rows === 1) return `The row ${single(sums, would)}.`;
  const said = words.filter(([n]) => n > 0).map(([n, say]) => say(n));
  return `Of ${number.count(sums.rows)} ${sums.rows === 1 ? "row" : "rows"}, ${list(said)}.`;
}

/** The answer of the quarantine page. */
export function quarantineHeadline(data: DataPage): string {
  const reasons = new Map<string, number>();
  for (const { quarantine } of data.sources)
    for (const { reason, n } of quarantine) reasons.set(reason, (reasons.get(reason) ?? 0) + n);
  const total = [...reasons.values()].reduce((sum, n) => sum + n, 0);
  if (total === 0) return "No row waits in quarantine";
  const [first, n] = [...reasons].sort((a, b) => b[1] - a[1])[0]!;
  if (reasons.size === 1)
    return `${number.count(total)} ${total === 1 ? "row waits" : "rows wait"}: ${lowerReason(first)}`;
  return `${number.count(total)} rows wait, ${number.count(n)} of them for one reason: ${lowerReason(first)}`;
}

/** The answer of the test page: how far the message came. */
export function testHeadline(report: TestReport | null): string {
  if (!report) return "Does a message come through, and what becomes of it?";
  const stopped = report.steps.find(({ status }) => status === "stopped");
  if (stopped?.step === "decoded") return "The message cannot be read";
  if (stopped)
    return report.mode === "check" ? "The message would not be stored" : "The message was not stored as it should be";
  if (report.mode === "check") return "The message would come through";
  return report.messages.accepted > 0 ? "The message came through" : "The message was there already";
}

/** What a driver does, in one sentence. */
export function driverSentence(driver: Driver): string {
  if (driver.effect === null) return `${title(driver.driver)} goes with different scores.`;
  const size = number.signed(driver.effect, "points");
  return driver.kind === "boolean"
    ? `Where it is present, the score differs by ${size} points.`
    : `Per standard deviation, the score differs by ${size} points.`;
}

/** Why nobody but the reader can say whether two are one person. */
export function doubt({ rule, value, effect, decided_by, probability }: LinkEvidence): string {
  const unique = /^unique (.+) differs$/.exec(decided_by)?.[1];
  const limit = /^limit of (.+)$/.exec(decided_by)?.[1];
  const against = unique
    ? `their ${lower(unique)} differs, and each person has one only`
    : limit
      ? `together they would have more ${lower(limit)} values than the rules allow`
      : "the rules keep them apart";
  if (rule !== "model") return `Both carry the ${lower(rule)} ${value ?? ""}, but ${against}.`;
  const alike = `The records are one person's with a probability of ${number.percent(probability ?? 0, 1)}`;
  return effect === "doubtful" ? `${alike}, which is not sure enough to join them.` : `${alike}, but ${against}.`;
}

export { list };
