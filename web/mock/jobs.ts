/** Work that progresses with time, one at a time, and the runs that come of it. */
import type { Job, ReplayReport, Run, RunSummary } from "../src/api/types";
import * as company from "./company/index.ts";
import type { Answer, MockRequest } from "./request.ts";

/** Seconds that a step takes: of a run, of a repair. */
const [STEP, REPAIR_STEP] = [0.6, 2];

interface Work {
  kind: Job["kind"];
  started: number;
  names: string[];
  /** Of a repair; work without one is a run. */
  report?: ReplayReport;
  finished: boolean;
}

export class Jobs {
  /** Newest first. */
  readonly runs: Run[] = [
    company.run("r-20260701-0602", "2026-07-01T06:02:40Z"),
    company.run("r-20260630-2132", "2026-06-30T21:32:10Z", true),
    company.run("r-20260630-1802", "2026-06-30T18:02:02Z"),
  ];
  private readonly jobs = new Map<string, Work>();

  constructor(private readonly now: () => number) {}

  get(job_id: string): Job | null {
    const job = this.jobs.get(job_id);
    if (!job) return null;
    const { names, report } = job;
    const step = report ? REPAIR_STEP : STEP;
    const elapsed = (this.now() - job.started) / 1000;
    const at = Math.floor(elapsed / step);
    const done = at >= names.length;
    if (done && !job.finished) {
      job.finished = true;
      if (!report) this.runs.unshift(company.run(`r-${job_id}`, new Date(job.started).toISOString()));
    }
    return {
      job_id,
      kind: job.kind,
      status: done ? "done" : "running",
      created_at: new Date(job.started).toISOString(),
      finished_at: done ? new Date(job.started + Math.round(names.length * step * 1000)).toISOString() : null,
      steps: names.map((name, i) => ({
        step: name,
        status: i < at ? "done" : i === at ? "running" : "waiting",
        rows: i <= at ? 4_200 * (i + 1) : 0,
        seconds: i < at ? step : i === at ? elapsed - at * step : 0,
      })),
      progress: Math.min(1, elapsed / (names.length * step)),
      error: null,
      report: done && report ? { ...report } : null,
    };
  }

  running(): Job | null {
    for (const id of this.jobs.keys()) {
      const job = this.get(id);
      if (job?.status === "running") return job;
    }
    return null;
  }

  start(kind: "run" | "import", request: MockRequest): Answer {
    return this.begin(request, () => ({ kind, names: kind === "run" ? company.STEPS.slice(1) : company.STEPS }));
  }

  /** A repair of quarantine, as a job. */
  repair(kind: "replay" | "discard", request: MockRequest, work: () => ReplayReport): Answer {
    return this.begin(request, () => {
      const report = work();
      return { kind, names: report.sources.map(({ source }) => source), report };
    });
  }

  private begin(request: MockRequest, work: () => Pick<Work, "kind" | "names" | "report">): Answer {
    const running = this.running();
    if (running)
      return request.error(409, "busy", "Clew is already at work. Wait until it is done.", { job_id: running.job_id });
    const job_id = `j-${this.jobs.size + 1}`;
    this.jobs.set(job_id, { ...work(), started: this.now(), finished: false });
    return { status: 202, body: this.get(job_id) };
  }

  lastRun(): RunSummary {
    const { run_id, started_at, seconds, status } = this.runs[0]!;
    return { run_id, started_at, seconds, status };
  }
}
