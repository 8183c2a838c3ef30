/** The Data pages: sources, quality, quarantine and its repair, test messages. */
import type { DataPage, DiscardRequest, ReplayReport, ReplayRequest, TestRequest } from "../src/api/types";
import * as intake from "./intake.ts";
import type { Jobs } from "./jobs.ts";
import { Repairs } from "./repairs.ts";
import type { Answer, MockRequest } from "./request.ts";
import { testMessage } from "./testing.ts";

const TABLES: [string, "fact" | "derived", number][] = [
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

export class DataPages {
  private readonly repairs = new Repairs();

  constructor(
    private readonly jobs: Jobs,
    private readonly now: () => number,
  ) {}

  get(request: MockRequest): Answer {
    const { parts, query, fresh } = request;
    switch (parts[1]) {
      case undefined:
        return request.ok("GET /data", this.page(fresh));
      case "quality":
        return request.ok(
          "GET /data/quality",
          fresh
            ? {
                reason: "Nothing was counted in the last 30 days: values are counted when a source comes in.",
                sources: [],
                fields: [],
              }
            : intake.quality(query.get("source")),
        );
      case "quarantine": {
        const rows = fresh ? [] : this.repairs.list(query);
        return request.ok("GET /data/quarantine", { ...request.page(rows, 50), total: rows.length });
      }
      case "sources": {
        const source = this.page(fresh).sources.find((one) => one.source === parts[2]);
        if (!source) return request.nothing("There is no such source.");
        const grain = query.get("grain") === "hour" ? "hour" : "day";
        const batches = fresh ? [] : intake.batches(source);
        return request.ok("GET /data/sources/{source}", {
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
        return request.nothing();
    }
  }

  post(request: MockRequest): Answer {
    const { body } = request;
    switch (request.parts[1]) {
      case "replay":
        return this.repair("replay", request, () => this.repairs.replay(body as ReplayRequest));
      case "discard": {
        const discard = body as DiscardRequest;
        if (!discard.reason.trim()) return request.error(400, "invalid", "Say why: `reason` is empty.");
        return this.repair("discard", request, () => this.repairs.discard(discard));
      }
      case "test":
        return { status: 200, body: testMessage(body as TestRequest, this.now()) };
      default:
        return request.nothing();
    }
  }

  /** At once, or as a job where everything is slow. */
  private repair(kind: "replay" | "discard", request: MockRequest, work: () => ReplayReport): Answer {
    return request.scenario === "slow" ? this.jobs.repair(kind, request, work) : { status: 200, body: work() };
  }

  private page(fresh: boolean): DataPage {
    const sources = intake.sources().map((source) => ({ ...source, quarantine: this.repairs.counts(source) }));
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
      last_run: fresh ? null : this.jobs.lastRun(),
      next_run_at: "2026-07-01T06:17:40Z",
      tables: fresh
        ? []
        : TABLES.map(([table, kind, n]) => ({ table, kind, rows: n, version: kind === "fact" ? 12 : 3 })),
      as_of: fresh ? null : intake.AS_OF,
    };
  }
}
