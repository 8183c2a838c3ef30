/**
 * The words of the library: its options, and what a call is before it becomes a message.
 *
 * A call is kept as a plain tuple, because the stub, which knows nothing but how to push, makes the same tuples as
 * the library does while it waits for a decision about consent. So there is one queue of calls and one replay.
 */

export type Fields = Record<string, unknown>;

/** What a person agreed to; a purpose that is missing was not decided. */
export interface Consent {
  measure?: boolean;
  personalise?: boolean;
  contact?: boolean;
}

export interface RageOptions {
  /** Clicks that make a rage click; 3. */
  clicks?: number;
  /** Milliseconds within which they happen; 1,000. */
  withinMs?: number;
  /** CSS pixels between the first and each later one; 30. */
  radiusPx?: number;
}

export interface DeadOptions {
  /** Milliseconds in which something has to happen; 2,500. */
  withinMs?: number;
}

/** What is captured without a call; everything unless switched off with `false`. */
export interface CaptureOptions {
  pages?: boolean;
  clicks?: boolean;
  rage?: boolean | RageOptions;
  dead?: boolean | DeadOptions;
  forms?: boolean;
  errors?: boolean;
}

export interface Options {
  /** Where Clew answers; without it, where the script came from. */
  host?: string;
  /** `"ask"`: hold everything in memory until `consent()` decides. Without it, measuring is taken as agreed. */
  consent?: Consent | "ask";
  capture?: CaptureOptions;
  /** Events that make a batch go at once; 20. */
  flushAt?: number;
  /** Milliseconds that an event waits at most for others; 5,000. */
  flushIntervalMs?: number;
  /** Shares ids between subdomains by cookies of this domain. */
  cookieDomain?: string;
}

/** When and where a call was made: milliseconds since 1970, address, title. */
export type Moment = [time: number, url: string, title: string];

export type Call = [method: string, args: readonly unknown[], ...moment: Moment];

/** Takes an event that the library saw by itself; `at` is where it happened, when that is not here and now. */
export type Track = (event: string, properties: Fields, at?: Moment) => void;

export interface Clew {
  load(writeKey: string, options?: Options): void;
  identify(userId?: string | number | Fields | null, traits?: Fields): void;
  track(event: string, properties?: Fields): void;
  page(name?: string | Fields | null, properties?: Fields): void;
  group(groupId: string | number, traits?: Fields): void;
  alias(userId: string | number, previousId?: string | number): void;
  reset(): void;
  consent(decision: Consent): void;
  flush(): Promise<void>;
  ready(then: () => void): void;
}
