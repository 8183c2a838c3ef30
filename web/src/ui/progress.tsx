/** How far a job is. The server does the work: whoever watches may leave. */
import type { Job } from "../api/types";
import * as number from "../format/number";
import { title } from "../format/words";

/** Nothing more happens to it. */
export const isFinished = (job: Job) => job.status === "done" || job.status === "failed";

/** `done`: what the reader now has, once it is done. */
export function Progress({ job, done }: { job: Job; done: string }) {
  const finished = isFinished(job);
  return (
    <div aria-live="polite">
      <div style={{ display: "flex", gap: 16, alignItems: "center" }}>
        <div
          className="progress"
          role="progressbar"
          aria-label={job.kind === "import" ? "Import and run" : title(job.kind)}
          aria-valuenow={job.progress === null ? undefined : Math.round(job.progress * 100)}
          aria-valuemin={0}
          aria-valuemax={100}
          style={{ flex: 1 }}
        >
          <div style={{ width: `${(job.progress ?? (finished ? 1 : 0.5)) * 100}%` }} />
        </div>
        <span className="small soft nowrap">
          {job.status === "done"
            ? done
            : job.status === "failed"
              ? "Failed"
              : `${title(job.steps.find(({ status }) => status === "running")?.step ?? "Waiting")} …`}
        </span>
      </div>
      <p className="small quiet" style={{ marginTop: 4 }}>
        {job.error ??
          job.steps
            .filter(({ status }) => status !== "waiting")
            .map(({ step, rows }) => `${title(step)} ${number.count(rows)}`)
            .join(" · ")}
        {!finished && " You can leave this page; the work goes on."}
      </p>
    </div>
  );
}
