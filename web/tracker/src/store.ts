/**
 * Small texts under names: in `localStorage`, else in memory, with cookies beside it for ids.
 *
 * A browser may close `localStorage` and cookies (settings, a sandboxed frame) or call it full at any write. Then the
 * text lives in a map until the page ends: the same names, the same code above, only less durable; {@link write} says
 * which it was. Every text has one key of its own and is written whole, so that tabs which share the storage never
 * overwrite each other's work: there is nothing that one reads, changes and writes back.
 *
 * Deliberately missing: IndexedDB. It keeps more, but cannot be written while a page is being left.
 */

/** All names begin with this; {@link forget} relies on it. */
export const OURS = "clew.";

const memory = new Map<string, string>();

export function read(name: string): string | null {
  try {
    return memory.get(name) ?? localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Says whether the text outlives the page. */
export function write(name: string, text: string): boolean {
  try {
    localStorage.setItem(name, text);
    memory.delete(name);
    return true;
  } catch {
    erase(name);
    memory.set(name, text);
    return false;
  }
}

export function erase(name: string): void {
  memory.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // There is none: the map was all.
  }
}

/** The names that begin so, in order of their characters. */
export function names(prefix: string): string[] {
  let stored: string[] = [];
  try {
    stored = Object.keys(localStorage);
  } catch {
    // As above.
  }
  return [...stored, ...memory.keys()].filter((name) => name.startsWith(prefix)).sort();
}

/** Removes everything of ours but `spared`. */
export function forget(spared: string): void {
  for (const name of names(OURS)) if (name !== spared) erase(name);
}

const YEAR_SECONDS = 31536e3;

export function readCookie(name: string): string | undefined {
  try {
    const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
    return found && decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return undefined;
  }
}

/** An empty value removes the cookie. */
export function writeCookie(name: string, value: string, domain: string | undefined): void {
  try {
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is asynchronous and not everywhere
    document.cookie = `${name}=${encodeURIComponent(value)};path=/;samesite=lax;max-age=${value ? YEAR_SECONDS : 0}${
      domain ? `;domain=${domain}` : ""
    }${location.protocol === "https:" ? ";secure" : ""}`;
  } catch {
    // A sandboxed frame has no cookies.
  }
}
