/**
 * A stateful stand-in for `clew serve`: the same paths, filters, cursors, errors and jobs that progress with time.
 * Scenarios (`scenario` argument): `normal`; `fresh` (nothing imported); `denied` (no session); `broken` (every page fails);
 * `slow` (answers take a second, and repairs are jobs).
 */
import type { Filter, KeyRequest, Meta, WriteKey } from "../src/api/types";
import * as company from "./company/index.ts";
import { DataPages } from "./data.ts";
import { IdentityPages } from "./identity.ts";
import { Jobs } from "./jobs.ts";
import { people } from "./people.ts";
import { ALL, type Answer, type Answers, MockRequest, NO_SLICE } from "./request.ts";
import { ways } from "./ways.ts";

export class MockServer {
  private requests = 0;
  private readonly jobs: Jobs;
  private readonly data: DataPages;
  private readonly identity: IdentityPages;
  private readonly keys: WriteKey[] = [
    {
      key_id: "5f0c11ab20de",
      source: "website",
      label: "shop.example",
      created_at: "2026-05-02T09:11:00Z",
      revoked_at: null,
    },
  ];

  constructor(private readonly now: () => number = () => Date.now()) {
    this.jobs = new Jobs(now);
    this.data = new DataPages(this.jobs, now);
    this.identity = new IdentityPages(now);
  }

  handle(method: string, path: string, query: URLSearchParams, body: unknown, scenario = "normal"): Answer {
    this.requests += 1;
    const id = `req-${this.requests.toString(36).padStart(6, "0")}`;
    const request = new MockRequest(id, method, path, query, body, scenario);
    if (scenario === "denied")
      return request.error(401, "unauthorised", "Open the login link that `clew serve` printed.");
    if (scenario === "broken" && path !== "/meta")
      return request.error(
        500,
        "internal",
        "The tables could not be read: the disk answered with an error. Nothing was changed.",
      );
    return this.answer(request);
  }

  private answer(request: MockRequest): Answer {
    const { method, parts, path, query, fresh } = request;
    switch (`${method} /${parts[0]}`) {
      case "GET /meta":
        return request.ok("GET /meta", this.meta(request));
      case "GET /overview":
        return overview(request);
      case "GET /scores":
        return scores(request);
      case "GET /people":
        return people(request);
      case "GET /identity":
      case "POST /identity":
        return this.identity.answer(request);
      case "GET /journeys":
        return journeys(request);
      case "GET /process":
      case "GET /variants":
      case "GET /funnel":
      case "GET /retention":
      case "GET /friction":
      case "GET /compare":
        return ways(request);
      case "GET /voice":
        return voice(request);
      case "GET /drivers":
        return drivers(request);
      case "GET /data":
        return this.data.get(request);
      case "POST /data":
        return this.data.post(request);
      case "GET /keys":
        return request.ok("GET /keys", { keys: this.keys });
      case "POST /keys":
        return this.newKey(request);
      case "GET /runs":
        return request.ok("GET /runs", {
          runs: fresh ? [] : this.jobs.runs.slice(0, Number(query.get("limit") ?? 20)),
        });
      case "GET /jobs": {
        const job = this.jobs.get(parts[1] ?? "");
        return job
          ? request.ok("GET /jobs/{job_id}", job)
          : request.nothing("This piece of work is not known. The server may have been restarted.");
      }
      case "GET /search":
        return request.ok("GET /search", { hits: search((query.get("q") ?? "").toLowerCase()) });
      case "POST /run":
        return this.jobs.start("run", request);
      case "POST /import":
        return this.jobs.start("import", request);
      case "POST /sql":
        return sql(request);
      default:
        return request.nothing(`There is nothing at ${path}.`);
    }
  }

  private newKey(request: MockRequest): Answer {
    const { source, label } = request.body as KeyRequest;
    const key: WriteKey = {
      key_id: `k${this.keys.length}`,
      source,
      label,
      created_at: new Date(this.now()).toISOString(),
      revoked_at: null,
    };
    this.keys.push(key);
    return request.ok("POST /keys", { key, write_key: "ck_mock8Jm2tQe1XWcV4yZrB7nKaLpD0sUf" }, 201);
  }

  private meta({ fresh }: MockRequest): Meta {
    return {
      company: "Larch & Loom",
      timezone: "Europe/Dublin",
      currency: "EUR",
      language: "en",
      version: "0.1.0",
      data_from: fresh ? null : company.DATA_FROM,
      data_until: fresh ? null : company.DATA_UNTIL,
      last_run: fresh ? null : this.jobs.lastRun(),
      next_run_at: "2026-07-01T06:17:40Z",
      job: this.jobs.running(),
      capabilities: fresh ? ["data"] : ["overview", "scores", "people", "journey", "voice", "drivers", "data"],
      metrics: company.METRICS,
      journeys: ["buy", "get_help"],
      periods: fresh
        ? [{ value: "all", period: "all", start: null }]
        : [
            { value: "all", period: "all", start: null },
            { value: "2026", period: "year", start: "2026-01-01" },
            { value: "2025", period: "year", start: "2025-01-01" },
            { value: "2026-Q2", period: "quarter", start: "2026-04-01" },
            { value: "2026-Q1", period: "quarter", start: "2026-01-01" },
            ...[...company.MONTHS].reverse().map((start) => ({ value: start.slice(0, 7), period: "month", start })),
          ],
      slices: fresh
        ? []
        : [
            { slice_by: "region", values: company.REGIONS.map((slice, i) => ({ slice, n: 6000 - i * 1100 })) },
            { slice_by: "segment", values: company.SEGMENTS.map((slice, i) => ({ slice, n: 6000 - i * 1100 })) },
          ],
      channels: fresh ? [] : company.CHANNELS,
    };
  }
}

function shift(filter: Filter): number {
  return filter.slice === "North" ? -0.19 : filter.slice || filter.channel ? 0.015 : 0;
}

function overview(request: MockRequest): Answer {
  const { filter, part, fresh } = request;
  return request.ok("GET /overview", {
    applied: ALL,
    scores: company.METRICS.map((metric) => {
      const points = fresh ? [] : company.trend(metric, shift(filter), part < 1 ? Math.min(1, part * 4) : 1);
      const { now: _now, before: _before, ...change } = company.change(metric, points) ?? {};
      return {
        metric: metric.metric,
        kind: metric.kind,
        score: company.estimate(
          metric,
          shift(filter),
          fresh ? 0 : Math.round(metric.metric === "repeat_buyers" ? 9020 * part : 13_400 * part),
        ),
        target: metric.target,
        trend: points,
        change: "verdict" in change ? (change as Answers["GET /overview"]["scores"][0]["change"]) : null,
      };
    }),
    changes: fresh ? [] : company.changes(),
    drivers: fresh ? null : { metric: "delivery_csat", r_squared: 0.264, n: 11_842, top: company.DRIVERS.slice(0, 3) },
    weakest_stages: fresh
      ? []
      : [
          { journey: "buy", stage: company.stages("buy", part)[3]! },
          { journey: "get_help", stage: company.stages("get_help", part)[1]! },
        ],
    counts: fresh
      ? { people: 0, events: 0, responses: 0, comments: 0, sources: 15 }
      : { people: 20_118, events: 1_312_406, responses: 26_059, comments: 9_480, sources: 15 },
    data: { balanced: true, quarantined: fresh ? 0 : 243, unreadable: fresh ? 0 : 6 },
  });
}

function scores(request: MockRequest): Answer {
  const { filter, part, query } = request;
  const metric = company.METRICS.find((m) => m.metric === query.get("metric")) ?? company.METRICS[0]!;
  const points = company.trend(metric, shift(filter), part < 1 ? Math.min(1, part * 4) : 1);
  const n = Math.round(13_400 * part);
  return request.ok("GET /scores", {
    applied: ALL,
    metric,
    score: company.estimate(metric, shift(filter), n),
    trend: points,
    change: company.change(metric, points),
    slices: company.slices(metric, part),
    distribution: company.distribution(metric, n),
    health: {
      answers: n,
      out_of_scale: Math.round(n / 700),
      response_rate: metric.survey
        ? company.wilson(Math.round(n), Math.round(n * 3.1))
        : {
            estimate: null,
            lower: null,
            upper: null,
            n: 0,
            level: 0.95,
            method: "wilson",
            reason: "not_computed",
          },
    },
  });
}

function journeys(request: MockRequest): Answer {
  const { parts, part, fresh } = request;
  if (parts[1] === undefined) {
    return request.ok("GET /journeys", {
      applied: NO_SLICE,
      journeys: fresh
        ? []
        : ["buy", "get_help"].map((journey, i) => ({
            journey,
            scope: i ? "conversation" : "person",
            people: Math.round((i ? 6214 : 19842) * part),
            completed: Math.round((i ? 4022 : 9020) * part),
            dropped: Math.round((i ? 1840 : 9301) * part),
            open: Math.round((i ? 352 : 1521) * part),
            completion: company.wilson(Math.round((i ? 4022 : 9020) * part), Math.round((i ? 5862 : 18321) * part)),
          })),
    });
  }
  if (!["buy", "get_help"].includes(parts[1]))
    return request.error(404, "not_found", `There is no journey called “${parts[1]}”.`);
  return request.ok("GET /journeys/{journey}", {
    applied: NO_SLICE,
    journey: parts[1],
    scope: "person",
    people: Math.round(19842 * part),
    completed: Math.round(9020 * part),
    dropped: Math.round(9301 * part),
    open: Math.round(1521 * part),
    stages: company.stages(parts[1], part),
    transitions: company.transitions(part),
    friction: company.friction(part),
  });
}

function voice(request: MockRequest): Answer {
  const { parts, part, fresh } = request;
  if (parts[1] === "themes") return theme(request);
  return request.ok("GET /voice", {
    applied: NO_SLICE,
    comments: fresh ? 0 : Math.round(company.COMMENTS * part),
    languages: fresh
      ? []
      : [
          { language: "en", n: Math.round(company.COMMENTS * part * 0.93), sentiment_method: "vader" },
          { language: "ga", n: Math.round(company.COMMENTS * part * 0.05), sentiment_method: "none" },
          { language: null, n: Math.round(company.COMMENTS * part * 0.02), sentiment_method: "none" },
        ],
    sentiment: company.normal(0.06, 0.5, fresh ? 0 : Math.round(8816 * part), "bootstrap"),
    balance: {
      negative: Math.round(3104 * part),
      neutral: Math.round(1902 * part),
      positive: Math.round(3810 * part),
      unknown: Math.round(664 * part),
    },
    themes: fresh ? [] : company.themes(part),
  });
}

function theme(request: MockRequest): Answer {
  const { parts, part } = request;
  const theme = company.themes(part, 6).find((one) => one.theme_id === parts[2]);
  if (!theme)
    return request.error(404, "not_found", "This theme does not exist any more. Themes are found anew in each run.");
  const slice = request.page(company.quotes(theme.theme_id, Math.min(theme.n, 57)), 20);
  return request.ok("GET /voice/themes/{theme_id}", {
    applied: NO_SLICE,
    theme,
    trend: company.MONTHS.map((period_start, i) => ({
      period_start,
      share: company.wilson(
        Math.round((theme.n / 12) * (i > 9 ? (theme.surge?.ratio ?? 1) : 0.9 + ((i * 37) % 20) / 100)),
        735,
      ),
      partial: false,
    })),
    by_channel: [
      { channel: "survey", n: Math.round(theme.n * 0.55) },
      { channel: "email", n: Math.round(theme.n * 0.2) },
      { channel: "phone", n: Math.round(theme.n * 0.15) },
      { channel: "social", n: Math.round(theme.n * 0.1) },
    ],
    quotes: slice.items,
    next_cursor: slice.next_cursor,
  });
}

function drivers(request: MockRequest): Answer {
  const { query, fresh } = request;
  const metric = company.METRICS[1]!;
  return request.ok("GET /drivers", {
    applied: { period: false, slice: false, channel: false },
    metric: fresh ? null : metric,
    segment: query.get("segment") ?? "all",
    metrics: fresh ? [] : [metric.metric],
    segments: ["all"],
    n: fresh ? 0 : 11_842,
    r_squared: fresh ? null : 0.264,
    families: fresh ? [] : company.FAMILIES,
    drivers: fresh ? [] : company.DRIVERS,
    screened_out: fresh ? [] : company.SCREENED,
  });
}

function sql(request: MockRequest): Answer {
  if (!/^\s*(select|with|show|describe|explain)/i.test((request.body as { query?: string } | null)?.query ?? "")) {
    return request.error(400, "invalid", "Only reading is possible here: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN.");
  }
  return request.ok("POST /sql", {
    columns: [{ name: "n", type: "Int64" }],
    rows: [[1]],
    truncated: false,
    seconds: 0.01,
  });
}

function search(q: string): Answers["GET /search"]["hits"] {
  const people = company.PEOPLE.filter((person) => person.display_name?.toLowerCase().includes(q))
    .slice(0, 5)
    .map((person) => ({
      kind: "person" as const,
      id: person.person_id,
      title: person.display_name ?? person.person_id,
      detail: person.person_id,
    }));
  const metrics = company.METRICS.filter((metric) => metric.metric.includes(q)).map((metric) => ({
    kind: "metric" as const,
    id: metric.metric,
    title: metric.metric,
    detail: metric.definition,
  }));
  const found = company
    .themes()
    .filter((theme) => theme.name.includes(q))
    .map((theme) => ({ kind: "theme" as const, id: theme.theme_id, title: theme.name, detail: null }));
  return [...metrics, ...found, ...people];
}
