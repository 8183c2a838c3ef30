/**
 * The live tail as a stream of lines. The browser reconnects by itself; a server that refuses ends the stream, and then nobody but the
 * reader tries again. Lines are handed on in bundles, so that a flood costs one drawing each {@link BUNDLE_MS}.
 */
import type { MessageVerdict, TailLine } from "./types";

export type TailState = "connecting" | "listening" | "reconnecting" | "refused";

export interface TailWanted {
  source?: string;
  verdict?: MessageVerdict;
  values: "masked" | "shown";
}

export interface TailBundle {
  lines: TailLine[];
  /** Messages that were not told: they came at once with others, or this reader was too slow. */
  missed: number;
}

const BUNDLE_MS = 200;
/** Lines of a bundle that are kept; a page in the background gets no timer for a second or longer. */
const MOST_WAITING = 500;

export function listen(
  wanted: TailWanted,
  heard: (bundle: TailBundle) => void,
  is: (state: TailState) => void,
): () => void {
  const query = new URLSearchParams({ values: wanted.values });
  if (wanted.source) query.set("source", wanted.source);
  if (wanted.verdict) query.set("verdict", wanted.verdict);
  is("connecting");
  const events = new EventSource(`/api/v1/data/tail?${query}`);
  let waiting: TailBundle = { lines: [], missed: 0 };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    heard(waiting);
    waiting = { lines: [], missed: 0 };
  };
  const soon = () => {
    timer ??= setTimeout(flush, BUNDLE_MS);
  };
  const read = <T>(event: Event) => JSON.parse((event as MessageEvent<string>).data) as T;
  events.addEventListener("open", () => is("listening"));
  events.addEventListener("line", (event) => {
    waiting.lines.push(read<TailLine>(event));
    if (waiting.lines.length > MOST_WAITING) {
      waiting.lines.shift();
      waiting.missed += 1;
    }
    soon();
  });
  for (const kind of ["passed", "missed"]) {
    events.addEventListener(kind, (event) => {
      waiting.missed += read<{ n: number }>(event).n;
      soon();
    });
  }
  events.addEventListener("error", () => is(events.readyState === EventSource.CLOSED ? "refused" : "reconnecting"));
  return () => {
    clearTimeout(timer);
    events.close();
  };
}

/** Newest first, at most `most`. */
export function newestFirst(lines: TailLine[], bundle: TailLine[], most: number): TailLine[] {
  return [...bundle.slice(-most).reverse(), ...lines].slice(0, most);
}
