/** The Data pages of the invented company: sources with volume and health, batches, quality, alarms, quarantine, messages. */
import type {
  Alarm,
  BatchEquations,
  FieldQuality,
  HealthStatus,
  MessageVerdict,
  Quality,
  QualityShare,
  QuarantineItem,
  Source,
  TailLine,
  VolumePoint,
} from "../src/api/types";
import { Dice } from "./dice.ts";

/** The newest fact of the company. */
export const AS_OF = "2026-06-30T21:14:00Z";
const IMPORTED = "2026-07-01T06:02:11Z";
const DAY_MS = 86_400_000;

interface SourceSeed {
  name: string;
  /** Without one it is live. */
  file?: string;
  kind?: "tracking";
  /** Without one it is a lookup. */
  target?: "events" | "records" | "responses";
  /** Facts a row. */
  facts?: number;
  read?: number;
  skipped?: number;
  unreadable?: number;
  duplicate?: number;
  quarantined?: number;
  /** Why most of its quarantined facts are there. */
  reason?: string;
  health?: [HealthStatus, string];
  /** Since when nothing has come, and the last that did. */
  silent?: { from: string; newest: string };
}

const SOURCE_SEEDS: SourceSeed[] = [
  {
    name: "app_events",
    file: "app/events-*.jsonl.gz",
    target: "events",
    read: 412_660,
    skipped: 2_011,
    duplicate: 1_204,
    quarantined: 37,
  },
  { name: "bot_sessions", file: "bot/sessions.json", target: "events", read: 21_408 },
  {
    name: "calls",
    file: "telephony/calls.csv",
    target: "events",
    read: 18_921,
    skipped: 114,
    unreadable: 3,
    duplicate: 12,
    quarantined: 21,
  },
  {
    name: "carriers",
    file: "lookup/carriers.csv",
    read: 14,
    health: ["healthy", "Reference data: others look things up in it."],
  },
  { name: "chats", file: "chat/export.jsonl", target: "events", read: 26_114, duplicate: 88, quarantined: 4 },
  { name: "crm", file: "crm/customers.csv", target: "records", read: 23_905, unreadable: 2, duplicate: 310 },
  {
    name: "deliveries",
    file: "carrier/deliveries.parquet",
    target: "events",
    read: 31_877,
    quarantined: 112,
    reason: "invalid_time",
    health: ["late", "Silent for 5 days; before that it came every day."],
    silent: { from: "2026-06-24T23:00:00Z", newest: "2026-06-24T17:20:00Z" },
  },
  { name: "emails", file: "mail/messages.jsonl", target: "events", read: 58_431, skipped: 12_807, quarantined: 9 },
  {
    name: "orders",
    file: "shop/orders.csv",
    target: "events",
    facts: 2,
    read: 30_212,
    duplicate: 44,
    quarantined: 6,
  },
  { name: "returns", target: "events", health: ["idle", "Nothing was sent yet."] },
  { name: "social", file: "social/posts.jsonl", target: "events", read: 7_022, skipped: 1_930 },
  { name: "store_visits", file: "stores/visits.csv", target: "events", read: 44_190, unreadable: 1 },
  {
    name: "surveys",
    file: "surveys/answers.csv",
    target: "responses",
    read: 26_318,
    duplicate: 205,
    quarantined: 54,
    reason: "expectation",
    health: ["failing", "Its newest batch fails an expectation that sets rows aside."],
  },
  { name: "web_events", file: "web/events-*.parquet", target: "events", read: 688_204, skipped: 9_310 },
  {
    name: "website",
    kind: "tracking",
    target: "events",
    read: 9_614,
    skipped: 118,
    duplicate: 61,
    quarantined: 14,
    reason: "missing_identifier",
  },
];

const HEALTHY: [HealthStatus, string] = ["healthy", "Facts on 30 of the last 30 days, the newest as usual."];

/** Facts of a source by local day or hour, up to the newest fact of the company; Dublin is an hour ahead of UTC. */
export function volume(source: string, grain: "hour" | "day", many: number): VolumePoint[] {
  const seed = SOURCE_SEEDS.find(({ name }) => name === source);
  if (!seed?.target || !seed.read) return [];
  const dice = new Dice(`volume-${source}-${grain}`);
  const daily = seed.read / 365;
  const silent = seed.silent ? Date.parse(seed.silent.from) : Number.POSITIVE_INFINITY;
  const size = grain === "day" ? DAY_MS : DAY_MS / 24;
  const last = grain === "day" ? Date.parse("2026-06-29T23:00:00Z") : Date.parse("2026-06-30T21:00:00Z");
  return Array.from({ length: many }, (_, i) => {
    const at = last - (many - 1 - i) * size;
    const local = new Date(at + DAY_MS / 24);
    const weekend = local.getUTCDay() % 6 === 0 ? 0.7 : 1;
    const hour = grain === "day" ? 1 : (0.2 + Math.max(0, Math.sin(((local.getUTCHours() - 6) / 18) * Math.PI))) / 20;
    return {
      start: new Date(at).toISOString(),
      n: at >= silent ? 0 : Math.round(daily * weekend * hour * (0.8 + dice.next() * 0.4)),
    };
  });
}

/** Reasons of what waits, most first. */
function waiting({ unreadable = 0, quarantined = 0, reason = "conflict" }: SourceSeed): Source["quarantine"] {
  return [
    { reason: "unreadable", n: unreadable },
    { reason, n: Math.ceil(quarantined * 0.7) },
    { reason: "invalid_number", n: Math.floor(quarantined * 0.3) },
  ]
    .filter(({ n }) => n > 0)
    .sort((a, b) => b.n - a.n);
}

export function sources(): Source[] {
  return SOURCE_SEEDS.map((seed) => {
    const { name: source, file, target, facts = 1, read = 0, skipped = 0, unreadable = 0, silent } = seed;
    const { duplicate = 0, quarantined = 0 } = seed;
    const mapped = read - skipped - unreadable;
    const produced = mapped * facts;
    const [status, reason] = seed.health ?? HEALTHY;
    const live = file === undefined;
    return {
      source,
      kind: seed.kind ?? (live ? "rows" : "files"),
      health: { status, reason },
      volume: volume(source, "day", 30),
      expected_at: null,
      live: live
        ? { accepted: read && 4_188, duplicate: read && 22, quarantined: read && 6, rejected: 0, skipped: read && 41 }
        : null,
      stream: null,
      open_alarms: alarms().filter((alarm) => alarm.source === source && alarm.open).length,
      mode: target ? (target === "records" ? "upsert" : "append") : null,
      lookup: !target,
      watch: Boolean(target),
      population: "customer",
      files: file ? [file] : [],
      last_import_at: read === 0 ? null : IMPORTED,
      newest_fact_at: !target || read === 0 ? null : (silent?.newest ?? AS_OF),
      rows: { read, mapped, skipped, unreadable, balanced: true },
      targets:
        !target || read === 0
          ? []
          : [
              {
                target,
                produced,
                stored: produced - duplicate - quarantined,
                duplicate,
                quarantined,
                rejected: 0,
                balanced: true,
              },
            ],
      quarantine: waiting(seed),
    };
  });
}

/** A part of a count that adds up over all parts. */
const part = (n: number, i: number, many: number) => Math.floor((n * (i + 1)) / many) - Math.floor((n * i) / many);

/** The batches of a source, newest first; they add up to its equations. */
export function batches(source: Source): BatchEquations[] {
  if (source.last_import_at === null) return [];
  const many = source.lookup ? 1 : source.live ? 6 : 9;
  return Array.from({ length: many }, (_, i) => {
    const at = Date.parse(IMPORTED) - (many - 1 - i) * 7 * DAY_MS;
    const of = (n: number) => part(n, i, many);
    const { rows } = source;
    const [mapped, skipped, unreadable] = [of(rows.mapped), of(rows.skipped), of(rows.unreadable)];
    return {
      batch: `${source.source}-${String(i + 1).padStart(4, "0")}`,
      first_at: new Date(at - 11_000).toISOString(),
      last_at: new Date(at).toISOString(),
      files: source.live
        ? ["/v1"]
        : source.files.map((file) => file.replace("*", new Date(at).toISOString().slice(0, 10))),
      files_total: 1,
      rows: { read: mapped + skipped + unreadable, mapped, skipped, unreadable, balanced: true },
      targets: source.targets.map((target) => {
        const [stored, duplicate, quarantined] = [of(target.stored), of(target.duplicate), of(target.quarantined)];
        return {
          ...target,
          produced: stored + duplicate + quarantined,
          stored,
          duplicate,
          quarantined,
          rejected: 0,
        };
      }),
    };
  }).reverse();
}

export function alarms(): Alarm[] {
  return [
    {
      alarm_id: "al-1",
      source: "surveys",
      batch: "surveys-0009",
      kind: "expectation",
      rule: "score_in_scale",
      target: "responses",
      field: "score",
      severity: "quarantine",
      n: 38,
      share: 0.0132,
      detail: "score lies outside scale_min to scale_max in 38 of 2,901 answers",
      remedy:
        "Look at the 38 rows in quarantine: the survey may have changed its scale. Mend scale_max in sources/surveys.responses.sql.",
      at: IMPORTED,
      open: true,
    },
    {
      alarm_id: "al-2",
      source: "crm",
      batch: "crm-0009",
      kind: "drift",
      rule: "null_rate",
      target: "records",
      field: "phones",
      severity: "warn",
      n: 1_009,
      share: 0.381,
      detail: "phones is empty in 38 % of records; in the eight batches before in 21 to 24 %",
      remedy: "Ask the team of the CRM whether the export still carries the phone number.",
      at: IMPORTED,
      open: true,
    },
    {
      alarm_id: "al-3",
      source: "deliveries",
      batch: "deliveries-0006",
      kind: "drift",
      rule: "volume",
      target: "events",
      field: null,
      severity: "warn",
      n: 1_204,
      share: null,
      detail: "1,204 events, where 3,300 to 3,700 are usual",
      remedy: "Check whether the carrier's export was cut off.",
      at: "2026-06-10T06:02:11Z",
      open: false,
    },
  ];
}

// ---------------------------------------------------------------- quality

const share = (part: number, n: number): QualityShare =>
  n === 0 ? { share: null, n: 0, reason: "empty" } : { share: part / n, n, reason: null };
const unknown = (reason: string): QualityShare => ({ share: null, n: 0, reason });

/** Field, share that is empty, share of the rest that is wrong, share that was repaired, share that is different. */
type FieldSeed = [field: string, nulls: number, invalid: number, changed: number, distinct: number];
const FIELDS: Record<string, FieldSeed[]> = {
  events: [
    ["event_id", 0, 0, 0, 1],
    ["name", 0, 0, 0.08, 0.0004],
    ["channel", 0.001, 0.004, 0.02, 0.0001],
    ["occurred_at", 0, 0.003, 0, 0.94],
    ["reference", 0.42, 0, 0, 0.31],
    ["amount", 0.71, 0.002, 0.01, 0.12],
    ["currency", 0.71, 0.001, 0.04, 0.0001],
  ],
  records: [
    ["record_id", 0, 0, 0, 1],
    ["full_name", 0.006, 0, 0.11, 0.93],
    ["emails", 0.087, 0.013, 0.16, 0.98],
    ["phones", 0.381, 0.046, 0.57, 0.97],
    ["birth_date", 0.54, 0.021, 0, 0.36],
    ["postcode", 0.121, 0.018, 0.22, 0.19],
    ["country", 0.02, 0.001, 0.31, 0.0004],
  ],
  responses: [
    ["response_id", 0, 0, 0, 1],
    ["score", 0.031, 0.0132, 0, 0.0004],
    ["text", 0.664, 0, 0, 0.91],
    ["language", 0.67, 0, 0, 0.0002],
    ["answered_at", 0, 0, 0, 0.99],
  ],
};

export function quality(only: string | null): Quality {
  const known = sources().filter(
    (source) => source.targets.length > 0 && (!only || source.source === only) && source.last_import_at !== null,
  );
  const fields = known.flatMap((source) => {
    const target = source.targets[0]!;
    return FIELDS[target.target]!.map(([field, nulls, invalid, changed, distinct]): FieldQuality => {
      const dice = new Dice(`quality-${source.source}-${field}`);
      const wobble = 0.75 + dice.next() * 0.5;
      const n = target.produced;
      const empty = Math.round(n * Math.min(1, nulls * wobble));
      const given = n - empty;
      const wrong = Math.round(given * invalid * wobble);
      const steps = 9;
      return {
        source: source.source,
        target: target.target,
        field,
        n,
        nulls: empty,
        invalid: wrong,
        changed: Math.round(given * changed * wobble),
        completeness: share(given, n),
        validity: share(given - wrong, given),
        uniqueness: share(Math.round(Math.min(given, 4_096) * distinct), Math.min(given, 4_096)),
        consistency:
          source.source === "surveys" && field === "score"
            ? share(given - 38, given)
            : source.source === "crm" && field === "emails"
              ? share(given, given)
              : unknown("no_expectation"),
        trend: batches(source)
          .map(({ batch, last_at, targets }, back) => {
            const last = back === 0;
            const size = targets[0]!.produced;
            const jump =
              source.source === "crm" && field === "phones"
                ? last
                  ? 0
                  : 0.15
                : (dice.next() - 0.5) * 0.01 * (nulls > 0 ? 1 : 0);
            return {
              batch,
              at: last_at,
              n: size,
              completeness: Math.min(1, given / n + jump),
              validity:
                given === 0 ? null : Math.min(1, 1 - wrong / given + (invalid > 0 ? (dice.next() - 0.5) * 0.004 : 0)),
            };
          })
          .slice(0, steps)
          .reverse(),
      };
    });
  });
  return {
    reason:
      known.length === 0 ? "Nothing was counted in the last 30 days: values are counted when a source comes in." : null,
    sources: known.map(({ source, live }) => {
      const own = fields.filter((field) => field.source === source);
      const sum = (of: (field: FieldQuality) => number) => own.reduce((total, field) => total + of(field), 0);
      const [n, nulls, invalid] = [sum(({ n }) => n), sum(({ nulls }) => nulls), sum(({ invalid }) => invalid)];
      const checked = own[0]!.n;
      const failed = alarms().find((alarm) => alarm.source === source && alarm.kind === "expectation")?.n ?? 0;
      return {
        source,
        completeness: share(n - nulls, n),
        validity: share(n - nulls - invalid, n - nulls),
        consistency: ["surveys", "crm", "orders"].includes(source)
          ? share(checked - failed, checked)
          : unknown("no_expectation"),
        timeliness: live ? share(Math.round(checked * 0.998), checked) : unknown("no_bound"),
        median_lag_ms: live ? 2_400 : 9 * 3_600_000,
      };
    }),
    fields,
  };
}

// ---------------------------------------------------------------- quarantine

const DETAILS: Record<string, string> = {
  invalid_time: "occurred_at is not a time such as 2026-01-31 12:00:00; other orders take parse_time(text, format)",
  unreadable: "expected 11 fields, found 9",
  conflict: "its id is stored with other content; the first one is kept, this one is in quarantine",
  invalid_number: "duration_ms is not a number",
  expectation: "score_in_scale: score lies outside scale_min to scale_max",
  missing_identifier: "neither userId nor anonymousId is given",
};

function raw(source: string, reason: string, i: number): string {
  switch (reason) {
    case "unreadable":
      return '20418;"Byrne;;2026-06-02';
    case "expectation":
      return JSON.stringify({
        answer_id: `A-${5100 + i}`,
        survey: "after_delivery",
        score: "11",
        scale_max: "5",
        email: `customer${i}@example.org`,
      });
    case "missing_identifier":
      return JSON.stringify({
        type: "track",
        event: "Product Viewed",
        messageId: `m-${7000 + i}`,
        properties: { product: "Oak table" },
      });
    default:
      return JSON.stringify({
        id: `x-${1000 + i}`,
        occurred_at:
          reason === "invalid_time"
            ? `2026-02-30 14:0${i % 10}`
            : `2026-06-${String(1 + (i % 28)).padStart(2, "0")} 14:00`,
        duration_ms: reason === "invalid_number" ? "n/a" : "410000",
        status: source === "calls" ? "answered" : "delivered",
        region: "North",
        email: `customer${i}@example.org`,
      });
  }
}

export function quarantined(): QuarantineItem[] {
  return sources().flatMap((source) =>
    source.quarantine.flatMap(({ reason, n }) =>
      Array.from(
        { length: n },
        (_, i): QuarantineItem => ({
          quarantine_id: `${source.source}-${reason}-${i}`,
          source: source.source,
          batch: `${source.source}-0009`,
          target: reason === "unreadable" ? null : (source.targets[0]?.target ?? null),
          file: source.live ? "/v1" : source.files[0]!.replace("*", "2026-06"),
          row_no: 17 + i * 211,
          reason,
          detail: DETAILS[reason]!,
          raw: raw(source.source, reason, i),
          at: IMPORTED,
          repair: null,
        }),
      ),
    ),
  );
}

// ---------------------------------------------------------------- the tail

const CALLS: [kind: string, name: string | null, size: number][] = [
  ["page", "Oak table", 412],
  ["track", "Product Viewed", 388],
  ["track", "Product Added", 455],
  ["page", "Delivery", 371],
  ["track", "Checkout Started", 512],
  ["identify", null, 640],
  ["track", "Order Completed", 1_204],
];

/** The `i`-th message since the server started. */
export function line(i: number, now: number): TailLine {
  const dice = new Dice(`line-${i}`);
  const [kind, name, size] = dice.pick(CALLS);
  const toss = dice.next();
  const verdict: MessageVerdict =
    toss < 0.86 ? "stored" : toss < 0.92 ? "duplicate" : toss < 0.97 ? "quarantined" : "skipped";
  return {
    source: "website",
    kind,
    name,
    verdict,
    code: verdict === "quarantined" ? "missing_identifier" : null,
    detail: verdict === "quarantined" ? DETAILS.missing_identifier! : null,
    message_id: `ajs-next-${(i * 7919).toString(36)}`,
    identifiers:
      verdict === "quarantined"
        ? []
        : [
            { type: "anonymous_id", value: "6•••" },
            ...(kind === "identify" ? [{ type: "email", value: "c•••@e•••" }] : []),
          ],
    size_bytes: size + dice.below(90),
    index: 0,
    offset: 41_200 + i,
    received_at: new Date(now).toISOString(),
  };
}
