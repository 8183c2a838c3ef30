/** Runs of the pipeline. */
import type { Run } from "../../src/api/types";
import { Dice } from "../dice.ts";

export const STEPS = ["import", "identity", "profiles", "journeys", "metrics", "voice", "drivers"];

export function run(run_id: string, started_at: string, failed = false): Run {
  const dice = new Dice(run_id);
  const rows = [0, 61_204, 20_118, 388_401, 1_284, 9_480, 31];
  const steps = STEPS.slice(1).map((step, i) => ({
    step,
    mode: i === 0 ? "full" : "incremental",
    rows: failed && i === 5 ? 0 : rows[i + 1]!,
    seconds: Math.round((0.6 + dice.next() * (i === 2 ? 7 : 3)) * 100) / 100,
    started_at,
    status: failed && i === 5 ? ("failed" as const) : ("done" as const),
    detail: failed && i === 5 ? "The disk is full: 0 bytes left on /data. Nothing was stored by this step." : null,
  }));
  return {
    run_id,
    started_at,
    seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
    status: failed ? "failed" : "done",
    steps,
  };
}
