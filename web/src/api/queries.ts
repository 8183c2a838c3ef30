/** Server state: one function a question, used by pages and by prefetching. Keys hold everything the answer depends on. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get } from "./client";
import type { CasesAsked, Endpoints, Filter, FunnelAsked, RetentionAsked } from "./types";

/** Answers are as of the last run; a finished job empties the cache, so they may live long. */
const STALE_MS = 60_000;

/** For `invalidateQueries`: everything that an import, a run, a repair or a message sent may have changed. A job tells of itself. */
export const ANSWERS = {
  predicate: ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey[0] !== "job",
};

/** A question whose answer has people behind its numbers: its address, and the parameters of question and cell. */
export type Cell = {
  [Q in "process" | "variants" | "funnel" | "retention" | "friction"]: {
    of: Q;
    query: Endpoints[`GET /${Q}/people`]["query"];
  };
}["process" | "variants" | "funnel" | "retention" | "friction"];

export const queries = {
  meta: () =>
    queryOptions({
      queryKey: ["meta"],
      queryFn: ({ signal }) => get<"GET /meta">("/meta", [], {}, signal),
      staleTime: STALE_MS,
      refetchInterval: (query) => (query.state.data?.job ? 2_000 : STALE_MS),
    }),
  overview: (filter: Filter) =>
    queryOptions({
      queryKey: ["overview", filter],
      queryFn: ({ signal }) => get<"GET /overview">("/overview", [], filter, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  scores: (metric: string | undefined, filter: Filter) =>
    queryOptions({
      queryKey: ["scores", metric ?? null, filter],
      queryFn: ({ signal }) => get<"GET /scores">("/scores", [], { metric, ...filter }, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  people: (q: string, filter: Filter) =>
    infiniteQueryOptions({
      queryKey: ["people", q, filter],
      queryFn: ({ signal, pageParam }) =>
        get<"GET /people">("/people", [], { q, cursor: pageParam, limit: 50, ...filter }, signal),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  person: (id: string) =>
    queryOptions({
      queryKey: ["person", id],
      queryFn: ({ signal }) => get<"GET /people/{person_id}">("/people/{person_id}", [id], {}, signal),
      staleTime: STALE_MS,
    }),
  timeline: (id: string, channel: string | undefined) =>
    infiniteQueryOptions({
      queryKey: ["timeline", id, channel ?? null],
      queryFn: ({ signal, pageParam }) =>
        get<"GET /people/{person_id}/timeline">(
          "/people/{person_id}/timeline",
          [id],
          { channel, limit: 60, cursor: pageParam },
          signal,
        ),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  /** Never from the cache alone: what others have decided meanwhile is not asked again. */
  review: () =>
    queryOptions({
      queryKey: ["review"],
      queryFn: ({ signal }) => get<"GET /identity/review">("/identity/review", [], { limit: 50 }, signal),
    }),
  journeys: (filter: Filter) =>
    queryOptions({
      queryKey: ["journeys", filter],
      queryFn: ({ signal }) => get<"GET /journeys">("/journeys", [], filter, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  journey: (name: string, filter: Filter) =>
    queryOptions({
      queryKey: ["journey", name, filter],
      queryFn: ({ signal }) => get<"GET /journeys/{journey}">("/journeys/{journey}", [name], filter, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  process: (asked: CasesAsked) =>
    queryOptions({
      queryKey: ["process", asked],
      queryFn: ({ signal }) => get<"GET /process">("/process", [], asked, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  variants: (asked: CasesAsked) =>
    queryOptions({
      queryKey: ["variants", asked],
      queryFn: ({ signal }) => get<"GET /variants">("/variants", [], asked, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  funnel: (asked: FunnelAsked) =>
    queryOptions({
      queryKey: ["funnel", asked],
      queryFn: ({ signal }) => get<"GET /funnel">("/funnel", [], asked, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  retention: (asked: RetentionAsked) =>
    queryOptions({
      queryKey: ["retention", asked],
      queryFn: ({ signal }) => get<"GET /retention">("/retention", [], asked, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  friction: (asked: CasesAsked) =>
    queryOptions({
      queryKey: ["friction", asked],
      queryFn: ({ signal }) => get<"GET /friction">("/friction", [], asked, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  compare: (asked: CasesAsked & { split: string; within?: string }) =>
    queryOptions({
      queryKey: ["compare", asked],
      queryFn: ({ signal }) => get<"GET /compare">("/compare", [], asked, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  behind: (cell: Cell | undefined) =>
    infiniteQueryOptions({
      queryKey: ["behind", cell ?? null],
      queryFn: ({ signal, pageParam }) => {
        const { of, query } = cell!;
        // The address and its parameters come from one cell, so they fit; the union cannot say so.
        return get<"GET /funnel/people">(
          `/${of}/people` as "/funnel/people",
          [],
          { ...(query as Endpoints["GET /funnel/people"]["query"]), limit: 20, cursor: pageParam },
          signal,
        );
      },
      enabled: cell !== undefined,
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      staleTime: STALE_MS,
    }),
  voice: (filter: Filter) =>
    queryOptions({
      queryKey: ["voice", filter],
      queryFn: ({ signal }) => get<"GET /voice">("/voice", [], filter, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  theme: (id: string, filter: Filter) =>
    infiniteQueryOptions({
      queryKey: ["theme", id, filter],
      queryFn: ({ signal, pageParam }) =>
        get<"GET /voice/themes/{theme_id}">(
          "/voice/themes/{theme_id}",
          [id],
          { ...filter, limit: 20, cursor: pageParam },
          signal,
        ),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      staleTime: STALE_MS,
    }),
  drivers: (metric: string | undefined, segment: string | undefined) =>
    queryOptions({
      queryKey: ["drivers", metric ?? null, segment ?? null],
      queryFn: ({ signal }) => get<"GET /drivers">("/drivers", [], { metric, segment }, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  data: () =>
    queryOptions({
      queryKey: ["data"],
      queryFn: ({ signal }) => get<"GET /data">("/data", [], {}, signal),
      staleTime: STALE_MS,
    }),
  source: (name: string, grain: "hour" | "day", batches: number) =>
    queryOptions({
      queryKey: ["source", name, grain, batches],
      queryFn: ({ signal }) =>
        get<"GET /data/sources/{source}">("/data/sources/{source}", [name], { grain, limit: batches }, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  quality: (source: string | undefined) =>
    queryOptions({
      queryKey: ["quality", source ?? null],
      queryFn: ({ signal }) => get<"GET /data/quality">("/data/quality", [], { source }, signal),
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  quarantine: (wanted: { source?: string; reason?: string; target?: string; state?: "open" | "closed" }) =>
    infiniteQueryOptions({
      queryKey: ["quarantine", wanted],
      queryFn: ({ signal, pageParam }) =>
        get<"GET /data/quarantine">("/data/quarantine", [], { ...wanted, limit: 20, cursor: pageParam }, signal),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
  keys: () =>
    queryOptions({
      queryKey: ["keys"],
      queryFn: ({ signal }) => get<"GET /keys">("/keys", [], {}, signal),
      staleTime: STALE_MS,
    }),
  runs: () =>
    queryOptions({
      queryKey: ["runs"],
      queryFn: ({ signal }) => get<"GET /runs">("/runs", [], { limit: 10 }, signal),
      staleTime: STALE_MS,
    }),
  job: (id: string | undefined) =>
    queryOptions({
      queryKey: ["job", id ?? null],
      queryFn: ({ signal }) => get<"GET /jobs/{job_id}">("/jobs/{job_id}", [id ?? ""], {}, signal),
      enabled: id !== undefined,
      refetchInterval: (query) => {
        const status = query.state.data?.status;
        return status === "done" || status === "failed" ? false : 700;
      },
    }),
  search: (q: string) =>
    queryOptions({
      queryKey: ["search", q],
      queryFn: ({ signal }) => get<"GET /search">("/search", [], { q, limit: 8 }, signal),
      enabled: q.length >= 2,
      placeholderData: keepPreviousData,
      staleTime: STALE_MS,
    }),
};
