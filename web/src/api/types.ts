/**
 * The wire: every type and endpoint under `/api/v1` that the cockpit uses. The server implements exactly this.
 *
 * Rules that hold everywhere
 * - Every key is always present; "nothing" is `null`, never a missing key.
 * - Times are RFC 3339 in UTC (`2026-06-30T21:14:03.120Z`). The cockpit shows them in the project's zone (`Meta.timezone`).
 *   A calendar period is named by the *local* day on which it starts (`2026-06-01`), so that no client has to know the zone.
 * - Shares are 0..1, NPS is −1..1, means are on the answer's own scale, durations are `_ms` or `seconds`.
 *   Percent and −100..100 exist only in `format/`.
 * - Money is a decimal string ("129.9000") with its currency beside it, so that no cent is lost in a float.
 * - Counts are exact integers.
 * - Lists are ordered as their comment says; the cockpit does not sort again unless the reader asks.
 * - Lists that can grow have `limit` (default 50, at most 200) and an opaque `cursor`; `next_cursor: null` is the end.
 * - An error of any kind is an {@link ErrorBody} with a fitting status; `x-request-id` repeats the id.
 * - Auth: `Authorization: Bearer <token>` or the cookie that `/login?token=…` sets. Missing or wrong: 401 `unauthorised`.
 */

// ---------------------------------------------------------------- common

/** RFC 3339, UTC. */
export type Time = string;
/** A local calendar day in the project's zone, `YYYY-MM-DD`. */
export type Day = string;
/** A decimal number as text, at most four places. */
export type Decimal = string;

/**
 * An estimate with its uncertainty. `estimate`, `lower`, `upper` are null together or one by one, and then `reason` says why.
 * Reasons: `too_few` (n < 5: the value is withheld), `empty` (n = 0), `no_variance`, `not_computed`.
 */
export interface Estimate {
  estimate: number | null;
  lower: number | null;
  upper: number | null;
  /** Observations counted. */
  n: number;
  /** Confidence level, 0.95. */
  level: number;
  /** `adjusted_wald`, `wilson`, `t`, `bootstrap`, `newcombe`, `mover` … */
  method: string;
  reason: string | null;
}

/**
 * The one filter bar. Sent as query parameters on every GET marked *(filter)*.
 * A page that cannot apply one of them answers for everything and says so in {@link Applied}.
 */
export interface Filter {
  /**
   * `all` (default), or a calendar period in the project's zone: `2026`, `2026-Q2`, `2026-06`.
   * Scores: the row of that `period`/`period_start`. Facts, journeys, comments: those whose time lies in it.
   */
  period?: string;
  /** A dimension of the scores table (`channel`, `segment`, `region` …); only together with `slice`. */
  slice_by?: string;
  /** A value of that dimension. */
  slice?: string;
  /** A channel of the glossary. Scores: same as slice_by=channel when that slice exists. */
  channel?: string;
}

/** Which parts of the filter the answer honours. `true` also where that part was not given. */
export interface Applied {
  period: boolean;
  slice: boolean;
  channel: boolean;
}

export interface ErrorBody {
  error: {
    /** Stable code: `unauthorised`, `forbidden`, `not_found`, `invalid`, `conflict`, `busy`, `not_ready`, `too_large`, `timeout`, `internal`. */
    code: string;
    /** One or two sentences: what happened, what to do. */
    message: string;
    request_id: string;
    /** Further facts, depending on the code (`busy`: `{job_id}`, `not_found` of a merged person: `{merged_into}`). */
    details: Record<string, unknown> | null;
  };
}

// ---------------------------------------------------------------- GET /api/v1/meta

/** `GET /meta`: what this store is and which pages have something to show. Cheap; asked at every start. */
export interface Meta {
  company: string;
  /** IANA zone. */
  timezone: string;
  /** ISO 4217; null: none declared. */
  currency: string | null;
  /** Default language, ISO 639-1; null: none declared. */
  language: string | null;
  /** Version of the binary. */
  version: string;
  /** First and last `occurred_at`/`answered_at`; null: no facts yet. */
  data_from: Time | null;
  data_until: Time | null;
  /** The newest run, finished or not; null: never ran. */
  last_run: RunSummary | null;
  /** When the schedule will look next; null: no schedule. */
  next_run_at: Time | null;
  /** Work that is queued or running now; null: idle. */
  job: Job | null;
  /**
   * Pages with something to show: of `overview`, `scores`, `people`, `journey`, `voice`, `drivers`, `data`.
   * `data` always; others when their table exists (even if empty after a run).
   */
  capabilities: string[];
  /** In the order of metrics.yaml. */
  metrics: MetricDefinition[];
  /** Names in journey.yaml, in order. */
  journeys: string[];
  /** Periods the filter offers: distinct (period, period_start) of scores, coarse to fine, newest first; `all` first. */
  periods: PeriodChoice[];
  /** Dimensions and values the filter offers, from scores (without `all`). Dimensions by name, values by n descending, at most 50 each. */
  slices: SliceChoice[];
  /** Channels that occur in events or responses, by number descending. */
  channels: string[];
}

export interface PeriodChoice {
  /** `all`, `2026`, `2026-Q2`, `2026-06`, `2026-W23`, `2026-06-30`. */
  value: string;
  /** `all`, `year`, `quarter`, `month`, `week`, `day`. */
  period: string;
  /** First local day; null for `all`. */
  start: Day | null;
}

export interface SliceChoice {
  slice_by: string;
  values: { slice: string; n: number }[];
}

export interface MetricDefinition {
  /** Name in metrics.yaml. */
  metric: string;
  kind: MetricKind;
  /** Hash of the definition. */
  version: string;
  survey: string | null;
  question: string | null;
  scale_min: number | null;
  scale_max: number | null;
  population: string;
  /** The grain of its trend: `day`, `week`, `month`, `quarter`, `year`. */
  period: string;
  /** In the estimate's unit; null: none. */
  target: number | null;
  /** Dimensions it is sliced by. */
  slices: string[];
  /** Whether drivers are computed for it. */
  drivers: boolean;
  /** The definition in one sentence: "Share of answers 4 or 5 to ‘How satisfied …’". */
  definition: string;
}

/** `nps` −1..1; `csat`, `share` 0..1 (higher is better); `ces`, `mean` on the answer's scale. */
export type MetricKind = "nps" | "csat" | "ces" | "mean" | "share";

// ---------------------------------------------------------------- GET /api/v1/overview (filter)

/** `GET /overview` *(filter)*: how is the experience, and what changed? */
export interface Overview {
  applied: Applied;
  /** One a metric, order of metrics.yaml. */
  scores: ScoreCard[];
  /** What changed beyond chance (verdict `up` or `down`, emerging themes), most telling first, at most 8. Empty: nothing did. */
  changes: Change[];
  /** The first three rows of drivers of the first metric that has some; null: none computed. */
  drivers: { metric: string; r_squared: number | null; n: number; top: Driver[] } | null;
  /** The stage of each journey that loses the largest share (people ≥ 5), in the order of journeys. */
  weakest_stages: { journey: string; stage: Stage }[];
  /** What stands behind it all, whole store. */
  counts: { people: number; events: number; responses: number; comments: number; sources: number };
  /** Conservation at a glance. */
  data: { balanced: boolean; quarantined: number; unreadable: number };
}

export interface ScoreCard {
  metric: string;
  kind: MetricKind;
  /** For the filter's period and slice. */
  score: Estimate;
  target: number | null;
  /** Oldest first; at the metric's own period; at most the 24 newest; an unfinished last period has `partial`. */
  trend: TrendPoint[];
  /**
   * The last full period against the one before it; null: fewer than two periods.
   * The difference has the estimate's unit.
   */
  change: ScoreChange | null;
}

export interface TrendPoint {
  period_start: Day;
  score: Estimate;
  /** True: the data ends inside this period. */
  partial: boolean;
}

export interface ScoreChange {
  /** now − before, with the interval of the difference (Newcombe for shares, normal for NPS, Welch for means). */
  difference: Estimate;
  period: string;
  period_start: Day;
  previous_start: Day;
  /** `up` or `down` when the interval of the difference leaves out 0, else `unclear`. Never decide by the estimate alone. */
  verdict: "up" | "down" | "unclear";
}

/** A thing that changed. The cockpit writes the sentence; the server gives the facts. */
export type Change =
  | ({ kind: "score" } & ScoreChange & { metric: string; metric_kind: MetricKind; now: Estimate; before: Estimate })
  | ({ kind: "slice"; slice_by: string; slice: string } & ScoreChange & {
        metric: string;
        metric_kind: MetricKind;
        now: Estimate;
        before: Estimate;
      })
  | { kind: "theme"; theme_id: string; name: string; surge_ratio: number; surge_p: number; n: number };

// ---------------------------------------------------------------- GET /api/v1/scores (filter)

/** `GET /scores?metric=` *(filter; metric default: the first)*: can I trust this number, and for whom does it differ? */
export interface Scores {
  applied: Applied;
  metric: MetricDefinition;
  score: Estimate;
  trend: TrendPoint[];
  change: ScoreChange | null;
  /** Every slice in the filter's period, dimensions by name, slices by n descending; small ones with reason `too_few`. */
  slices: { slice_by: string; slices: { slice: string; score: Estimate }[] }[];
  /** Answers by score, ascending, whole steps of the scale without gaps; null: not on a scale of whole steps. */
  distribution: { score: number; n: number }[] | null;
  /** Survey health in the filter's period. */
  health: {
    answers: number;
    out_of_scale: number;
    /** Answered / invited, where `invited_at` or invitation events tell; reason `not_computed` otherwise. */
    response_rate: Estimate;
  };
}

// ---------------------------------------------------------------- people

/**
 * `GET /people?q=&population=&limit=&cursor=` *(filter: period = last seen in it, channel = used it)*.
 * `q` matches, case-insensitive: display name (substring), identifier value (exact, or prefix from 3 characters), person_id,
 * event or record reference (exact). Without `q`: those last seen most recently. Order: exact hits first, then last_seen_at descending.
 */
export interface People {
  applied: Applied;
  people: PersonRow[];
  next_cursor: string | null;
  /** People in the store (population asked for, default customer), not hits. */
  total: number;
}

export interface PersonRow {
  person_id: string;
  population: string;
  /** Best known name; null: none. */
  display_name: string | null;
  /** What `q` hit, when it was not the name; else null. */
  matched: { type: string; value: string } | null;
  first_seen_at: Time;
  last_seen_at: Time;
  events: number;
  responses: number;
  /** By number of events, descending. */
  channels: string[];
  value: Decimal | null;
  currency: string | null;
  last_nps: number | null;
  last_csat: number | null;
  last_ces: number | null;
  stage: string | null;
  /** No run has seen the person yet: the sums are those of the facts so far. */
  provisional: boolean;
}

/** `GET /people/{person_id}`. 404 `not_found` with `details.merged_into` when the id was merged away. */
export interface Person {
  profile: Profile;
  /** What the next run will add; null: the last one has seen the person. */
  pending: string | null;
  /** Who this is and why. */
  identity: Identity;
  /** Current ones first (valid_to null), then by name, valid_from descending. */
  attributes: Attribute[];
  /** null: none known. */
  household: {
    household_id: string;
    rule: string;
    members: { person_id: string; display_name: string | null }[];
  } | null;
  organisations: { organisation_id: string; name: string | null }[];
  /** Newest first, at most 100. */
  responses: PersonResponse[];
  /** Newest first, at most 50. */
  journeys: PersonJourney[];
}

export interface Profile extends Omit<PersonRow, "matched"> {
  conversations: number;
  /** Distinct orders, tickets, cases. */
  references: number;
  events_by_channel: Record<string, number>;
  last_nps_at: Time | null;
  last_csat_at: Time | null;
  last_ces_at: Time | null;
}

export interface Identity {
  /** Subjects joined in this person. */
  subjects: number;
  /** By role (person, household, shared, blocked), then type, then value. */
  identifiers: {
    type: string;
    value: string;
    role: string;
    first_seen_at: Time;
    last_seen_at: Time;
    /** Sources that carry it for this person, by name. */
    sources: string[];
    /** Subjects that carry it, over all people. */
    subjects: number;
  }[];
  /** Why the subjects are one person: evidence grouped by (rule, effect), merged first, then by count descending. */
  evidence: {
    /** Identifier type, model or decision. */
    rule: string;
    effect: LinkEvidence["effect"];
    /** Pieces of evidence. */
    links: number;
    /** Strongest match weight (log2 of the Bayes factor) and its probability; null for rules. */
    match_weight: number | null;
    probability: number | null;
    decided_by: string;
    first_at: Time;
    last_at: Time;
  }[];
  /** What the sources say, newest version each, by source. */
  records: {
    source: string;
    record_id: string;
    full_name: string | null;
    emails: string[];
    phones: string[];
    city: string | null;
    organisation: string | null;
    valid_from: Time | null;
    /** Values as the source gave them where cleansing changed or emptied them: a text, or a list of texts. */
    raw: Record<string, unknown>;
    /** Flags of the record (unknown_country), or of a field of it (emails:case_changed). */
    quality: string[];
  }[];
  /** How the person came to be, newest first, at most 20. */
  changes: { changed_at: Time; change: string; from_person_id: string | null; to_person_id: string; cause: string }[];
}

export interface Attribute {
  name: string;
  value: string;
  source: string;
  valid_from: Time;
  valid_to: Time | null;
}

export interface PersonResponse {
  source: string;
  response_id: string;
  survey: string;
  question: string;
  /** nps, csat, ces, rating, boolean, choice, text. */
  kind: string;
  score: number | null;
  scale_min: number | null;
  scale_max: number | null;
  text: string | null;
  channel: string | null;
  about_reference: string | null;
  invited_at: Time | null;
  answered_at: Time;
}

export interface PersonJourney {
  journey_id: string;
  journey: string;
  scope_key: string | null;
  started_at: Time;
  ended_at: Time;
  steps: number;
  furthest_stage: string | null;
  outcome: "completed" | "dropped" | "open";
}

/** `GET /people/{person_id}/timeline?channel=&limit=&cursor=`: newest first, events and responses in one stream. */
export interface Timeline {
  items: TimelineItem[];
  next_cursor: string | null;
}

export interface TimelineItem {
  kind: "event" | "response";
  source: string;
  /** event_id or response_id. */
  id: string;
  at: Time;
  /** Event name; of a response its question. */
  name: string;
  channel: string | null;
  direction: "inbound" | "outbound" | "internal" | null;
  automated: boolean | null;
  stage: string | null;
  reference: string | null;
  conversation_id: string | null;
  outcome: string | null;
  duration_ms: number | null;
  team: string | null;
  location: string | null;
  product: string | null;
  amount: Decimal | null;
  currency: string | null;
  text: string | null;
  /** −1..1; null: no text, or no method for its language. */
  sentiment: number | null;
  /** Of a response. */
  response_kind: string | null;
  score: number | null;
  scale_min: number | null;
  scale_max: number | null;
}

// ---------------------------------------------------------------- journeys

/** `GET /journeys` *(filter)*: one row a journey, order of journey.yaml. */
export interface Journeys {
  applied: Applied;
  journeys: {
    journey: string;
    /** `person`, `reference`, `conversation` or `session`. */
    scope: string;
    /** Distinct people. */
    people: number;
    /** Journeys by outcome; sum = all. */
    completed: number;
    dropped: number;
    open: number;
    /** completed / (completed + dropped), Wilson. */
    completion: Estimate;
  }[];
}

/** `GET /journeys/{journey}` *(filter: period = started in it, channel = has a step on it)*: where do people get lost, wait, give up? */
export interface Journey {
  applied: Applied;
  journey: string;
  scope: string;
  people: number;
  completed: number;
  dropped: number;
  open: number;
  /** In order of position. */
  stages: Stage[];
  /** By n descending, all of them up to 500; `(start)` and `(end)` are steps too. */
  transitions: Transition[];
  /** Worst first: by people lost or waiting time in sum; at most 12. */
  friction: Friction[];
}

export interface Stage {
  position: number;
  stage: string;
  /** People who reached it. */
  people: number;
  /** Of them, people who reached a later stage. */
  continued: number;
  /** continued / people, Wilson; last stage: estimate null with reason `last_stage`. */
  conversion: Estimate;
  /** Median time from reaching it to reaching a later stage; null: nobody did. */
  median_ms: number | null;
}

export interface Transition {
  from_step: string;
  to_step: string;
  n: number;
  people: number;
  /** null at start and end. */
  median_wait_ms: number | null;
  p90_wait_ms: number | null;
}

export interface Friction {
  /**
   * `drop_off`: people end here (`to_step` null, `share` = dropped of those who came);
   * `wait`: a transition with a long wait; `repeat`: the same step again (`to_step` = `from_step`), `share` = of the step's occurrences.
   */
  kind: "drop_off" | "wait" | "repeat";
  from_step: string;
  to_step: string | null;
  n: number;
  people: number;
  share: Estimate;
  median_wait_ms: number | null;
  p90_wait_ms: number | null;
}

// ---------------------------------------------------------------- ways: process map, variants, funnel, retention, paths

/** A case is a journey of that name, or a person. */
export interface CasesAsked extends Filter {
  journey?: string;
  population?: string;
  /** 1 to 200, default 50. */
  top?: number;
}

/** `GET /process` *(filter: events of the period, cases with an event on the channel, people with the attribute)*: what follows what? */
export interface ProcessMap {
  applied: Applied;
  /** null: a case is a person. */
  journey: string | null;
  cases: number;
  people: number;
  events: number;
  variants: number;
  /** Pairs of events that follow each other, drawn or not. */
  moves: number;
  /** By n descending, up to 200; so are `start` and `end`, which count cases. */
  activities: ActivityCount[];
  start: ActivityCount[];
  end: ActivityCount[];
  /** By n descending, up to 500. */
  edges: Edge[];
}

export interface ActivityCount {
  activity: string;
  n: number;
}

export interface Edge {
  from: string;
  to: string;
  n: number;
  median_wait_ms: number;
  p90_wait_ms: number;
}

/** `GET /variants` *(filter as for process)*: the ways of whole cases, the most frequent first. */
export interface Variants {
  applied: Applied;
  journey: string | null;
  cases: number;
  people: number;
  variants: number;
  top: {
    activities: string[];
    cases: number;
    share: Estimate;
    /** Share of cases that this variant and those before it cover. */
    coverage: number;
  }[];
}

export interface FunnelAsked extends Filter {
  /** Event names, joined by commas or as a JSON list; default: the event of each stage that most people had. */
  steps?: string;
  exclude?: string;
  window?: string;
  within?: string;
  order?: string;
  by?: string;
}

/** `GET /funnel` *(filter as for process)*: how far do people get? */
export interface Funnel {
  applied: Applied;
  window_ms: number;
  within: string;
  order: string;
  exclude: string[];
  /** People with an event of any step. */
  people: number;
  steps: FunnelStep[];
  median_conversion_ms: number | null;
  p90_conversion_ms: number | null;
  by: string | null;
  /** By people descending, up to 50. */
  groups: FunnelGroup[];
  /** What `by` may be. */
  groupings: string[];
  /** What steps may be, the most frequent first, up to 200. */
  activities: ActivityCount[];
}

export interface FunnelStep {
  step: string;
  people: number;
  of_first: Estimate;
  of_previous: Estimate;
  /** People who got no further. */
  stopped: number;
  /** What they did next after their last event of this step; null: nothing more. Up to 5. */
  next: { activity: string | null; people: number }[];
}

export interface FunnelGroup {
  /** null: people without a value. */
  group: string | null;
  /** People at each step. */
  reached: number[];
  /** From the first step to the last. */
  conversion: Estimate;
  /** Its conversion less that of everybody else. */
  difference: Estimate;
  /** Whether the difference stands out although so many groups were looked at. */
  stands_out: boolean;
}

export interface RetentionAsked extends Filter {
  unit?: string;
  of?: string;
}

/** `GET /retention` *(filter: people who came first in the period)*: who comes back? */
export interface Retention {
  applied: Applied;
  unit: string;
  of: string[];
  observed_until: string | null;
  people: number;
  /** By their period; the newest 60. */
  cohorts: { cohort: string; people: number; periods: CohortPeriod[] }[];
  /** All cohorts together, each period over those that were observed to its end. */
  curve: CohortPeriod[];
  activities: ActivityCount[];
}

export interface CohortPeriod {
  /** Periods later. */
  n: number;
  active: number;
  /** Whether the period was observed to its end; if not, more may come and `rate` is not computed. */
  complete: boolean;
  rate: Estimate;
}

/** `GET /paths` *(filter as for process)*: how sessions begin. */
export interface PathList {
  applied: Applied;
  journey: string | null;
  sessions: number;
  distinct: number;
  depth: number;
  gap_ms: number | null;
  paths: { activities: string[]; sessions: number; share: Estimate }[];
}

/** `GET /friction` *(filter as for process)*: where do people repeat themselves, wait, are sent around, or give up? */
export interface FrictionList {
  applied: Applied;
  journey: string | null;
  people: number;
  /** By kind, then by people; up to 8 of a kind. */
  findings: FrictionFinding[];
  /** Contacts that were not repeated in time, of those old enough to tell; null: there are no contacts. */
  resolution: Estimate | null;
  /** The same of first contacts: without another one in the same time before. */
  first_contact_resolution: Estimate | null;
  too_young: number;
  /** Events that were taken as contacts, and as failures. */
  contacts: string[];
  failures: string[];
  currency: string | null;
}

export interface FrictionFinding {
  kind:
    | "failure"
    | "repeat_contact"
    | "transfer"
    | "reopened"
    | "dead_end"
    | "long_wait"
    | "channel_switch"
    | "rage"
    | "back_and_forth"
    | "loop";
  /** Event name, channel (`channel_switch`) or team (`transfer`). */
  from: string;
  to: string | null;
  n: number;
  /** Of how often it could have been; of a failure: people, of all of the selection. */
  share: Estimate;
  people: number;
  /** All together; null: the kind shows none. */
  lost_ms: number | null;
  /** What these people are worth, all together; null: not known. */
  value: number | null;
  /** Those with most time lost, up to 5. */
  examples: { person_id: string; from_at: string; to_at: string }[];
}

/** `GET /compare` *(filter as for process)*: what differs between two groups, or between before and after? */
export interface Comparison {
  applied: Applied;
  journey: string | null;
  /** The groups in words. */
  a: string;
  b: string;
  cases_a: number;
  cases_b: number;
  tests: number;
  /** How many stand out. */
  found: number;
  /** Those that stand out first, the largest effect on top. Up to 60. */
  differences: WayDifference[];
}

export interface WayDifference {
  /** Share of visits that go on so; median wait in ms; share of events; share of cases. */
  kind: "transition" | "wait" | "step" | "variant";
  /** From and to (only one: nothing more), the step, or the whole way. */
  activities: string[];
  a: Estimate;
  b: Estimate;
  /** b − a. */
  difference: Estimate;
  /** Corrected for all tests; null: not tested. */
  p_value: number | null;
  /** Cases of the second group for which it went otherwise than it would have in the first. */
  effect: number;
  stands_out: boolean;
}

/** The people behind a number, those seen last first. */
export interface PeopleBehind {
  total: number;
  people: PersonRow[];
  next_cursor: string | null;
}

interface Paged {
  limit?: number;
  cursor?: string;
}

// ---------------------------------------------------------------- voice

/** `GET /voice` *(filter: slice never applies in this version)*: what do they say, and what is new? */
export interface Voice {
  applied: Applied;
  comments: number;
  /** Comments by language, n descending; language null: cannot be told. `sentiment_method`: vader, learned, none. */
  languages: { language: string | null; n: number; sentiment_method: string }[];
  /** Mean over comments with a sentiment. */
  sentiment: Estimate;
  /** sentiment < −0.05, between, > 0.05, and comments without a method. */
  balance: { negative: number; neutral: number; positive: number; unknown: number };
  /** By impact: |share × score_effect| descending; those without score_effect after them by n. */
  themes: Theme[];
}

export interface Theme {
  theme_id: string;
  /** Top terms. */
  name: string;
  terms: string[];
  language: string;
  /** Comments in the filter. */
  n: number;
  /** Of the comments of its language, Wilson. */
  share: Estimate;
  /** Mean, −1..1. */
  sentiment: Estimate;
  /** Mean score with the theme minus without, as a fraction of the scale: 0.1 is a tenth of the scale. */
  score_effect: Estimate;
  /** share × score_effect: what the theme does to the mean score, as a fraction of the scale; null: no effect known. */
  impact: number | null;
  /** Last period's rate over its history; null: no history. `emerging` = ratio > 1 and p < 0.05 (adjusted). */
  surge: { ratio: number; p: number | null; emerging: boolean } | null;
  /** Most representative first; 2 in lists, up to 6 in the theme. */
  quotes: Quote[];
}

/** A customer's words. Names, e-mails, phones and numbers in `text` are masked (`▇▇▇`) by the server. */
export interface Quote {
  comment_id: string;
  text: string;
  language: string | null;
  at: Time;
  channel: string | null;
  /** event name or survey question it was said with. */
  about: string | null;
  stage: string | null;
  person_id: string | null;
  score: number | null;
  scale_max: number | null;
  sentiment: number | null;
}

/** `GET /voice/themes/{theme_id}?limit=&cursor=` *(filter)*. */
export interface ThemeDetail {
  applied: Applied;
  theme: Theme;
  /** Share of the comments of its language by month, oldest first, at most 24. */
  trend: { period_start: Day; share: Estimate; partial: boolean }[];
  by_channel: { channel: string | null; n: number }[];
  /** All its comments, newest first. */
  quotes: Quote[];
  next_cursor: string | null;
}

// ---------------------------------------------------------------- drivers

/** `GET /drivers?metric=&segment=` *(metric default: the first with drivers; segment default all; the filter bar does not apply)*: what moves the score? */
export interface Drivers {
  applied: Applied;
  /** null: no metric has drivers yet; then all lists are empty. */
  metric: MetricDefinition | null;
  segment: string;
  /** Metrics with drivers, and segments for this metric (`all` first). */
  metrics: string[];
  segments: string[];
  /** Answers used. */
  n: number;
  /** Of the whole model, 0..1; null: not computed. */
  r_squared: number | null;
  /** Rows of kind `family`, by rank. */
  families: Driver[];
  /** By rank. */
  drivers: Driver[];
  /** By statistic descending. */
  screened_out: ScreenedOut[];
}

export interface Driver {
  driver: string;
  family: string;
  kind: "numeric" | "boolean" | "category" | "family";
  rank: number;
  /** Share of R² (LMG), with the bootstrap interval. n = answers used. */
  importance: Estimate;
  /** Cumulative share in Pareto order. */
  cumulative: number | null;
  vital_few: boolean;
  /** Signed association in score points: what the score differs by between absent and present (boolean) or per standard deviation (numeric). */
  effect: number | null;
  /** Signed standardised coefficient, −1..1. */
  association: number | null;
  /** Share of answers where it is present (boolean), or mean (numeric); null for categories and families. */
  performance: number | null;
}

export interface ScreenedOut {
  driver: string;
  family: string;
  kind: string;
  /** Squared correlation with the score. */
  statistic: number | null;
  /** Adjusted. */
  p_value: number | null;
  /** Why: `weaker than the sixteenth`, `no variance`, `too few answers` … */
  reason: string;
  n: number;
}

// ---------------------------------------------------------------- data

/** `GET /data`: is what comes in complete and clean? */
export interface DataPage {
  /** By name. */
  sources: Source[];
  last_run: RunSummary | null;
  next_run_at: Time | null;
  /** Facts and derived tables with rows and Delta version (null: not written yet), facts first. */
  tables: { table: string; kind: "fact" | "derived"; rows: number; version: number | null }[];
  /** The time by which lateness of sources that are read is judged: now, or the newest of their facts where all are long ago; null: none has facts. */
  as_of: Time | null;
}

export type HealthStatus = "healthy" | "late" | "failing" | "idle";

export interface VolumePoint {
  /** Beginning of the hour or of the local day. */
  start: Time;
  n: number;
}

export interface StreamState {
  /** held: the store takes nothing now; refused: the source has a mistake. */
  state: "connecting" | "following" | "held" | "retrying" | "refused" | "stopped";
  /** Messages that wait at the broker, as it said last; null: it has not said. */
  lag: number | null;
}

export interface Source {
  source: string;
  /** Where its rows come from; unknown where its file names none, or several. */
  kind: "files" | "s3" | "postgres" | "mysql" | "tracking" | "rows" | "nats" | "kafka" | "unknown";
  health: {
    status: HealthStatus;
    /** Why, as a sentence. */
    reason: string;
  };
  /** Facts by local day, the thirty days up to `as_of`, oldest first, without gaps; empty where it has none. */
  volume: VolumePoint[];
  /** When its bucket or database is asked next; null: it is being asked, it is sent or followed, its files are watched all the time, or nothing comes in by itself. */
  expected_at: Time | null;
  /** What became of its messages since the server started; null where nothing is sent to it over HTTP. */
  live: { accepted: number; duplicate: number; quarantined: number; rejected: number; skipped: number } | null;
  /** How its stream is followed; null where it follows none now. */
  stream: StreamState | null;
  /** Alarms of its newest batch. */
  open_alarms: number;
  /** append, upsert, snapshot; null where it is a lookup. */
  mode: "append" | "upsert" | "snapshot" | null;
  lookup: boolean;
  /** Whether the server takes in what is new by itself; it says nothing of what is sent over HTTP. */
  watch: boolean;
  population: string;
  /** As declared: path, glob or folder. */
  files: string[];
  /** Last time a chunk came in; null: never imported. */
  last_import_at: Time | null;
  /** Newest occurred_at, answered_at or valid_from in it; null: none. */
  newest_fact_at: Time | null;
  /** Sum over all batches: read = mapped + skipped + unreadable. */
  rows: { read: number; mapped: number; skipped: number; unreadable: number; balanced: boolean };
  /** One a target table, sum over all batches: produced = stored + duplicate + quarantined + rejected. */
  targets: FactsEquation[];
  /** Rows in quarantine by reason, n descending. */
  quarantine: { reason: string; n: number }[];
}

export interface FactsEquation {
  target: "events" | "records" | "responses";
  produced: number;
  stored: number;
  duplicate: number;
  quarantined: number;
  rejected: number;
  balanced: boolean;
}

/** `GET /data/sources/{source}?grain=&limit=` *(grain: day, ninety of them, or hour, seventy-two)*: one source in depth. */
export interface SourceDetail {
  source: Source;
  as_of: Time | null;
  grain: "hour" | "day";
  /** Oldest first, without gaps, up to `as_of`; empty where it has no facts in it. */
  volume: VolumePoint[];
  /** Newest first. */
  batches: BatchEquations[];
  batches_total: number;
  /** Newest first, at most fifty. */
  alarms: Alarm[];
}

export interface BatchEquations {
  batch: string;
  first_at: Time;
  last_at: Time;
  /** At most three of them. */
  files: string[];
  files_total: number;
  rows: Source["rows"];
  targets: FactsEquation[];
}

/** An expectation that was not met, or a change in how values are spread. */
export interface Alarm {
  alarm_id: string;
  source: string;
  batch: string;
  kind: "expectation" | "drift";
  /** Name of the expectation; or column_missing, null_rate, volume … */
  rule: string;
  /** null: the raw rows. */
  target: string | null;
  /** null: the whole. */
  field: string | null;
  severity: "warn" | "quarantine";
  /** Rows concerned. */
  n: number;
  /** Their share, 0..1; null where a share has no meaning. */
  share: number | null;
  /** What changed, in words. */
  detail: string;
  /** What to do. */
  remedy: string;
  at: Time;
  /** Of the source's newest batch: a later one without it closes it. */
  open: boolean;
}

/** A part of a counted whole: it has an n and no interval. `share` null: `reason` says why (empty, not_computed, no_expectation, no_bound). */
export interface QualityShare {
  share: number | null;
  n: number;
  reason: string | null;
}

/** `GET /data/quality?source=`: how good values are, by source and field. */
export interface Quality {
  /** Why there is nothing; null where there is something. */
  reason: string | null;
  /** By name. */
  sources: SourceQuality[];
  /** By source, target and the order of the table's columns; raw columns (target null) last. */
  fields: FieldQuality[];
}

export interface SourceQuality {
  source: string;
  completeness: QualityShare;
  validity: QualityShare;
  consistency: QualityShare;
  timeliness: QualityShare;
  /** Median time between happening and receipt, of the target that takes longest; null: not known. */
  median_lag_ms: number | null;
}

export interface FieldQuality {
  source: string;
  /** null: a raw column. */
  target: string | null;
  field: string;
  n: number;
  nulls: number;
  invalid: number;
  /** Values that cleansing repaired. */
  changed: number;
  completeness: QualityShare;
  validity: QualityShare;
  /** Different values, of a sample. */
  uniqueness: QualityShare;
  /** Checks of the expectations over this field that were met. */
  consistency: QualityShare;
  /** By batch, oldest first, at most 24. */
  trend: { batch: string; at: Time; n: number; completeness: number | null; validity: number | null }[];
}

export type MessageVerdict = "stored" | "duplicate" | "quarantined" | "rejected" | "skipped";

/** The data of an event `line` of `GET /data/tail?source=&verdict=&values=` (server-sent events `open`, `line`, `passed`, `missed`). */
export interface TailLine {
  source: string;
  /** identify, track, page, screen, group, alias or row; null: it says none. */
  kind: string | null;
  name: string | null;
  verdict: MessageVerdict;
  code: string | null;
  detail: string | null;
  message_id: string | null;
  /** Values are masked unless `values=shown`. */
  identifiers: { type: string; value: string }[];
  /** null: a row among others. */
  size_bytes: number | null;
  /** Its place in its request, from 0. */
  index: number;
  /** The place of its chunk in the log. */
  offset: number;
  received_at: Time;
}

/** `POST /data/test` body: takes a message through a live source, or only as far as typing. */
export interface TestRequest {
  source: string;
  /** check stores nothing; send goes the way of all others. */
  mode: "check" | "send";
  /** track, identify, page, screen, group, alias, batch; json, jsonl, csv for sources that take rows. */
  call: string;
  body: string;
}

export interface TestReport {
  source: string;
  mode: "check" | "send";
  steps: {
    step: "received" | "decoded" | "typed" | "subject" | "verdict" | "log" | "sql" | "person";
    /** open: comes later, or cannot be told by checking alone. */
    status: "done" | "stopped" | "open";
    detail: string;
  }[];
  messages: TakenMessages;
  /** At most twenty; columns that hold something. */
  facts: {
    target: string;
    columns: Record<string, unknown>;
    /** 64 bits, as text. */
    subject: string | null;
    person_id: string | null;
  }[];
  /** One a table. */
  queries: string[];
}

export interface TakenMessages {
  success: boolean;
  accepted: number;
  duplicate: number;
  quarantined: number;
  rejected: number;
  skipped: number;
  /** Every message that was not simply accepted. */
  results: {
    index: number;
    messageId: string | null;
    status: string;
    code: string | null;
    message: string | null;
  }[];
}

/** `GET /keys`: write keys, oldest first, without the keys themselves. */
export interface WriteKeyList {
  keys: WriteKey[];
}

export interface WriteKey {
  key_id: string;
  source: string;
  label: string | null;
  created_at: Time;
  revoked_at: Time | null;
}

/** `POST /keys` body. */
export interface KeyRequest {
  source: string;
  label: string | null;
}

/** The only time that a key is shown. */
export interface NewWriteKey {
  key: WriteKey;
  write_key: string;
}

/** `GET /data/quarantine?source=&reason=&target=&state=&limit=&cursor=` *(state: open, closed; default all)*: newest first. */
export interface Quarantine {
  items: QuarantineItem[];
  next_cursor: string | null;
  /** Rows that fit the filter. */
  total: number;
}

export interface QuarantineItem {
  quarantine_id: string;
  source: string;
  batch: string;
  target: string | null;
  file: string | null;
  row_no: number | null;
  reason: string;
  detail: string;
  raw: string | null;
  at: Time;
  /** What its newest repair came to; null: nobody has tried. Stored, duplicate, replaced and discarded close it. */
  repair: {
    outcome: RepairOutcome;
    edited: boolean;
    decided_by: string;
    at: Time;
  } | null;
}

export type RepairOutcome = "stored" | "duplicate" | "replaced" | "quarantined" | "discarded";

/** Which open rows of quarantine: those that fit everything that is said. Empty: all. */
export interface QuarantineChoice {
  source: string | null;
  reason: string | null;
  /** `rows`: rows that never became a fact. */
  target: string | null;
  /** Empty: not asked. */
  ids: string[];
}

/** `POST /data/replay` body; answers 202 with a {@link Job} where it takes more than 20 s, whose report is the same; 409 `busy` while another job works. */
export interface ReplayRequest {
  which: QuarantineChoice;
  /** Raw rows as they are to be read, by quarantine_id. */
  edits: Record<string, string>;
  /** Tell what would become of them; store nothing. */
  dry_run: boolean;
}

/** What a replay did, or would do. */
export interface ReplayReport {
  dry_run: boolean;
  /** By name. */
  sources: SourceReplay[];
  seconds: number;
}

export interface SourceReplay {
  source: string;
  /** null: nothing was stored. */
  batch: string | null;
  /** The rows equation: rows of quarantine are read. */
  rows: { read: number; mapped: number; skipped: number; unreadable: number };
  /** The facts equation by table. */
  targets: Record<
    string,
    { produced: number; stored: number; duplicate: number; quarantined: number; rejected: number }
  >;
  outcomes: Record<RepairOutcome, number>;
  /** Rows that nothing can be done with, and why. */
  left: number;
  left_because: string | null;
  /** Why rows and facts are still refused, most first. */
  reasons: { target: string | null; reason: string; detail: string; n: number }[];
  /** Some rows of each outcome. */
  examples: {
    quarantine_id: string;
    target: string | null;
    file: string | null;
    row_no: number | null;
    /** Why it was in quarantine. */
    was: string;
    outcome: RepairOutcome;
    /** Why it is refused now; null: it is not. */
    reason: string | null;
    detail: string | null;
    /** null: it was not asked for. */
    raw: string | null;
  }[];
}

/** `POST /data/discard` body. */
export interface DiscardRequest {
  which: QuarantineChoice;
  /** Why, in the decider's words. */
  reason: string;
  dry_run: boolean;
}

/** `GET /runs?limit=`: newest first, default 20. */
export interface Runs {
  runs: Run[];
}

export interface RunSummary {
  run_id: string;
  started_at: Time;
  /** Sum over its steps. */
  seconds: number;
  /** `failed` if one step failed. */
  status: "running" | "done" | "failed";
}

export interface Run extends RunSummary {
  steps: {
    step: string;
    mode: string;
    rows: number;
    seconds: number;
    started_at: Time;
    status: "done" | "failed";
    detail: string | null;
  }[];
}

// ---------------------------------------------------------------- work

/** `POST /run` body; answers 202 with a {@link Job}; 409 `busy` with `details.job_id` while another works. */
export interface RunRequest {
  /** One step only; null: all. */
  only: string | null;
  full: boolean;
}

/** `POST /import` body; answers 202 with a {@link Job}; 409 `busy`. Runs the pipeline afterwards when `run`. */
export interface ImportRequest {
  /** Empty: all. */
  sources: string[];
  run: boolean;
  /** Read the named buckets and databases from their beginning again. */
  anew?: boolean;
}

/** `GET /jobs/{job_id}`. Kept for the life of the process, the newest 100. */
export interface Job {
  job_id: string;
  kind: "run" | "import" | "replay" | "discard";
  status: "queued" | "running" | "done" | "failed";
  created_at: Time;
  finished_at: Time | null;
  /** Steps or sources so far, in order. */
  steps: { step: string; status: "waiting" | "running" | "done" | "failed"; rows: number; seconds: number }[];
  /** 0..1; null: cannot be told. */
  progress: number | null;
  /** When failed: what happened, what is safe, what to do. */
  error: string | null;
  /** When done: what the command prints with `--json`; else null. */
  report: Record<string, unknown> | null;
}

// ---------------------------------------------------------------- SQL and search

/** `POST /sql`: read-only. One SELECT (or WITH, SHOW, DESCRIBE, EXPLAIN); anything else 400 `invalid`. Limited in time (30 s) and rows. */
export interface SqlRequest {
  query: string;
  /** At most 10,000; default 1,000. */
  limit: number | null;
}

export interface SqlResult {
  columns: { name: string; type: string }[];
  /** Row-major JSON values; timestamps RFC 3339, decimals as text, lists as arrays. */
  rows: unknown[][];
  /** True: there were more rows than the limit. */
  truncated: boolean;
  seconds: number;
}

/** `GET /search?q=&limit=` (2 characters or more; default 12): for ⌘K. People, metrics, themes, journeys, sources. Best first. */
export interface SearchResult {
  hits: {
    kind: "person" | "metric" | "theme" | "journey" | "source";
    /** person_id, metric name, theme_id, journey name, source name. */
    id: string;
    title: string;
    /** One line more: matched identifier, n, … ; null: nothing. */
    detail: string | null;
  }[];
}

// ---------------------------------------------------------------- endpoints

/** Pairs of people of whom nobody can say whether they are one. */
export interface Review {
  /** The one from whose answer most is learnt first. */
  pairs: Doubt[];
  total: number;
}

export interface Doubt {
  a: DoubtSide;
  b: DoubtSide;
  evidence: LinkEvidence;
  /** What is learnt from an answer; only the order counts. */
  value: number;
}

export interface DoubtSide {
  /** Number of the subject, as text. */
  subject: string;
  person_id: string;
  display_name: string | null;
  /** Events of the person. */
  events: number;
  /** source:record_id; null: the subject is no record. */
  record: string | null;
  /** What the record says, by field; those without a value are left out. */
  fields: Record<string, string>;
}

export interface LinkEvidence {
  /** Identifier type, model or decision. */
  rule: string;
  value: string | null;
  effect: "merged" | "demoted" | "doubtful" | "blocked";
  /** log2 of the Bayes factor; null for rules. */
  match_weight: number | null;
  probability: number | null;
  /** rules, model or the decision; of what was dropped why. */
  decided_by: string;
  source: string | null;
  at: string;
  reason: string | null;
  /** Of a model. */
  levels: ComparedLevel[];
}

export interface ComparedLevel {
  comparison: string;
  level: string | null;
  match_weight: number | null;
}

export interface IdentityNode {
  subject: string;
  record: string | null;
  identifiers: string[];
}

/** A decision about who is who. */
export interface Decided {
  decision_id: string;
  kind: "link" | "apart" | "detach";
  subjects: IdentityNode[];
  people: (string | null)[];
  reason: string | null;
  decided_by: string;
  decided_at: string;
  revoked_by: string | null;
  state: "pending" | "in_effect" | "without_effect" | "revoked";
  /** Pieces of evidence that join what it keeps apart. */
  bridged: number;
}

export interface DecisionRequest {
  kind: "link" | "apart" | "detach";
  a: string;
  b?: string;
  reason: string;
  decided_by?: string;
}

export interface RevokeRequest {
  reason: string;
  decided_by?: string;
}

/** Every endpoint with its query parameters, body and answer: the client and the mock are typed by it. */
export interface Endpoints {
  "GET /meta": { query: Record<string, never>; answer: Meta };
  "GET /overview": { query: Filter; answer: Overview };
  "GET /scores": { query: Filter & { metric?: string }; answer: Scores };
  "GET /people": {
    query: Filter & { q?: string; population?: string; limit?: number; cursor?: string };
    answer: People;
  };
  "GET /people/{person_id}": { query: Record<string, never>; answer: Person };
  "GET /people/{person_id}/timeline": {
    query: { channel?: string; limit?: number; cursor?: string };
    answer: Timeline;
  };
  "GET /identity/review": { query: { limit?: number }; answer: Review };
  "GET /journeys": { query: Filter; answer: Journeys };
  "GET /journeys/{journey}": { query: Filter; answer: Journey };
  "GET /process": { query: CasesAsked; answer: ProcessMap };
  "GET /process/people": {
    query: CasesAsked & Paged & { activity?: string; from?: string; to?: string };
    answer: PeopleBehind;
  };
  "GET /variants": { query: CasesAsked; answer: Variants };
  "GET /variants/people": { query: CasesAsked & Paged & { way: string }; answer: PeopleBehind };
  "GET /funnel": { query: FunnelAsked; answer: Funnel };
  "GET /funnel/people": {
    query: FunnelAsked & Paged & { step: number; stopped?: boolean; group?: string };
    answer: PeopleBehind;
  };
  "GET /retention": { query: RetentionAsked; answer: Retention };
  "GET /retention/people": { query: RetentionAsked & Paged & { cohort: string; later?: number }; answer: PeopleBehind };
  "GET /friction": { query: CasesAsked; answer: FrictionList };
  "GET /friction/people": {
    query: CasesAsked & Paged & { kind: string; from: string; to?: string };
    answer: PeopleBehind;
  };
  "GET /compare": { query: CasesAsked & { split: string; within?: string }; answer: Comparison };
  "GET /paths": {
    query: CasesAsked & { gap?: string; depth?: number; collapse?: boolean };
    answer: PathList;
  };
  "GET /paths/people": {
    query: CasesAsked & Paged & { gap?: string; collapse?: boolean; way: string };
    answer: PeopleBehind;
  };
  "GET /voice": { query: Filter; answer: Voice };
  "GET /voice/themes/{theme_id}": { query: Filter & { limit?: number; cursor?: string }; answer: ThemeDetail };
  "GET /drivers": { query: { metric?: string; segment?: string }; answer: Drivers };
  "GET /data": { query: Record<string, never>; answer: DataPage };
  "GET /data/quarantine": {
    query: {
      source?: string;
      reason?: string;
      target?: string;
      state?: "open" | "closed";
      limit?: number;
      cursor?: string;
    };
    answer: Quarantine;
  };
  "GET /data/quality": { query: { source?: string }; answer: Quality };
  "GET /data/sources/{source}": { query: { grain?: "day" | "hour"; limit?: number }; answer: SourceDetail };
  "GET /data/tail": {
    query: { source?: string; verdict?: MessageVerdict; values?: "masked" | "shown" };
    answer: TailLine;
  };
  "GET /keys": { query: Record<string, never>; answer: WriteKeyList };
  "GET /runs": { query: { limit?: number }; answer: Runs };
  "GET /jobs/{job_id}": { query: Record<string, never>; answer: Job };
  "GET /search": { query: { q: string; limit?: number }; answer: SearchResult };
  "POST /identity/decisions": { query: Record<string, never>; body: DecisionRequest; answer: Decided };
  "POST /identity/decisions/{decision_id}/revoke": {
    query: Record<string, never>;
    body: RevokeRequest;
    answer: Decided;
  };
  "POST /run": { query: Record<string, never>; body: RunRequest; answer: Job };
  "POST /import": { query: Record<string, never>; body: ImportRequest; answer: Job };
  "POST /data/replay": { query: Record<string, never>; body: ReplayRequest; answer: ReplayReport | Job };
  "POST /data/discard": { query: Record<string, never>; body: DiscardRequest; answer: ReplayReport | Job };
  "POST /data/test": { query: Record<string, never>; body: TestRequest; answer: TestReport };
  "POST /keys": { query: Record<string, never>; body: KeyRequest; answer: NewWriteKey };
  "POST /sql": { query: Record<string, never>; body: SqlRequest; answer: SqlResult };
}
