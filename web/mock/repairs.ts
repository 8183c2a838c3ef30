/** Quarantine that can be repaired: what was stored or discarded stays so until the mock is started again. */
import type {
  DiscardRequest,
  QuarantineChoice,
  QuarantineItem,
  RepairOutcome,
  ReplayReport,
  ReplayRequest,
  Source,
  SourceReplay,
} from "../src/api/types";
import { quarantined } from "./intake.ts";

const CLOSES: RepairOutcome[] = ["stored", "duplicate", "replaced", "discarded"];

const isOpen = ({ repair }: QuarantineItem) => repair === null || !CLOSES.includes(repair.outcome);

/** Whether a row is among those that are asked for: one of the ids, where some are named, and everything else that is said. */
const fits = (item: QuarantineItem, { ids, source, reason, target }: QuarantineChoice) =>
  (ids.length === 0 || ids.includes(item.quarantine_id)) &&
  (!source || source === item.source) &&
  (!reason || reason === item.reason) &&
  (!target || target === (item.target ?? "rows"));

/** What would come of a raw row now: a mended value is stored, an untouched one is refused as before. */
function outcome(item: QuarantineItem, edit: string | undefined): RepairOutcome {
  if (edit === undefined || item.reason === "unreadable") return "quarantined";
  let row: Record<string, unknown>;
  try {
    row = JSON.parse(edit);
  } catch {
    return "quarantined";
  }
  const date = /^(\d{4})-(\d{2})-(\d{2})/.exec(String(row.occurred_at ?? ""));
  switch (item.reason) {
    case "invalid_time":
      return date && new Date(`${date[0]}T00:00:00Z`).toISOString().startsWith(date[0]) ? "stored" : "quarantined";
    case "invalid_number":
      return /^\d+$/.test(String(row.duration_ms)) ? "stored" : "quarantined";
    case "expectation":
      return Number(row.score) <= Number(row.scale_max) ? "stored" : "quarantined";
    case "missing_identifier":
      return row.userId || row.anonymousId ? "stored" : "quarantined";
    default:
      return edit === item.raw ? "quarantined" : "duplicate";
  }
}

export class Repairs {
  private readonly items = quarantined();

  list(query: URLSearchParams): QuarantineItem[] {
    const state = query.get("state");
    const [source, reason, target] = [query.get("source"), query.get("reason"), query.get("target")];
    return this.items.filter(
      (item) => fits(item, { source, reason, target, ids: [] }) && (!state || (state === "open") === isOpen(item)),
    );
  }

  /** Open rows of a source by reason. */
  counts(source: Source): Source["quarantine"] {
    const open = this.items.filter((item) => item.source === source.source && isOpen(item));
    return source.quarantine
      .map(({ reason }) => ({ reason, n: open.filter((item) => item.reason === reason).length }))
      .filter(({ n }) => n > 0);
  }

  replay({ which, edits, dry_run }: ReplayRequest): ReplayReport {
    return this.report(which, dry_run, (item) => [
      outcome(item, edits[item.quarantine_id]),
      item.quarantine_id in edits,
    ]);
  }

  discard({ which, dry_run }: DiscardRequest): ReplayReport {
    return this.report(which, dry_run, () => ["discarded", false]);
  }

  private report(
    which: QuarantineChoice,
    dry_run: boolean,
    decide: (item: QuarantineItem) => [RepairOutcome, boolean],
  ): ReplayReport {
    const sources = new Map<string, SourceReplay>();
    for (const item of this.items.filter((one) => isOpen(one) && fits(one, which))) {
      const [came, edited] = decide(item);
      const of = sources.get(item.source) ?? {
        source: item.source,
        batch: dry_run ? null : `${item.source}/replay-1`,
        rows: { read: 0, mapped: 0, skipped: 0, unreadable: 0 },
        targets: {},
        examples: [],
        outcomes: { stored: 0, duplicate: 0, quarantined: 0, replaced: 0, discarded: 0 },
        left: 0,
        left_because: null,
        reasons: [],
      };
      sources.set(item.source, of);
      of.outcomes[came] += 1;
      of.rows.read += 1;
      of.rows[came === "discarded" ? "skipped" : "mapped"] += 1;
      if (came === "quarantined") {
        const known = of.reasons.find(({ detail }) => detail === item.detail);
        if (known) known.n += 1;
        else of.reasons.push({ target: item.target, reason: item.reason, detail: item.detail, n: 1 });
      }
      if (!dry_run) item.repair = { outcome: came, edited, decided_by: "cockpit", at: new Date().toISOString() };
    }
    return { dry_run, sources: [...sources.values()], seconds: 0.1 };
  }
}
