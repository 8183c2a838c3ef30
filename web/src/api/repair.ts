/** Repairs of quarantine: the server answers with the report, or with a job where it takes long; here it is always the report. */
import { ApiError, get, post } from "./client";
import type { DiscardRequest, Job, ReplayReport, ReplayRequest } from "./types";

/** Between two looks at a job. */
const LOOK_AGAIN_MS = 1_000;

export const replay = (request: ReplayRequest) => post<"POST /data/replay">("/data/replay", request).then(settle);

export const discard = (request: DiscardRequest) => post<"POST /data/discard">("/data/discard", request).then(settle);

async function settle(answer: ReplayReport | Job): Promise<ReplayReport> {
  let now = answer;
  while ("job_id" in now) {
    if (now.status === "done" && now.report) return now.report as unknown as ReplayReport;
    if (now.status === "failed")
      throw new ApiError(
        500,
        "internal",
        now.error ?? "The replay ended early; what it stored stays.",
        now.job_id,
        null,
      );
    await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
    now = await get<"GET /jobs/{job_id}">("/jobs/{job_id}", [now.job_id], {});
  }
  return now;
}
