/**
 * The only place that calls the server. Typed by {@link Endpoints}: a path, its parameters and its answer cannot disagree.
 *
 * The session is a cookie (HttpOnly), so nothing here knows a token. A failure is always an {@link ApiError} with a request id
 * to quote; a dead network gets one too, made here, so that the reader has something to name.
 */
import type { Endpoints, ErrorBody } from "./types";

/** What went wrong, in words for the reader. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string,
    readonly details: Record<string, unknown> | null,
  ) {
    super(message);
  }
}

type Method<K> = K extends `${infer M} ${string}` ? M : never;
type Gets = { [K in keyof Endpoints]: Method<K> extends "GET" ? K : never }[keyof Endpoints];
type Posts = { [K in keyof Endpoints]: Method<K> extends "POST" ? K : never }[keyof Endpoints];
type Path<K> = K extends `${string} ${infer P}` ? P : never;
/** Values of the `{…}` parts of a path, in order. */
type Parts<P> = P extends `${string}{${string}}${infer Rest}` ? [string, ...Parts<Rest>] : [];
type Query<K extends keyof Endpoints> = Endpoints[K]["query"];
type Answer<K extends keyof Endpoints> = Endpoints[K]["answer"];

const ROOT = "/api/v1";

function url(path: string, parts: string[], query: Record<string, unknown>): string {
  let next = 0;
  const filled = path.replace(/\{[^}]+\}/g, () => encodeURIComponent(parts[next++] ?? ""));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return ROOT + filled + (text ? `?${text}` : "");
}

async function answer<T>(request: Promise<Response>): Promise<T> {
  let response: Response;
  try {
    response = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "unreachable", "The server does not answer. Is `clew serve` running?", "none", null);
  }
  const requestId = response.headers.get("x-request-id") ?? "none";
  const text = await response.text();
  let body: unknown;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, "unreadable", "The server sent something that is not JSON.", requestId, null);
  }
  if (response.ok) return body as T;
  const error = (body as ErrorBody | null)?.error;
  throw new ApiError(
    response.status,
    error?.code ?? "internal",
    error?.message ?? `The server answered ${response.status}.`,
    error?.request_id ?? requestId,
    error?.details ?? null,
  );
}

/** GET an endpoint: `get("/people/{person_id}", ["p-1"], {})`. */
export function get<K extends Gets>(
  path: Path<K>,
  parts: Parts<Path<K>>,
  query: Query<K>,
  signal?: AbortSignal,
): Promise<Answer<K>> {
  return answer(
    fetch(url(path, parts, query as Record<string, unknown>), {
      headers: { accept: "application/json" },
      credentials: "same-origin",
      signal,
    }),
  );
}

/** POST to an endpoint; `parts` fill the `{…}` of its path. */
export function post<K extends Posts>(
  path: Path<K>,
  body: Endpoints[K] extends { body: infer B } ? B : never,
  ...parts: Parts<Path<K>>
): Promise<Answer<K>> {
  return answer(
    fetch(url(path, parts, {}), {
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      credentials: "same-origin",
      body: JSON.stringify(body),
    }),
  );
}
