/** A request to the mock: what it asks for, how much of the data its filter leaves, and the forms of an answer. */
import type { Applied, Endpoints, ErrorBody, Filter } from "../src/api/types";

export interface Answer {
  status: number;
  body: unknown;
}

export type Answers = { [K in keyof Endpoints]: Endpoints[K]["answer"] };

/** How much of the data a filter leaves, so that filtered pages differ visibly. */
function size(filter: Filter): number {
  let part = 1;
  const period = filter.period ?? "all";
  if (/^\d{4}-\d{2}$/.test(period)) part /= 12;
  else if (/^\d{4}-Q\d$/.test(period)) part /= 4;
  else if (period !== "all") part /= 2;
  const channel = filter.channel;
  if (channel) part *= { web: 0.46, app: 0.29, store: 0.16, phone: 0.09 }[channel] ?? 0.0005;
  if (filter.slice) part *= { North: 0.02, app: 0.29, web: 0.46 }[filter.slice] ?? 0.2;
  return part;
}

/** What pages apply of the filter: all of it, or all but the group. */
export const ALL: Applied = { period: true, slice: true, channel: true };
export const NO_SLICE: Applied = { ...ALL, slice: false };

export class MockRequest {
  readonly parts: string[];
  readonly filter: Filter;
  /** Of all data, what the filter leaves. */
  readonly part: number;

  constructor(
    readonly id: string,
    readonly method: string,
    readonly path: string,
    readonly query: URLSearchParams,
    readonly body: unknown,
    readonly scenario: string,
  ) {
    this.parts = path.split("/").slice(1).map(decodeURIComponent);
    this.filter = {
      period: query.get("period") ?? undefined,
      slice_by: query.get("slice_by") ?? undefined,
      slice: query.get("slice") ?? undefined,
      channel: query.get("channel") ?? undefined,
    };
    this.part = size(this.filter);
  }

  /** Nothing has been imported. */
  get fresh(): boolean {
    return this.scenario === "fresh";
  }

  /** The part of a list that `cursor` and `limit` ask for. */
  page<T>(items: T[], fallback: number): { items: T[]; next_cursor: string | null } {
    const from = Number(this.query.get("cursor") ?? 0);
    const many = Number(this.query.get("limit") ?? fallback);
    return {
      items: items.slice(from, from + many),
      next_cursor: from + many < items.length ? String(from + many) : null,
    };
  }

  ok<K extends keyof Answers>(_: K, body: Answers[K], status = 200): Answer {
    return { status, body };
  }

  error(status: number, code: string, message: string, details: Record<string, unknown> | null = null): Answer {
    const body: ErrorBody = { error: { code, message, request_id: this.id, details } };
    return { status, body };
  }

  nothing(message = "There is nothing at this address."): Answer {
    return this.error(404, "not_found", message);
  }
}
