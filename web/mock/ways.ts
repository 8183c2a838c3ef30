/** Process map, variants, funnel, retention and the people behind them. */
import type {
  ActivityCount,
  CohortPeriod,
  Edge,
  FrictionFinding,
  FunnelGroup,
  FunnelStep,
  WayDifference,
} from "../src/api/types";
import { normal, wilson } from "./company/estimate.ts";
import * as company from "./company/index.ts";
import { ALL, type Answer, type MockRequest } from "./request.ts";

const DAY_MS = 86_400_000;

const by = (counts: Map<string, number>): ActivityCount[] =>
  [...counts].map(([activity, n]) => ({ activity, n })).sort((a, b) => b.n - a.n);

/** Counts of the company's transitions. */
function moves(part: number) {
  const all = company.transitions(part);
  const counts = (of: (t: (typeof all)[number]) => string | null) => {
    const found = new Map<string, number>();
    for (const t of all) {
      const name = of(t);
      if (name !== null) found.set(name, (found.get(name) ?? 0) + t.n);
    }
    return by(found);
  };
  const edges: Edge[] = all
    .filter(({ from_step, to_step, n }) => from_step !== "(start)" && to_step !== "(end)" && n > 0)
    .map(({ from_step, to_step, n, median_wait_ms, p90_wait_ms }) => ({
      from: from_step,
      to: to_step,
      n,
      median_wait_ms: median_wait_ms ?? 0,
      p90_wait_ms: p90_wait_ms ?? 0,
    }));
  return {
    edges,
    moves: edges.reduce((sum, { n }) => sum + n, 0),
    activities: counts(({ to_step }) => (to_step === "(end)" ? null : to_step)),
    start: counts(({ from_step, to_step }) => (from_step === "(start)" ? to_step : null)),
    end: counts(({ from_step, to_step }) => (to_step === "(end)" ? from_step : null)),
  };
}

/** The steps of a list in a parameter. */
function list(text: string | null): string[] {
  if (!text) return [];
  return text.startsWith("[") ? JSON.parse(text) : text.split(",");
}

const WAYS: [cases: number, activities: string[]][] = [
  [4120, ["page_viewed"]],
  [2230, ["page_viewed", "product_viewed"]],
  [1480, ["page_viewed", "product_viewed", "cart_updated", "order_placed", "parcel_shipped", "parcel_delivered"]],
  [910, ["ad_clicked", "page_viewed", "product_viewed", "cart_updated"]],
  [540, ["page_viewed", "product_viewed", "cart_updated", "payment_failed", "payment_failed"]],
  [
    410,
    [
      "ad_clicked",
      "page_viewed",
      "product_viewed",
      "cart_updated",
      "order_placed",
      "parcel_shipped",
      "promise_missed",
      "contact_opened",
      "contact_closed",
    ],
  ],
];

export function ways(request: MockRequest): Answer {
  const { parts, query, part, fresh } = request;
  if (parts[1] === "people") return behind(request);
  const size = fresh ? 0 : part;
  if (parts[0] === "friction") return friction(request);
  if (parts[0] === "compare") return compare(request);
  const people = Math.round(19842 * size);
  const found = moves(size);
  const journey = query.get("journey");
  if (parts[0] === "process")
    return request.ok("GET /process", {
      applied: ALL,
      journey,
      cases: Math.round(21920 * size),
      people,
      events: found.activities.reduce((sum, { n }) => sum + n, 0),
      variants: Math.round(3180 * size),
      ...found,
    });
  if (parts[0] === "variants") {
    const cases = Math.round(21920 * size);
    let covered = 0;
    return request.ok("GET /variants", {
      applied: ALL,
      journey,
      cases,
      people,
      variants: Math.round(3180 * size),
      top: WAYS.filter(([n]) => Math.round(n * size) > 0).map(([n, activities]) => {
        covered += Math.round(n * size);
        return {
          activities,
          cases: Math.round(n * size),
          share: wilson(Math.round(n * size), cases),
          coverage: covered / cases,
        };
      }),
    });
  }
  return parts[0] === "funnel" ? funnel(request, found.activities) : retention(request, found.activities);
}

function funnel(request: MockRequest, activities: ActivityCount[]): Answer {
  const { query, part, fresh } = request;
  const asked = list(query.get("steps"));
  const names = fresh
    ? []
    : asked.length
      ? asked
      : ["page_viewed", "product_viewed", "cart_updated", "order_placed", "parcel_delivered"];
  const unknown = names.find((name) => !activities.some(({ activity }) => activity === name));
  if (unknown) return request.error(400, "invalid", `no event is called \`${unknown}\`.`);
  const reached = names.map((_, i) => Math.round(18_200 * part * 0.62 ** i));
  const steps: FunnelStep[] = names.map((step, i) => {
    const stopped = reached[i]! - (reached[i + 1] ?? 0);
    return {
      step,
      people: reached[i]!,
      of_first: wilson(reached[i]!, reached[0]!),
      of_previous: wilson(reached[i]!, reached[Math.max(0, i - 1)]!),
      stopped,
      next:
        i === names.length - 1
          ? []
          : [
              { activity: null, people: Math.round(stopped * 0.7) },
              { activity: "contact_opened", people: stopped - Math.round(stopped * 0.7) },
            ],
    };
  });
  const way = query.get("by");
  const group = (name: string | null, size: number, factor: number): FunnelGroup => {
    const at = reached.map((n, i) => Math.round(n * size * factor ** i));
    const conversion = wilson(at.at(-1) ?? 0, at[0] ?? 0);
    const gap = factor - 1;
    return {
      group: name,
      reached: at,
      conversion,
      difference: {
        ...conversion,
        estimate: gap / 4,
        lower: gap / 4 - 0.02,
        upper: gap / 4 + 0.02,
        method: "newcombe",
      },
      stands_out: Math.abs(gap) > 0.1,
    };
  };
  const days = Number(/^(\d+)d$/.exec(query.get("window") ?? "30d")?.[1] ?? 30);
  return request.ok("GET /funnel", {
    applied: ALL,
    window_ms: days * DAY_MS,
    within: query.get("within") ?? "whole",
    order: query.get("order") ?? "ordered",
    exclude: list(query.get("exclude")),
    people: fresh ? 0 : Math.round(19_310 * part),
    steps,
    median_conversion_ms: steps.length ? 4.2 * DAY_MS : null,
    p90_conversion_ms: steps.length ? 11.8 * DAY_MS : null,
    by: way,
    groups: way ? [group("West", 0.4, 1.02), group("North", 0.3, 0.82), group(null, 0.3, 1)] : [],
    groupings: ["channel", "attribute.region"],
    activities,
  });
}

function retention(request: MockRequest, activities: ActivityCount[]): Answer {
  const { query, part, fresh } = request;
  const starts = fresh ? [] : company.MONTHS;
  const curve: CohortPeriod[] = [];
  const cohorts = starts.map((cohort, i) => {
    const people = Math.round((1500 + ((i * 137) % 400)) * part);
    const periods = Array.from({ length: starts.length - i }, (_, n): CohortPeriod => {
      const active = n === 0 ? people : Math.round(people * (0.42 / Math.sqrt(n) + (i % 3) * 0.02));
      const complete = i + n < starts.length - 1;
      return {
        n,
        active,
        complete,
        rate: complete ? wilson(active, people) : { ...wilson(0, 0), n: people, reason: "not_computed" },
      };
    });
    return { cohort, people, periods };
  });
  for (let n = 0; n < starts.length - 1; n++) {
    const seen = cohorts.filter(({ periods }) => periods[n]?.complete);
    const active = seen.reduce((sum, { periods }) => sum + periods[n]!.active, 0);
    const people = seen.reduce((sum, cohort) => sum + cohort.people, 0);
    curve.push({ n, active, complete: true, rate: wilson(active, people) });
  }
  return request.ok("GET /retention", {
    applied: ALL,
    unit: query.get("unit") ?? "week",
    of: list(query.get("of")),
    observed_until: fresh ? null : company.DATA_UNTIL,
    people: cohorts.reduce((sum, { people }) => sum + people, 0),
    cohorts,
    curve,
    activities,
  });
}

/** People of the company, as many as the cell says, in pages. */
function behind(request: MockRequest): Answer {
  const slice = request.page(company.PEOPLE.slice(0, 57), 50);
  return request.ok("GET /funnel/people", { total: 57, people: slice.items, next_cursor: slice.next_cursor });
}

function friction(request: MockRequest): Answer {
  const { query, part, fresh } = request;
  const finding = (
    kind: FrictionFinding["kind"],
    from: string,
    to: string | null,
    n: number,
    of: number,
    lostHours: number | null,
  ): FrictionFinding => {
    const times = Math.round(n * part);
    return {
      kind,
      from,
      to,
      n: times,
      share: wilson(times, Math.round(of * part)),
      people: Math.round(times * 0.8),
      lost_ms: lostHours === null ? null : lostHours * 3_600_000 * times,
      value: times * 212.4,
      examples: company.PEOPLE.slice(0, 3).map(({ person_id }, i) => ({
        person_id,
        from_at: `2026-05-${11 + i}T09:12:00Z`,
        to_at: `2026-05-${12 + i}T10:40:00Z`,
      })),
    };
  };
  const found = [
    finding("failure", "promise_missed", null, 1190, 1190, null),
    finding("failure", "payment_failed", null, 1932, 1932, null),
    finding("repeat_contact", "contact_opened", "contact_opened", 331, 1721, null),
    finding("transfer", "billing_desk", "technical_desk", 210, 940, 5),
    finding("dead_end", "payment_failed", null, 790, 1932, null),
    finding("long_wait", "parcel_shipped", "parcel_delivered", 760, 7630, 61),
    finding("loop", "payment_failed", null, 512, 1932, 0.1),
  ];
  return request.ok("GET /friction", {
    applied: ALL,
    journey: query.get("journey"),
    people: fresh ? 0 : Math.round(19_842 * part),
    findings: fresh ? [] : found,
    resolution: fresh ? null : wilson(Math.round(1390 * part), Math.round(1721 * part)),
    first_contact_resolution: fresh ? null : wilson(Math.round(1101 * part), Math.round(1302 * part)),
    too_young: Math.round(64 * part),
    contacts: ["contact_opened"],
    failures: ["promise_missed", "payment_failed"],
    currency: "EUR",
  });
}

function compare(request: MockRequest): Answer {
  const { query, part, fresh } = request;
  const split = query.get("split") ?? "";
  const [by, value] = split.split(":");
  if (split !== "nps" && !value)
    return request.error(
      400,
      "invalid",
      "`split` is none of nps, date:2026-02-12, channel:app, attribute.<name>:<value>.",
    );
  const [a, b] =
    by === "nps"
      ? ["detractors", "promoters"]
      : by === "date"
        ? [`before ${value}`, `from ${value}`]
        : ["others", value!];
  const n = Math.round(4200 * part);
  const difference = (
    kind: WayDifference["kind"],
    activities: string[],
    before: number,
    after: number,
    stands_out: boolean,
  ): WayDifference => {
    const of = (at: number) =>
      kind === "wait" ? normal(at, at, n, "quantile") : { ...wilson(Math.round(at * n), n), method: "cluster" };
    const gap = normal(after - before, kind === "wait" ? before : 0.4, 2 * n, "mover");
    return {
      kind,
      activities,
      a: of(before),
      b: of(after),
      difference: gap,
      p_value: stands_out ? 0.0004 : 0.41,
      effect: stands_out ? (after - before) * n : 3,
      stands_out,
    };
  };
  const HOUR = 3_600_000;
  return request.ok("GET /compare", {
    applied: ALL,
    journey: query.get("journey"),
    a: a!,
    b: b!,
    cases_a: fresh ? 0 : n,
    cases_b: fresh ? 0 : n,
    tests: 61,
    found: 2,
    differences: [
      difference("transition", ["cart_updated", "payment_failed"], 0.07, 0.15, true),
      difference("wait", ["order_placed", "parcel_shipped"], 20 * HOUR, 31 * HOUR, true),
      difference("transition", ["payment_failed"], 0.4, 0.42, false),
      difference("step", ["contact_opened"], 0.02, 0.021, false),
      difference("variant", ["page_viewed", "product_viewed"], 0.1, 0.101, false),
    ],
  });
}
