/**
 * What the person agreed to, as far as this page knows.
 *
 * Three voices: the site's option at loading, what was decided here on an earlier page, and `consent()` now. Between
 * the first two a "no" wins, whoever says it, so that a fixed option in the site's template never overrules a
 * refusal; `consent()` overrules both. The decision is the only thing that is kept after a refusal: it holds no id,
 * and without it the next page would measure again. It is read anew at every use, because another tab may have
 * decided.
 *
 * Global Privacy Control (W3C) speaks against passing data on: with it, `personalise` and `contact` are false
 * whatever was said, `measure` is left alone.
 */
import { OURS, read, write } from "./store.ts";
import type { Consent, Options } from "./types.ts";

/** Where the decision is kept. */
export const DECISION = `${OURS}consent`;

const PURPOSES = ["measure", "personalise", "contact"] as const;

declare global {
  interface Navigator {
    /** W3C Global Privacy Control; missing in browsers without it. */
    readonly globalPrivacyControl?: boolean;
  }
}

export interface ConsentState {
  /** The site's option, once, at loading. */
  begin(option: Options["consent"]): void;
  decide(decision: Consent): void;
  /** True, false, or not decided. */
  measure(): boolean | undefined;
  /** As it is sent. */
  flags(): { [purpose in keyof Consent]: boolean | undefined };
}

export function createConsent(): ConsentState {
  const known: Consent = {};
  let ask = false;
  let seen: string | null = null;

  function take(from: Consent, unlessRefused: boolean): void {
    for (const purpose of PURPOSES) {
      const said = from[purpose];
      if (typeof said === "boolean" && !(unlessRefused && known[purpose] === false)) known[purpose] = said;
    }
  }

  function look(): void {
    const text = read(DECISION);
    if (!text || text === seen) return;
    seen = text;
    try {
      take(JSON.parse(text) as Consent, false);
    } catch {
      // Not ours: as if nothing was decided.
    }
  }

  function measure(): boolean | undefined {
    look();
    return known.measure ?? (ask ? undefined : true);
  }

  return {
    begin(option) {
      look();
      ask = option === "ask";
      if (option && option !== "ask") take(option, true);
    },
    decide(decision) {
      look();
      take(decision, false);
      seen = JSON.stringify(known);
      write(DECISION, seen);
    },
    measure,
    flags() {
      const flags = { ...known, measure: measure() };
      if (navigator.globalPrivacyControl) flags.personalise = flags.contact = false;
      return flags;
    },
  };
}
