/**
 * Who this browser is: a random anonymous id, the user id that the site gave, and the session.
 *
 * Ids live in `localStorage`; cookies stand in where that is closed, and carry the ids between subdomains where the
 * site names a `cookieDomain` (then the cookie is asked first, because another subdomain may have written it). They
 * are read at every use and never cached: a `reset()` in one tab holds in all. Traits are sent and not kept: an
 * e-mail address has no business in a browser's storage. A session ends after 30 minutes without an event, as in
 * Google Analytics and Snowplow.
 */
import { erase, OURS, read, readCookie, write, writeCookie } from "./store.ts";

const ANONYMOUS = "anonymous_id";
const USER = "user_id";
const SESSION = `${OURS}session`;
const SESSION_PAUSE_MS = 1800e3;

/** RFC 9562 version 4, in pages without HTTPS too, where `crypto.randomUUID` is missing. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 15) | 64;
  bytes[8] = (bytes[8]! & 63) | 128;
  return Array.from(
    bytes,
    (byte, at) => (/^(4|6|8|10)$/.test(`${at}`) ? "-" : "") + (byte + 256).toString(16).slice(1),
  ).join("");
}

export interface Identity {
  anonymousId(): string;
  userId(): string | undefined;
  identify(userId: string): void;
  /** The session at a time (milliseconds since 1970), which it prolongs. */
  session(time: number): string;
  /** Another person from here on. */
  reset(): void;
}

export function createIdentity(cookieDomain: string | undefined): Identity {
  const get = (name: string) =>
    (cookieDomain && readCookie(`clew_${name}`)) || read(OURS + name) || readCookie(`clew_${name}`) || undefined;
  const set = (name: string, value: string) => {
    if (!write(OURS + name, value) || cookieDomain) writeCookie(`clew_${name}`, value, cookieDomain);
    return value;
  };
  return {
    anonymousId: () => get(ANONYMOUS) ?? set(ANONYMOUS, uuid()),
    userId: () => get(USER),
    identify: (userId) => void set(USER, userId),
    session(time) {
      const [known, last] = (read(SESSION) ?? "").split(" ");
      const id = known && Math.abs(time - Number(last)) < SESSION_PAUSE_MS ? known : uuid();
      write(SESSION, `${id} ${time}`);
      return id;
    },
    reset() {
      for (const name of [ANONYMOUS, USER]) {
        erase(OURS + name);
        if (readCookie(`clew_${name}`)) writeCookie(`clew_${name}`, "", cookieDomain);
      }
      erase(SESSION);
    },
  };
}
