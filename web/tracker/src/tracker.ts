/**
 * The library: takes calls in order, turns them into messages, and holds them where nobody decided yet.
 *
 * Everything, captured or called, is a call (see `types.ts`) that passes one gate: measured, held in memory, or gone,
 * by what the person agreed to. Nothing is read from or written to the browser's storage before the gate opens, but
 * the decision itself. A call never throws into the page.
 *
 * A subset of Segment's analytics.js: no integrations, no `screen`, no callbacks, no traits kept in the browser.
 */
import { clean } from "./address.ts";
import { captureClicks } from "./clicks.ts";
import { createConsent, DECISION } from "./consent.ts";
import { captureErrors } from "./errors.ts";
import { captureForms } from "./forms.ts";
import { createIdentity, type Identity, uuid } from "./identity.ts";
import { contextOf, moment, pageAt } from "./message.ts";
import { openQueue, type Queue } from "./queue.ts";
import { watchRoutes } from "./routes.ts";
import { createSender, REQUEST_MS, type Sender } from "./sender.ts";
import { forget, OURS } from "./store.ts";
import type { Call, Clew, Consent, Fields, Moment, Options, Track } from "./types.ts";
import { on } from "./watch.ts";

declare global {
  interface Document {
    /** Chrome: the page is drawn ahead and may never be seen. */
    readonly prerendering?: boolean;
  }
}

/** What is held in memory until consent is decided; the oldest goes first. */
const MAX_HELD = 1000;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const idOf = (value: unknown): string | undefined => (value || value === 0 ? `${value}` : undefined);

/** What exists from `load` on. */
interface Loaded {
  identity: Identity;
  queue: Queue;
  sender: Sender;
}

/** `stubbed`: calls made before the library was there. `home`: where the script came from. */
export function createTracker(stubbed: readonly Call[], home: string | undefined): Clew {
  const consent = createConsent();
  const waiting: (() => void)[] = [];
  let held: Call[] = [];
  let overflow = 0;
  let loaded: Loaded | undefined;
  let opened = false;
  let address = "";
  let referrer = clean(document.referrer);

  const open = () => (loaded && !document.prerendering ? consent.measure() : undefined);

  function send(to: Loaded, at: Moment, fields: Fields): void {
    const page = pageAt(at, referrer);
    if (fields.type === "page") {
      // Of the next page within the application, this one is the referrer.
      if (address && page.url !== address) page.referrer = referrer = address;
      address = page.url;
      fields.properties = { ...page, ...(fields.properties as Fields) };
    }
    const { identity, queue, sender } = to;
    const message = {
      messageId: uuid(),
      timestamp: new Date(at[0]),
      anonymousId: identity.anonymousId(),
      userId: identity.userId(),
      ...fields,
      context: contextOf(page, identity.session(at[0]), consent.flags()),
    };
    queue.add(JSON.stringify(message));
    sender.nudge();
  }

  /** The calls that become messages, and `reset`, which has its place between them. */
  const measured: Record<string, (to: Loaded, at: Moment, a: unknown, b: unknown) => void> = {
    identify(to, at, a, b) {
      const userId = isObject(a) ? undefined : idOf(a);
      if (userId) to.identity.identify(userId);
      send(to, at, { type: "identify", traits: isObject(a) ? a : b });
    },
    track: (to, at, a, b) => a && send(to, at, { type: "track", event: `${a}`, properties: b }),
    page(to, at, a, b) {
      send(to, at, { type: "page", name: isObject(a) ? undefined : idOf(a), properties: isObject(a) ? a : b });
    },
    group: (to, at, a, b) => send(to, at, { type: "group", groupId: idOf(a), traits: b }),
    alias(to, at, a, b) {
      const previousId = idOf(b) ?? to.identity.userId() ?? to.identity.anonymousId();
      send(to, at, { type: "alias", userId: idOf(a), previousId });
    },
    reset: ({ identity }) => identity.reset(),
  };

  function pass(call: Call): void {
    const [method, [a, b], ...at] = call;
    const gate = open();
    if (gate === undefined) {
      held.push(call);
      if (held.length > MAX_HELD) {
        held.shift();
        overflow++;
      }
    } else if (gate && loaded) measured[method]?.(loaded, at, a, b);
  }

  /** The gate may have moved: lets out what is held, or lets it go. */
  function decided(): void {
    if (!loaded || open() === undefined) return;
    const { identity, queue, sender } = loaded;
    if (!open()) {
      opened = false;
      sender.stop();
      identity.reset();
      forget(DECISION);
    } else if (!opened) {
      opened = true;
      if (overflow) queue.drop(overflow);
      // What earlier pages left.
      queue.own();
      if (queue.count()) sender.nudge();
    }
    overflow = 0;
    const calls = held;
    held = [];
    for (const call of calls) attempt(call);
  }

  function begin(
    at: number,
    writeKey: string,
    { host, capture = {}, flushAt = 20, flushIntervalMs = 5000, ...rest }: Options,
  ): void {
    if (loaded) {
      console.warn("clew: already loaded");
      return;
    }
    consent.begin(rest.consent);
    // A living page lets an event lie for an interval and a request.
    const queue = openQueue(`${OURS}${writeKey}.`, REQUEST_MS + 3 * flushIntervalMs);
    const sender = createSender({
      queue,
      endpoint: `${(host ?? home ?? "").replace(/\/+$/, "")}/v1/batch`,
      writeKey,
      flushAt,
      intervalMs: flushIntervalMs,
      allowed: () => open() === true,
    });
    loaded = { identity: createIdentity(rest.cookieDomain), queue, sender };

    const track: Track = (event, properties, at = moment()) => attempt(["track", [event, properties], ...at]);
    const page = (time = Date.now()) => attempt(["page", [], time, location.href, document.title]);
    const forms = capture.forms === false ? () => {} : captureForms(track);
    const errors = capture.errors === false ? () => {} : captureErrors(track);
    const look = watchRoutes(() => {
      forms(false);
      errors();
      if (capture.pages !== false) page();
    });
    captureClicks(capture, track);

    on(window, "pagehide", look);
    on(window, "pagehide", () => forms(true));
    on(window, "pagehide", sender.leave);
    on(window, "pageshow", sender.comeBack);
    on(window, "online", sender.retryNow);
    on(window, "storage", ({ key }: StorageEvent) => key === DECISION && decided());
    on(document, "prerenderingchange", decided);
    on(document, "visibilitychange", () => document.hidden && sender.flush());

    if (capture.pages !== false && !stubbed.some(([method]) => method === "page")) page(at);
    decided();
    for (const then of waiting.splice(0)) attempt(["ready", [then], ...moment()]);
  }

  function run(call: Call): unknown {
    const [method, [a, b], time] = call;
    if (method === "load") return begin(time, `${a}`, (b ?? {}) as Options);
    if (method === "flush") return loaded?.sender.flush() ?? Promise.resolve();
    if (method === "ready") return loaded ? (a as () => void)() : waiting.push(a as () => void);
    if (method !== "consent") return pass(call);
    consent.decide(a as Consent);
    return decided();
  }

  function attempt(call: Call): unknown {
    try {
      return run(call);
    } catch (error) {
      console.warn("clew:", error);
      return undefined;
    }
  }

  const api: Record<string, unknown> = {};
  for (const method of [...Object.keys(measured), "load", "flush", "ready", "consent"])
    api[method] = (...args: unknown[]) => attempt([method, args, ...moment()]);
  for (const call of stubbed) attempt(call);
  return api as unknown as Clew;
}
