import { describe, expect, it } from "vitest";
import type {
  DataPage,
  ErrorBody,
  Job,
  Quarantine,
  ReplayReport,
  Runs,
  SourceDetail,
  Timeline,
} from "../src/api/types";
import { MockServer } from "./server.ts";

describe("the mock", () => {
  it("keeps both conservation equations, so that pages are not built on wrong sums", () => {
    const { sources } = new MockServer().handle("GET", "/data", new URLSearchParams(), null).body as DataPage;
    for (const { rows, targets } of sources) {
      expect(rows.read).toBe(rows.mapped + rows.skipped + rows.unreadable);
      for (const { produced, stored, duplicate, quarantined, rejected } of targets)
        expect(produced).toBe(stored + duplicate + quarantined + rejected);
    }
  });
  it("works off one job at a time and adds its run", () => {
    let now = 0;
    const server = new MockServer(() => now);
    const runs = () => (server.handle("GET", "/runs", new URLSearchParams(), null).body as Runs).runs.length;
    const before = runs();
    const job = server.handle("POST", "/run", new URLSearchParams(), { only: null, full: false });
    expect(job.status).toBe(202);
    const busy = server.handle("POST", "/import", new URLSearchParams(), { sources: [], run: true });
    expect(busy.status).toBe(409);
    expect((busy.body as ErrorBody).error.details).toEqual({ job_id: (job.body as Job).job_id });
    now = 60_000;
    expect((server.handle("GET", "/jobs/j-1", new URLSearchParams(), null).body as Job).status).toBe("done");
    expect(runs()).toBe(before + 1);
  });
  it("pages a timeline without gap or repeat", () => {
    const server = new MockServer();
    const person = (
      server.handle("GET", "/people", new URLSearchParams("limit=1"), null).body as { people: { person_id: string }[] }
    ).people[0]!.person_id;
    const whole = (
      server.handle("GET", `/people/${person}/timeline`, new URLSearchParams("limit=200"), null).body as Timeline
    ).items.map(({ id }) => id);
    const paged: string[] = [];
    let cursor: string | null = "0";
    while (cursor !== null) {
      const page: Timeline = server.handle(
        "GET",
        `/people/${person}/timeline`,
        new URLSearchParams(`limit=7&cursor=${cursor}`),
        null,
      ).body as Timeline;
      paged.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(whole);
  });
  it("adds batches up to their source, so that pages are not built on wrong sums", () => {
    const server = new MockServer();
    const { sources } = server.handle("GET", "/data", new URLSearchParams(), null).body as DataPage;
    for (const { source, rows, targets } of sources) {
      const detail = server.handle("GET", `/data/sources/${source}`, new URLSearchParams("limit=200"), null)
        .body as SourceDetail;
      if (detail.batches.length === 0) continue;
      expect(detail.batches.reduce((sum, batch) => sum + batch.rows.read, 0)).toBe(rows.read);
      const stored = detail.batches.reduce((sum, batch) => sum + (batch.targets[0]?.stored ?? 0), 0);
      expect(stored).toBe(targets[0]?.stored ?? 0);
    }
  });
  it("closes what a replay stores, and changes nothing in a dry run", () => {
    const server = new MockServer();
    const open = () =>
      server.handle(
        "GET",
        "/data/quarantine",
        new URLSearchParams("state=open&source=deliveries&reason=invalid_time"),
        null,
      ).body as Quarantine;
    const [first] = open().items;
    const replay = (dry_run: boolean) =>
      server.handle("POST", "/data/replay", new URLSearchParams(), {
        which: { source: null, reason: null, target: null, ids: [first!.quarantine_id] },
        edits: { [first!.quarantine_id]: first!.raw!.replace("02-30", "02-28") },
        dry_run,
      }).body as ReplayReport;
    expect(replay(true).sources[0]!.outcomes.stored).toBe(1);
    expect(open().total).toBe(79);
    replay(false);
    expect(open().total).toBe(78);
    expect(replay(false).sources).toEqual([]);
  });
  it("lists the rows that a replay of the same choice takes, raw ones too", () => {
    const server = new MockServer();
    const listed = server.handle("GET", "/data/quarantine", new URLSearchParams("state=open&target=rows"), null)
      .body as Quarantine;
    const report = server.handle("POST", "/data/replay", new URLSearchParams(), {
      which: { source: null, reason: null, target: "rows", ids: [] },
      edits: {},
      dry_run: true,
    }).body as ReplayReport;
    expect(listed.total).toBe(6);
    expect(report.sources.reduce((sum, { rows }) => sum + rows.read, 0)).toBe(listed.total);
  });
});
