/**
 * A browser with a server for unit tests: every test gets a page without listeners, storage or time of its own, and
 * decides what the server answers.
 *
 * Time is vitest's; the network is a function that records what arrives. {@link tabOf} makes one more tab on the same
 * storage: an own instance of all modules, as a second page has. Web Locks do not exist in happy-dom; a small one
 * with the same contract stands in, and {@link withoutLocks} takes it away, so that the library's own lease is at
 * work.
 */
import { afterEach, beforeEach, vi } from "vitest";
import { writeCookie } from "../src/store.ts";
import type { Call, Clew, Options } from "../src/types.ts";

// biome-ignore lint/suspicious/noExplicitAny: messages are read here as a stranger would
export type Message = any;

export interface Arrival {
  how: "fetch" | "beacon";
  url: string;
  text: string;
  body: { batch: Message[]; sentAt: string; writeKey: string; context?: { dropped: number } };
  init: RequestInit | undefined;
}

export const HOST = "https://clew.example";
export const START = Date.parse("2026-03-01T12:00:00Z");

/** Status, headers; `null` is a connection that breaks. */
export type Answer = { status: number; headers?: Record<string, string> } | null;

export const server = {
  arrivals: [] as Arrival[],
  answer: (_: Arrival): Answer | Promise<Answer> => ({ status: 200 }),
  /** Every message that was answered with 200, or came as a beacon. */
  get stored(): Message[] {
    return server.kept.flatMap(({ body }) => body.batch);
  },
  kept: [] as Arrival[],
  beacons: true,
};

function arrive(how: Arrival["how"], url: string, text: string, init?: RequestInit): Arrival {
  const arrival = { how, url, text, body: JSON.parse(text) as Arrival["body"], init };
  server.arrivals.push(arrival);
  return arrival;
}

async function network(url: string, init: RequestInit): Promise<Response> {
  if (!url.startsWith(HOST)) return new Response("{}");
  const arrival = arrive("fetch", url, init.body as string, init);
  const broken = new Promise<never>((_, reject) =>
    init.signal?.addEventListener("abort", () => reject(new Error("aborted"))),
  );
  const answer = await Promise.race([server.answer(arrival), broken]);
  if (!answer) throw new TypeError("Failed to fetch");
  if (answer.status === 200) server.kept.push(arrival);
  return new Response("{}", { status: answer.status, headers: answer.headers ?? {} });
}

/** The contract of `navigator.locks.request` with `ifAvailable` (W3C Web Locks), for the tabs of one test. */
function webLocks() {
  const held = new Set<string>();
  return {
    async request(lock: string, _: unknown, work: (lock: object | null) => Promise<void>) {
      await null;
      if (held.has(lock)) return work(null);
      held.add(lock);
      try {
        return await work({ name: lock });
      } finally {
        held.delete(lock);
      }
    },
  };
}

/** As in a page without HTTPS, or an old browser. */
export const withoutLocks = () => navigatorHas("locks", undefined);

/** Sets a property of `navigator` that happy-dom lacks. */
export function navigatorHas(name: string, value: unknown): void {
  Object.defineProperty(navigator, name, { value, configurable: true });
  cleanups.push(() => void Reflect.deleteProperty(navigator, name));
}

const cleanups: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  vi.spyOn(console, "warn").mockImplementation(() => {});
  localStorage.clear();
  for (const pair of document.cookie.split("; ")) writeCookie(pair.split("=")[0]!, "", undefined);
  document.body.innerHTML = "";
  document.title = "Shop";
  history.replaceState(null, "", "/");
  Object.assign(server, { arrivals: [], kept: [], beacons: true, answer: () => ({ status: 200 }) });
  vi.stubGlobal("fetch", vi.fn(network));
  navigatorHas("sendBeacon", (url: string, text: string) => {
    if (!server.beacons) return false;
    server.kept.push(arrive("beacon", url, text));
    return true;
  });
  navigatorHas("locks", webLocks());
  // What the library wraps and listens to is put back, so that pages do not hear each other's events.
  for (const [owner, method] of [
    [history, "pushState"],
    [history, "replaceState"],
    [XMLHttpRequest.prototype, "send"],
    [HTMLFormElement.prototype, "submit"],
  ] as [Record<string, unknown>, string][]) {
    const original = owner[method];
    cleanups.push(() => {
      owner[method] = original;
    });
  }
  for (const target of [window, document] as EventTarget[]) {
    const add = target.addEventListener;
    target.addEventListener = function (this: EventTarget, ...args: Parameters<typeof add>) {
      if (args[0] === "pagehide") leaving.push(args[1] as EventListener);
      cleanups.push(() => target.removeEventListener(args[0], args[1], args[2]));
      add.apply(target, args);
    };
    cleanups.push(() => {
      target.addEventListener = add;
    });
  }
});

afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  vi.clearAllTimers();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A tab that has the library but did not load it yet. */
export async function tabOf(stubbed: Call[] = []): Promise<Clew> {
  vi.resetModules();
  const { createTracker } = await import("../src/tracker.ts");
  return createTracker(stubbed, undefined);
}

/** Nothing captured by itself, unless a test asks for it. */
export const QUIET = { pages: false, clicks: false, rage: false, dead: false, forms: false, errors: false };

export async function loaded(options: Options = {}): Promise<Clew> {
  const clew = await tabOf();
  clew.load("key", { host: HOST, capture: QUIET, ...options });
  return clew;
}

/** Lets time pass, and with it everything that waits. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

export const leavePage = () => void window.dispatchEvent(new Event("pagehide"));

const leaving: EventListener[] = [];

/** A tab of several, and how this one alone is left. */
export async function leavable<T>(open: () => Promise<T>): Promise<[T, () => void]> {
  leaving.length = 0;
  const tab = await open();
  const own = [...leaving];
  return [tab, () => own.forEach((listener) => void listener(new Event("pagehide")))];
}

export const eventsOf = (name: string): Message[] => server.stored.filter(({ event }) => event === name);

/** What lies in the storage, by name. */
export const storedNames = () => Object.keys(localStorage).filter((name) => name.startsWith("clew."));

const stay = (event: Event) => event.preventDefault();

/** A click as a person makes it: trusted, by pointer. Links and forms go nowhere. */
export function click(element: Element, at: { x?: number; y?: number; detail?: number; trusted?: boolean } = {}): void {
  const event = new MouseEvent("click", {
    bubbles: true,
    cancelable: true,
    composed: true,
    clientX: at.x ?? 10,
    clientY: at.y ?? 10,
    detail: at.detail ?? 1,
  });
  Object.defineProperty(event, "isTrusted", { value: at.trusted ?? true });
  window.addEventListener("click", stay);
  element.dispatchEvent(event);
  window.removeEventListener("click", stay);
}

/** Storage that answers otherwise: happy-dom keeps its own methods, so that a spy on the prototype sees nothing. */
export function storageWith(methods: Partial<Storage>): void {
  const storage = localStorage;
  vi.stubGlobal(
    "localStorage",
    new Proxy(storage, {
      get: (_, name) => {
        const own: unknown = methods[name as keyof Storage] ?? storage[name as keyof Storage];
        return typeof own === "function" ? own.bind(storage) : own;
      },
    }),
  );
}

export function put<T extends Element = HTMLElement>(html: string, selector = "#it"): T {
  document.body.innerHTML = html;
  return document.querySelector<T>(selector)!;
}
