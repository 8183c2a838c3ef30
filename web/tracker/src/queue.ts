/**
 * The events that the server has not yet confirmed, of all pages of the site that are or were open.
 *
 * Each event is one key in the storage, named by its time and the page it belongs to. A page writes, sends and
 * removes its own only, so pages never lose or repeat each other's work, and no lock is held for a page's life or
 * while a request is under way (either would keep the page out of the back/forward cache, or a hidden tab awake).
 * What a page leaves behind, the next one takes over: it renames the event, which thereby becomes its own. A page
 * that is left says so; of one that crashed, the events lie longer than a living page would let them lie. Taking over
 * is the one moment when two tabs could do the same thing at the same time: there a Web Lock decides, and the wait
 * for what the tab before did to be seen here. In pages without HTTPS there are no Web Locks; then two tabs may both
 * take an event over, under the same message id.
 *
 * Bounds: 1,000 events and 1 MB (characters). Over them the oldest that are not under way are dropped and counted;
 * the count travels with the next batch. They are checked against what this page knows and recounted when that passes
 * them, so other pages' events may stand above them until then.
 */
import { uuid } from "./identity.ts";
import { erase, names, read, write } from "./store.ts";

const PAGE_CHARS = 8;
const MAX_EVENTS = 1000;
const MAX_CHARS = 1 << 20;
/** Segment refuses an event over 32 KB. */
const MAX_EVENT_BYTES = 32e3;
/** Longer than a browser needs to show one tab's removals to another. */
const SEEN_MS = 100;

export type Entry = readonly [name: string, text: string];

const encoder = new TextEncoder();
export const bytesOf = (text: string): number => encoder.encode(text).length;

/** The first entries that fit: at least one, as no event is larger than a batch. */
export function prefix(entries: readonly Entry[], maxBytes: number): Entry[] {
  let bytes = 0;
  const end = entries.findIndex(([, text], at) => {
    bytes += bytesOf(text) + 1;
    return at > 0 && bytes > maxBytes;
  });
  return entries.slice(0, end < 0 ? entries.length : end);
}

export interface Queue {
  add(text: string): void;
  /** How many wait, of all pages, as far as this one knows. */
  count(): number;
  /** This page's own, oldest first. */
  own(): Entry[];
  /** How many these are. */
  ownCount(): number;
  /** Takes over what other pages left. */
  takeOver(): Promise<void>;
  /** The page is left, or is back from the back/forward cache. */
  abandon(left: boolean): void;
  /** What of its own is under way: up to this name. Of that nothing is dropped. */
  flying: string;
  remove(entries: readonly Entry[]): void;
  dropped(): number;
  /** Adds to the number of dropped events; subtracts what was reported. */
  drop(change: number): void;
}

/** `othersAfterMs`: the age at which an event is taken over whose page did not say that it was left. */
export function openQueue(root: string, othersAfterMs: number): Queue {
  const page = uuid().slice(-PAGE_CHARS);
  const events = `${root}e.`;
  const lost = `${root}d`;
  const left = `${root}l.`;
  let last = 0;
  let count = 0;
  let ownCount = 0;
  let chars = 0;

  const isOwn = (name: string) => name.endsWith(page);
  const orphans = () => {
    const before = events + (Date.now() - othersAfterMs).toString(36);
    return names(events).filter(
      (name) => !isOwn(name) && (name < before || read(left + name.slice(-PAGE_CHARS)) !== null),
    );
  };

  function entries(): Entry[] {
    const all: Entry[] = [];
    chars = 0;
    for (const name of names(events)) {
      const text = read(name);
      if (!text) continue;
      all.push([name, text]);
      chars += text.length;
    }
    count = all.length;
    return all;
  }

  function own(): Entry[] {
    const all = entries().filter(([name]) => isOwn(name));
    ownCount = all.length;
    return all;
  }

  function adopt(): void {
    for (const name of orphans()) {
      write(`${name}.${page}`, read(name) ?? "");
      erase(name);
      erase(left + name.slice(-PAGE_CHARS));
    }
  }

  function forgetEntry([name, text]: Entry): void {
    erase(name);
    count--;
    chars -= text.length;
    if (isOwn(name)) ownCount--;
  }

  const dropped = () => Number(read(lost)) || 0;
  function drop(change: number): void {
    const total = dropped() + change;
    if (total > 0) write(lost, `${total}`);
    else erase(lost);
  }

  const queue: Queue = {
    add(text) {
      if (bytesOf(text) > MAX_EVENT_BYTES) {
        console.warn("clew: event over 32 kB dropped");
        drop(1);
        return;
      }
      last = Math.max(Date.now(), last + 1);
      write(`${events}${last.toString(36)}.${page}`, text);
      count++;
      ownCount++;
      chars += text.length;
      if (count <= MAX_EVENTS && chars <= MAX_CHARS) return;
      for (const entry of entries()) {
        if (count <= MAX_EVENTS && chars <= MAX_CHARS) break;
        if (entry[0] <= queue.flying) continue;
        forgetEntry(entry);
        drop(1);
      }
    },
    count: () => count,
    own,
    ownCount: () => ownCount,
    async takeOver() {
      if (!orphans().length) return;
      if (!navigator.locks) return adopt();
      await navigator.locks.request(root, { ifAvailable: true }, async (lock) => {
        if (!lock) return;
        await new Promise((seen) => setTimeout(seen, SEEN_MS));
        adopt();
      });
    },
    abandon(gone) {
      if (gone && own().length) write(left + page, "");
      else erase(left + page);
    },
    flying: "",
    remove: (sent) => sent.forEach(forgetEntry),
    dropped,
    drop,
  };
  return queue;
}
