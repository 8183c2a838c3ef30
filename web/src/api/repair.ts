/** Repairs of quarantine: the server answers with the report, or with a job where it takes long, whose report is the same. */
import { post } from "./client";
import type { DiscardRequest, Job, ReplayReport, ReplayRequest } from "./types";

export type RepairRequest = ReplayRequest | DiscardRequest;
export type RepairAnswer = ReplayReport | Job;

export const repair = (request: RepairRequest): Promise<RepairAnswer> =>
  "reason" in request
    ? post<"POST /data/discard">("/data/discard", request)
    : post<"POST /data/replay">("/data/replay", request);

/** The job to follow; null where the answer is the report. */
export const jobOf = (answer: RepairAnswer | undefined): Job | null => (answer && "job_id" in answer ? answer : null);

/** The report: the answer itself, or that of the job, once it is done. */
export function reportOf(answer: RepairAnswer | undefined, job: Job | undefined): ReplayReport | null {
  if (answer && !("job_id" in answer)) return answer;
  return job?.status === "done" && job.report ? (job.report as unknown as ReplayReport) : null;
}
