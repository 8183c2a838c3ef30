/**
 * A stateful stand-in for `clew serve`: the same paths, filters, cursors, errors and jobs that progress with time.
 * Scenarios (`scenario` argument): `normal`; `fresh` (nothing imported); `denied` (no session); `broken` (every page fails);
 * `slow` (answers take a second).
 */
import type {
  Applied,
  DataPage,
  DiscardRequest,
  Endpoints,
  ErrorBody,
  Filter,
  Job,
  KeyRequest,
  Meta,
  ReplayRequest,
  Run,
  TestRequest,
  WriteKey,
} from "../src/api/types";
import * as company from "./company/index.ts";
import * as intake from "./intake.ts";
import { Repairs } from "./repairs.ts";
import { testMessage } from "./testing.ts";

export interface Answer {
  status: number;
  body: unknown;
}

type Answers = { [K in keyof Endpoints]: Endpoints[K]["answer"] };

const ALL: Applied = { period: true, slice: true, channel: true };

/** How much of the data a filter leaves, so that filtered pages differ visibly. */
function size(filter: Filter): number {
  let part = 1;
  const period = filter.period ?? "all";
  if (/^\d{4}-\d{2}$/.test(period)) part /= 12;
  else if (/^\d{4}-Q\d$/.test(period)) part /= 4;
  else if (period !== "all") part /= 2;
  const channel = filter.channel;
  if (channel) part *= { web: 0.46, app: 0.29, store: 0.16, phone: 0.09 }[channel] ?? 0.0005;
  if (filter.slice) part *= { North: 0.02, app: 0.29, web: 0.46 }[filter.slice] ?? 0.2;
  return part;
}

function shift(filter: Filter): number {
  return filter.slice === "North" ? -0.19 : filter.slice || filter.channel ? 0.015 : 0;
}

export class MockServer {
  private runs: Run[] = [
    company.run("r-20260701-0602", "2026-07-01T06:02:40Z"),
    company.run("r-20260630-2132", "2026-06-30T21:32:10Z", true),
    company.run("r-20260630-1802", "2026-06-30T18:02:02Z"),
  ];
  private jobs = new Map<string, { kind: Job["kind"]; started: number; finished: boolean }>();
  private requests = 0;
  private readonly repairs = new Repairs();
  private keys: WriteKey[] = [
    {
      key_id: "5f0c11ab20de",
      source: "website",
      label: "shop.example",
      created_at: "2026-05-02T09:11:00Z",
      revoked_at: null,
    },
  ];

  constructor(private readonly now: () => number = () => Date.now()) {}

  handle(method: string, path: string, query: URLSearchParams, body: unknown, scenario = "normal"): Answer {
    this.requests += 1;
    const id = `req-${this.requests.toString(36).padStart(6, "0")}`;
    if (scenario === "denied")
      return this.error(id, 401, "unauthorised", "Open the login link that `clew serve` printed.");
    if (scenario === "broken" && path !== "/meta") {
      return this.error(
        id,
        500,
        "internal",
        "The tables could not be read: the disk answered with an error. Nothing was changed.",
      );
    }
    const answer = this.answer(method, path, query, body, scenario === "fresh", id);
    return answer ?? this.error(id, 404, "not_found", `There is nothing at ${path}.`);
  }

  private error(
    request_id: string,
    status: number,
    code: string,
    message: string,
    details: Record<string, unknown> | null = null,
  ): Answer {
    const envelope: ErrorBody = { error: { code, message, request_id, details } };
    return { status, body: envelope };
  }

  private job(job_id: string): Job | null {
    const job = this.jobs.get(job_id);
    if (!job) return null;
    const names = job.kind === "run" ? company.STEPS.slice(1) : company.STEPS;
    const elapsed = (this.now() - job.started) / 1000;
    const at = Math.floor(elapsed / 0.6);
    const done = at >= names.length;
    if (done && !job.finished) {
      job.finished = true;
      this.runs.unshift(company.run(`r-${job_id}`, new Date(job.started).toISOString()));
    }
    return {
      job_id,
      kind: job.kind,
      status: done ? "done" : "running",
      created_at: new Date(job.started).toISOString(),
      finished_at: done ? new Date(job.started + names.length * 600).toISOString() : null,
      steps: names.map((step, i) => ({
        step,
        status: i < at ? "done" : i === at ? "running" : "waiting",
        rows: i <= at ? 4_200 * (i + 1) : 0,
        seconds: i < at ? 0.6 : i === at ? elapsed - at * 0.6 : 0,
      })),
      progress: Math.min(1, elapsed / (names.length * 0.6)),
      error: null,
      report: null,
    };
  }

  private running(): Job | null {
    for (const id of this.jobs.keys()) {
      const job = this.job(id);
      if (job?.status === "running") return job;
    }
    return null;
  }

  private start(kind: Job["kind"], id: string): Answer {
    const running = this.running();
    if (running)
      return this.error(id, 409, "busy", "Clew is already at work. Wait until it is done.", { job_id: running.job_id });
    const job_id = `j-${this.jobs.size + 1}`;
    this.jobs.set(job_id, { kind, started: this.now(), finished: false });
    return { status: 202, body: this.job(job_id) };
  }

  private meta(fresh: boolean): Meta {
    const last = this.runs[0]!;
    return {
      company: "Larch & Loom",
      timezone: "Europe/Dublin",
      currency: "EUR",
      language: "en",
      version: "0.1.0",
      data_from: fresh ? null : company.DATA_FROM,
      data_until: fresh ? null : company.DATA_UNTIL,
      last_run: fresh
        ? null
        : { run_id: last.run_id, started_at: last.started_at, seconds: last.seconds, status: last.status },
      next_run_at: "2026-07-01T06:17:40Z",
      job: this.running(),
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

  private answer(
    method: string,
    path: string,
    query: URLSearchParams,
    body: unknown,
    fresh: boolean,
    id: string,
  ): Answer | null {
    const ok = <K extends keyof Answers>(_: K, answer: Answers[K]): Answer => ({ status: 200, body: answer });
    const filter: Filter = {
      period: query.get("period") ?? undefined,
      slice_by: query.get("slice_by") ?? undefined,
      slice: query.get("slice") ?? undefined,
      channel: query.get("channel") ?? undefined,
    };
    const part = size(filter);
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const page = <T>(items: T[], fallback: number) => {
      const from = Number(query.get("cursor") ?? 0);
      const many = Number(query.get("limit") ?? fallback);
      return {
        items: items.slice(from, from + many),
        next_cursor: from + many < items.length ? String(from + many) : null,
      };
    };

    switch (`${method} /${parts[0]}`) {
      case "GET /meta":
        return ok("GET /meta", this.meta(fresh));
      case "GET /overview":
        return ok("GET /overview", this.overview(filter, part, fresh));
      case "GET /scores": {
        const metric = company.METRICS.find((m) => m.metric === query.get("metric")) ?? company.METRICS[0]!;
        const points = company.trend(metric, shift(filter), part < 1 ? Math.min(1, part * 4) : 1);
        const n = Math.round(13_400 * part);
        return ok("GET /scores", {
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
      case "GET /people":
        return this.people(parts, query, filter, fresh, id, page);
      case "GET /journeys": {
        const applied = { ...ALL, slice: false };
        if (parts[1] === undefined) {
          return ok("GET /journeys", {
            applied,
            journeys: fresh
              ? []
              : ["buy", "get_help"].map((journey, i) => ({
                  journey,
                  scope: i ? "conversation" : "person",
                  people: Math.round((i ? 6214 : 19842) * part),
                  completed: Math.round((i ? 4022 : 9020) * part),
                  dropped: Math.round((i ? 1840 : 9301) * part),
                  open: Math.round((i ? 352 : 1521) * part),
                  completion: company.wilson(
                    Math.round((i ? 4022 : 9020) * part),
                    Math.round((i ? 5862 : 18321) * part),
                  ),
                })),
          });
        }
        if (!["buy", "get_help"].includes(parts[1]))
          return this.error(id, 404, "not_found", `There is no journey called “${parts[1]}”.`);
        return ok("GET /journeys/{journey}", {
          applied,
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
      case "GET /voice": {
        const applied = { ...ALL, slice: false };
        if (parts[1] === "themes") {
          const theme = company.themes(part, 6).find((one) => one.theme_id === parts[2]);
          if (!theme)
            return this.error(
              id,
              404,
              "not_found",
              "This theme does not exist any more. Themes are found anew in each run.",
            );
          const slice = page(company.quotes(theme.theme_id, Math.min(theme.n, 57)), 20);
          return ok("GET /voice/themes/{theme_id}", {
            applied,
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
        return ok("GET /voice", {
          applied,
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
      case "GET /drivers": {
        const metric = company.METRICS[1]!;
        return ok("GET /drivers", {
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
      case "GET /data":
        return this.dataOf(parts, query, fresh, id, page);
      case "POST /data":
        return this.work(parts[1] ?? "", body, id);
      case "GET /keys":
        return ok("GET /keys", { keys: this.keys });
      case "POST /keys": {
        const { source, label } = body as KeyRequest;
        const key: WriteKey = {
          key_id: `k${this.keys.length}`,
          source,
          label,
          created_at: new Date(this.now()).toISOString(),
          revoked_at: null,
        };
        this.keys.push(key);
        return { status: 201, body: { key, write_key: "ck_mock8Jm2tQe1XWcV4yZrB7nKaLpD0sUf" } };
      }
      case "GET /runs":
        return ok("GET /runs", { runs: fresh ? [] : this.runs.slice(0, Number(query.get("limit") ?? 20)) });
      case "GET /jobs": {
        const job = this.job(parts[1] ?? "");
        return job
          ? ok("GET /jobs/{job_id}", job)
          : this.error(id, 404, "not_found", "This piece of work is not known. The server may have been restarted.");
      }
      case "GET /search":
        return ok("GET /search", { hits: this.search((query.get("q") ?? "").toLowerCase()) });
      case "POST /run":
        return this.start("run", id);
      case "POST /import":
        return this.start("import", id);
      case "POST /sql":
        if (!/^\s*(select|with|show|describe|explain)/i.test((body as { query?: string } | null)?.query ?? "")) {
          return this.error(
            id,
            400,
            "invalid",
            "Only reading is possible here: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN.",
          );
        }
        return ok("POST /sql", {
          columns: [{ name: "n", type: "Int64" }],
          rows: [[1]],
          truncated: false,
          seconds: 0.01,
        });
      default:
        return null;
    }
  }

  private dataOf(
    parts: string[],
    query: URLSearchParams,
    fresh: boolean,
    id: string,
    page: <T>(items: T[], fallback: number) => { items: T[]; next_cursor: string | null },
  ): Answer {
    const ok = <K extends keyof Answers>(_: K, answer: Answers[K]): Answer => ({ status: 200, body: answer });
    switch (parts[1]) {
      case undefined:
        return ok("GET /data", this.data(fresh));
      case "quality":
        return ok(
          "GET /data/quality",
          fresh
            ? { reason: "Nothing was counted yet: values are counted when a source comes in.", sources: [], fields: [] }
            : intake.quality(query.get("source")),
        );
      case "quarantine": {
        const rows = fresh ? [] : this.repairs.list(query);
        return ok("GET /data/quarantine", { ...page(rows, 50), total: rows.length });
      }
      case "sources": {
        const source = this.data(fresh).sources.find((one) => one.source === parts[2]);
        if (!source) return this.error(id, 404, "not_found", "There is no such source.");
        const grain = query.get("grain") === "hour" ? "hour" : "day";
        const batches = fresh ? [] : intake.batches(source);
        return ok("GET /data/sources/{source}", {
          source,
          as_of: fresh ? null : intake.AS_OF,
          grain,
          volume: fresh ? [] : intake.volume(source.source, grain, grain === "hour" ? 72 : 90),
          batches: batches.slice(0, Number(query.get("limit") ?? 50)),
          batches_total: batches.length,
          alarms: fresh ? [] : intake.alarms().filter((alarm) => alarm.source === source.source),
        });
      }
      default:
        return this.error(id, 404, "not_found", "There is nothing at this address.");
    }
  }

  private work(what: string, body: unknown, id: string): Answer {
    switch (what) {
      case "replay":
        return { status: 200, body: this.repairs.replay(body as ReplayRequest) };
      case "discard": {
        const request = body as DiscardRequest;
        if (!request.reason.trim()) return this.error(id, 400, "invalid", "Say why: `reason` is empty.");
        return { status: 200, body: this.repairs.discard(request) };
      }
      case "test":
        return { status: 200, body: testMessage(body as TestRequest, this.now()) };
      default:
        return this.error(id, 404, "not_found", "There is nothing at this address.");
    }
  }

  private overview(filter: Filter, part: number, fresh: boolean): Answers["GET /overview"] {
    return {
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
      drivers: fresh
        ? null
        : { metric: "delivery_csat", r_squared: 0.264, n: 11_842, top: company.DRIVERS.slice(0, 3) },
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
    };
  }

  private people(
    parts: string[],
    query: URLSearchParams,
    filter: Filter,
    fresh: boolean,
    id: string,
    page: <T>(items: T[], fallback: number) => { items: T[]; next_cursor: string | null },
  ): Answer {
    if (parts[1] === undefined) {
      const q = (query.get("q") ?? "").toLowerCase();
      const hits = (fresh ? [] : company.PEOPLE)
        .filter((person) => !filter.channel || person.channels.includes(filter.channel))
        .flatMap((person, i) => {
          if (!q || person.display_name?.toLowerCase().includes(q)) return [person];
          const email = `customer${i}@example.org`;
          if (email.startsWith(q) && q.length >= 3) return [{ ...person, matched: { type: "email", value: email } }];
          return person.person_id.startsWith(q)
            ? [{ ...person, matched: { type: "person_id", value: person.person_id } }]
            : [];
        });
      const { items, next_cursor } = page(hits, 50);
      const answer: Answers["GET /people"] = {
        applied: { ...ALL, slice: false },
        people: items,
        next_cursor,
        total: fresh ? 0 : 20_118,
      };
      return { status: 200, body: answer };
    }
    const index = company.PEOPLE.findIndex((person) => person.person_id === parts[1]);
    const row = company.PEOPLE[index];
    if (parts[1] === "p-merged") {
      return this.error(id, 404, "not_found", "This id was merged into another person.", {
        merged_into: company.PEOPLE[0]!.person_id,
      });
    }
    if (!row) return this.error(id, 404, "not_found", "There is no person with this id.");
    if (parts[2] === "timeline") {
      const channel = query.get("channel");
      const { items, next_cursor } = page(
        company.timeline(row).filter((item) => !channel || item.channel === channel),
        50,
      );
      const answer: Answers["GET /people/{person_id}/timeline"] = { items, next_cursor };
      return { status: 200, body: answer };
    }
    const items = company.timeline(row);
    const { matched: _matched, ...profile } = row;
    const answer: Answers["GET /people/{person_id}"] = {
      pending: null,
      profile: {
        ...profile,
        conversations: 3,
        references: 4,
        events_by_channel: items.reduce<Record<string, number>>((sum, item) => {
          if (item.channel) sum[item.channel] = (sum[item.channel] ?? 0) + 1;
          return sum;
        }, {}),
        last_nps_at: row.last_nps === null ? null : row.last_seen_at,
        last_csat_at: row.last_csat === null ? null : row.last_seen_at,
        last_ces_at: row.last_ces === null ? null : row.last_seen_at,
      },
      identity: {
        subjects: 5,
        identifiers: [
          {
            type: "customer_no",
            value: `K-${40112 + index}`,
            role: "person",
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            sources: ["crm", "orders"],
            subjects: 2,
          },
          {
            type: "email",
            value: `customer${index}@example.org`,
            role: "person",
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            sources: ["crm", "emails", "surveys", "web_events"],
            subjects: 3,
          },
          {
            type: "phone",
            value: `+353 1 496 0${String(100 + index).slice(-3)}`,
            role: "person",
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            sources: ["calls", "crm"],
            subjects: 2,
          },
          {
            type: "address",
            value: "12 Alder Row, Dublin 8",
            role: "household",
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            sources: ["crm"],
            subjects: 2,
          },
          {
            type: "device_id",
            value: "ios-7f31c0",
            role: "shared",
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            sources: ["app_events"],
            subjects: 9,
          },
        ],
        evidence: [
          {
            rule: "email",
            effect: "merged",
            links: 4,
            match_weight: null,
            probability: null,
            decided_by: "rules",
            first_at: row.first_seen_at,
            last_at: row.last_seen_at,
          },
          {
            rule: "customer_no",
            effect: "merged",
            links: 2,
            match_weight: null,
            probability: null,
            decided_by: "rules",
            first_at: row.first_seen_at,
            last_at: row.last_seen_at,
          },
          {
            rule: "phone",
            effect: "blocked",
            links: 1,
            match_weight: null,
            probability: null,
            decided_by: "rules",
            first_at: row.first_seen_at,
            last_at: row.last_seen_at,
          },
          {
            rule: "device_id",
            effect: "demoted",
            links: 9,
            match_weight: null,
            probability: null,
            decided_by: "rules",
            first_at: row.first_seen_at,
            last_at: row.last_seen_at,
          },
        ],
        records: [
          {
            source: "crm",
            record_id: `C${index + 3001}`,
            full_name: row.display_name,
            emails: [`customer${index}@example.org`],
            phones: ["+35314960123"],
            city: "Dublin",
            organisation: null,
            valid_from: row.first_seen_at,
            raw: { phones: ["01 496 0123"] },
            quality: ["phones:reformatted", "phones:country_assumed"],
          },
          {
            source: "crm",
            record_id: `C${index + 8812}`,
            full_name: row.display_name,
            emails: [`customer${index}@example.org`],
            phones: [],
            city: "Dublin 8",
            organisation: null,
            valid_from: "2026-02-11T10:00:00Z",
            raw: {
              given_name: row.display_name?.toUpperCase().split(" ")[0] ?? "",
              emails: [`Customer${index}@Example.org`],
              city: "DUBLIN 8",
              birth_date: "01.01.1900",
            },
            quality: [
              "given_name:case_changed",
              "emails:case_changed",
              "city:case_changed",
              "birth_date:placeholder_date",
            ],
          },
        ],
        changes: [
          {
            changed_at: "2026-02-11T10:04:00Z",
            change: "merged",
            from_person_id: "p-merged",
            to_person_id: row.person_id,
            cause: "email",
          },
          {
            changed_at: row.first_seen_at,
            change: "created",
            from_person_id: null,
            to_person_id: row.person_id,
            cause: "customer_no",
          },
        ],
      },
      attributes: [
        { name: "segment", value: "loyal", source: "crm", valid_from: "2026-01-01T00:00:00Z", valid_to: null },
        { name: "language", value: "en", source: "crm", valid_from: row.first_seen_at, valid_to: null },
        { name: "newsletter", value: "yes", source: "emails", valid_from: row.first_seen_at, valid_to: null },
        {
          name: "segment",
          value: "new",
          source: "crm",
          valid_from: row.first_seen_at,
          valid_to: "2026-01-01T00:00:00Z",
        },
      ],
      household:
        index % 3 === 0
          ? {
              household_id: "h-1",
              rule: "address",
              members: [company.PEOPLE[index]!, company.PEOPLE[(index + 7) % 240]!].map(
                ({ person_id, display_name }) => ({ person_id, display_name }),
              ),
            }
          : null,
      organisations: [],
      responses: items
        .filter((item) => item.kind === "response")
        .map((item) => ({
          source: item.source,
          response_id: item.id,
          survey: item.response_kind === "nps" ? "relationship" : "after_delivery",
          question: item.name,
          kind: item.response_kind ?? "rating",
          score: item.score,
          scale_min: item.scale_min,
          scale_max: item.scale_max,
          text: item.text,
          channel: "survey",
          about_reference: item.response_kind === "csat" ? "O-20418" : null,
          invited_at: null,
          answered_at: item.at,
        })),
      journeys: [
        {
          journey_id: `${row.person_id}-1`,
          journey: "buy",
          scope_key: null,
          started_at: row.first_seen_at,
          ended_at: row.last_seen_at,
          steps: 14,
          furthest_stage: "retention",
          outcome: "completed",
        },
        {
          journey_id: `${row.person_id}-2`,
          journey: "get_help",
          scope_key: "c-3107",
          started_at: row.first_seen_at,
          ended_at: row.last_seen_at,
          steps: 3,
          furthest_stage: "answer",
          outcome: "dropped",
        },
      ],
    };
    return { status: 200, body: answer };
  }

  private data(fresh: boolean): DataPage {
    const sources = intake.sources().map((source) => ({ ...source, quarantine: this.repairs.counts(source) }));
    const last = this.runs[0]!;
    const rows: [string, "fact" | "derived", number][] = [
      ["events", "fact", 1_312_406],
      ["records", "fact", 23_593],
      ["responses", "fact", 26_059],
      ["quarantine", "fact", 249],
      ["accounting", "fact", 412],
      ["persons", "derived", 20_118],
      ["subjects", "derived", 61_204],
      ["steps", "derived", 388_401],
      ["scores", "derived", 1_284],
      ["comments", "derived", 9_480],
      ["themes", "derived", 8],
      ["drivers", "derived", 25],
    ];
    return {
      sources: fresh
        ? sources.map((source) => ({
            ...source,
            last_import_at: null,
            newest_fact_at: null,
            rows: { read: 0, mapped: 0, skipped: 0, unreadable: 0, balanced: true },
            targets: [],
            quarantine: [],
            volume: [],
            health: {
              status: "idle" as const,
              reason: source.live ? "Nothing was sent yet." : "Nothing was imported yet.",
            },
            live: source.live && { accepted: 0, duplicate: 0, quarantined: 0, rejected: 0, skipped: 0 },
            open_alarms: 0,
          }))
        : sources,
      last_run: fresh
        ? null
        : { run_id: last.run_id, started_at: last.started_at, seconds: last.seconds, status: last.status },
      next_run_at: "2026-07-01T06:17:40Z",
      tables: fresh
        ? []
        : rows.map(([table, kind, n]) => ({ table, kind, rows: n, version: kind === "fact" ? 12 : 3 })),
      as_of: fresh ? null : intake.AS_OF,
    };
  }

  private search(q: string): Answers["GET /search"]["hits"] {
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
}
