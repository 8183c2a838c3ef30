import { describe, expect, it } from "vitest";
import { AS_OF, quality, sources } from "../../mock/intake.ts";
import type { DataPage, RepairOutcome, ReplayReport } from "../api/types";
import {
  dataHeadline,
  qualityHeadline,
  quarantineHeadline,
  replaySentence,
  sourceHeadline,
  testHeadline,
} from "./sentences";

const page = (change: (source: DataPage["sources"][number]) => object = () => ({})): DataPage => ({
  sources: sources().map((source) => ({ ...source, ...change(source) })),
  last_run: null,
  next_run_at: null,
  tables: [],
  as_of: AS_OF,
});
const healthy = { health: { status: "healthy" as const, reason: "" } };

describe("the answer of the data page", () => {
  it("says what is worst first", () => {
    expect(dataHeadline(page())).toBe("Surveys fails and deliveries is late; everything that came in is accounted for");
    const broken = page(({ source, rows }) => (source === "crm" ? { rows: { ...rows, balanced: false } } : {}));
    expect(dataHeadline(broken)).toBe("The equations do not hold for CRM");
    expect(dataHeadline(page(() => ({ health: { status: "late", reason: "" } })))).toMatch(/and 13 more are late/);
  });
  it("tells what waits only where nothing is broken", () => {
    expect(dataHeadline(page(() => healthy))).toBe(
      "Everything is accounted for; 263 rows wait in quarantine, most from deliveries",
    );
    expect(dataHeadline(page(() => ({ ...healthy, quarantine: [] })))).toBe(
      "Everything that came in is accounted for and clean",
    );
    expect(dataHeadline(page(() => ({ last_import_at: null })))).toBe("Nothing has been imported yet");
  });
  it("speaks of one source as of all", () => {
    const of = (name: string) => sourceHeadline(sources().find(({ source }) => source === name)!);
    expect(of("deliveries")).toBe("Deliveries is late; what came is accounted for");
    expect(of("returns")).toBe("Returns: nothing has come in yet");
    expect(of("bot_sessions")).toBe("Bot sessions: 21,408 rows came in, all of it accounted for and clean");
  });
});

describe("quality and quarantine", () => {
  it("names the field that fell, else the one with most wrong values", () => {
    expect(qualityHeadline(quality(null))).toBe(
      "Phones of CRM is emptier than before, by 15\u202f% of its values (n\u00a02,655 and 2,657)",
    );
    expect(qualityHeadline(quality("surveys"))).toMatch(
      /^Score of surveys holds the most wrong values: 1\.\d\s% \(n\u00a0\d\d,\d{3}\)$/,
    );
    expect(qualityHeadline({ reason: "none", sources: [], fields: [] })).toBe(
      "How good the values are is not known yet",
    );
  });
  it("says nothing of fewer than five values", () => {
    const [field] = quality("crm").fields.filter(({ field }) => field === "phones");
    const at = (n: number, completeness: number) => ({ ...field!.trend[0]!, n, completeness });
    const one = (change: object) => qualityHeadline({ ...quality("crm"), fields: [{ ...field!, ...change }] });
    const validity = (share: number, n: number) => ({ share, n, reason: null });
    const few = { trend: [at(900, 0.9), at(900, 0.9), at(4, 0)], validity: validity(0.9, 800) };
    expect(one(few)).toBe("Phones of CRM holds the most wrong values: 10.0\u202f% (n\u00a0800)");
    expect(one({ ...few, trend: [at(900, 0.9), at(5, 0)] })).toMatch(/emptier than before, by 90\s% .*and 5\)$/);
    expect(one({ ...few, validity: validity(0, 4) })).toBe("How good the values are is not known yet");
  });
  it("counts rows by the reason of most", () => {
    expect(quarantineHeadline(page())).toBe("263 rows wait, 79 of them for one reason: not a time");
    expect(quarantineHeadline(page(() => ({ quarantine: [] })))).toBe("No row waits in quarantine");
  });
});

describe("a replay in words", () => {
  const report = (outcomes: Partial<Record<RepairOutcome, number>>, dry_run: boolean, left = 0): ReplayReport => ({
    dry_run,
    seconds: 0,
    sources: [
      {
        source: "a",
        batch: null,
        left,
        left_because: null,
        reasons: [],
        rows: { read: 0, mapped: 0, skipped: 0, unreadable: 0 },
        targets: {},
        examples: [],
        outcomes: { stored: 0, duplicate: 0, quarantined: 0, replaced: 0, discarded: 0, ...outcomes },
      },
    ],
  });
  it("says before what would happen and after what did", () => {
    expect(replaySentence(report({ stored: 61, duplicate: 1, quarantined: 15 }, true))).toBe(
      "Of 77 rows, 61 would be stored, 1 is there already and would be closed and 15 are refused as before and would stay open.",
    );
    expect(replaySentence(report({ stored: 2, replaced: 1 }, false, 3))).toBe(
      "Of 6 rows, 2 were stored, 1 was refused for another reason and waits under that and nothing can be done with 3.",
    );
    expect(replaySentence(report({ stored: 1 }, true))).toBe("The row would be stored.");
    expect(replaySentence(report({ quarantined: 1 }, false))).toBe("The row is refused as before and stays open.");
    expect(replaySentence(report({}, true))).toMatch(/^No open row fits/);
  });
});

describe("a test message", () => {
  it("is judged by where it stopped", () => {
    const told = (mode: "check" | "send", stopped: string | null, accepted = 1) =>
      testHeadline({
        source: "w",
        mode,
        steps: ["received", "decoded", "typed"].map((step) => ({
          step: step as "typed",
          status: step === stopped ? "stopped" : "done",
          detail: "",
        })),
        messages: { success: true, accepted, duplicate: 0, quarantined: 0, rejected: 0, skipped: 0, results: [] },
        facts: [],
        queries: [],
      });
    expect(told("check", null)).toBe("The message would come through");
    expect(told("send", null)).toBe("The message came through");
    expect(told("send", null, 0)).toBe("The message was there already");
    expect(told("check", "decoded")).toBe("The message cannot be read");
    expect(told("check", "typed")).toBe("The message would not be stored");
  });
});
