/**
 * Puts the library into the page: the same object that the stub made gets the real methods, so that whoever kept it
 * goes on with them.
 */
import { createTracker } from "./tracker.ts";
import type { Call, Clew } from "./types.ts";

declare global {
  interface Window {
    clew?: Partial<Clew> & { loaded?: boolean; splice?: (from: number) => Call[] };
  }
}

const script = document.currentScript as HTMLScriptElement | null;
window.clew ??= {};
const clew = window.clew;
if (!clew.loaded) {
  clew.loaded = true;
  Object.assign(clew, createTracker(clew.splice?.(0) ?? [], script ? new URL("..", script.src).href : undefined));
}
