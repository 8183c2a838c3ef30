/**
 * Errors of the page's scripts, and promises that nobody caught: message, source and line.
 *
 * The same error is told once a page view, and at most 10 of them: a loop that fails must not become a flood.
 * Messages are cut, because they may quote what a person wrote. Errors of other sites' scripts say only "Script
 * error." by the browser's rule; they are told as that.
 */
import { place } from "./address.ts";
import type { Track } from "./types.ts";
import { on } from "./watch.ts";

const ERRORS_A_PAGE = 10;
const MESSAGE_CHARS = 200;

/** Returns what to call when another page is shown. */
export function captureErrors(track: Track): () => void {
  const told = new Set<string>();
  on(window, "error unhandledrejection", (event: ErrorEvent & PromiseRejectionEvent) => {
    const text = event.message ?? event.reason?.message ?? event.reason;
    // The capture phase also brings images that did not load: they have no message.
    if (text === undefined) return;
    const message = `${text}`.slice(0, MESSAGE_CHARS);
    const source = event.filename ? place(event.filename) : undefined;
    const line = event.lineno || undefined;
    const key = `${message} ${source} ${line}`;
    if (told.size >= ERRORS_A_PAGE || told.has(key)) return;
    told.add(key);
    track("js_error", { message, source, line });
  });
  return () => told.clear();
}
