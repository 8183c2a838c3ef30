// @vitest-environment happy-dom
/** Nothing is stored or sent against what the person said, or before they said it. */
import { describe, expect, it, vi } from "vitest";
import {
  HOST,
  leavePage,
  loaded,
  navigatorHas,
  pass,
  QUIET,
  START,
  server,
  storageWith,
  storedNames,
  tabOf,
} from "./harness.ts";

const consents = () => server.stored.map(({ context }) => context.consent);

describe("without a word about consent", () => {
  it("measuring is taken as agreed, and the other purposes as undecided", async () => {
    const clew = await loaded();
    clew.track("a");
    await pass(5_000);
    expect(consents()).toEqual([{ measure: true }]);
  });
});

describe("a refusal", () => {
  it("at loading: nothing is stored or sent, and old ids and events go", async () => {
    server.answer = () => null;
    const before = await loaded({ cookieDomain: location.hostname });
    before.identify("u1");
    await pass(6_000);
    expect(storedNames().length).toBeGreaterThan(3);
    expect(document.cookie).toContain("clew_user_id");
    vi.clearAllTimers();
    server.arrivals.length = 0;
    const clew = await loaded({ consent: { measure: false }, cookieDomain: location.hostname });
    clew.track("a");
    clew.identify("u2");
    clew.page();
    await clew.flush();
    leavePage();
    await pass(60_000);
    expect(server.arrivals).toEqual([]);
    expect(storedNames()).toEqual([]);
    expect(document.cookie).toBe("");
  });

  it("later: waiting events and ids go, and only the refusal itself is kept", async () => {
    const clew = await loaded();
    clew.identify("u1");
    clew.track("a");
    clew.consent({ measure: false });
    clew.track("b");
    leavePage();
    await pass(60_000);
    expect(server.arrivals).toEqual([]);
    expect(storedNames()).toEqual(["clew.consent"]);
    expect(localStorage.getItem("clew.consent")).toBe('{"measure":false}');
  });

  it("breaks off what is under way", async () => {
    server.answer = () => new Promise(() => {});
    const clew = await loaded();
    clew.track("too large", { text: "x".repeat(33_000) });
    clew.track("a");
    void clew.flush();
    await pass(1);
    clew.consent({ measure: false });
    expect(server.arrivals[0]!.init?.signal?.aborted).toBe(true);
    await pass(60_000);
    expect(server.arrivals).toHaveLength(1);
    expect(storedNames()).toEqual(["clew.consent"]);
  });

  it("holds on the next page, whatever the site's template says", async () => {
    const clew = await loaded();
    clew.consent({ measure: false });
    for (const consent of [undefined, "ask", { measure: true }] as const) {
      const next = await loaded(consent ? { consent } : {});
      next.track("a");
      await pass(6_000);
    }
    expect(server.arrivals).toEqual([]);
  });

  it("holds in the other tabs at once", async () => {
    const one = await loaded();
    const two = await loaded();
    two.track("a");
    one.consent({ measure: false });
    two.track("b");
    await pass(6_000);
    expect(server.arrivals).toEqual([]);
    expect(storedNames()).toEqual(["clew.consent"]);
  });

  it("ends when the person agrees, under a new id", async () => {
    const clew = await loaded();
    clew.track("a");
    await pass(5_000);
    clew.consent({ measure: false });
    clew.track("lost");
    clew.consent({ measure: true });
    clew.track("b");
    await pass(5_000);
    const [a, b] = server.stored;
    expect(server.stored.map(({ event }) => event)).toEqual(["a", "b"]);
    expect(b.anonymousId).not.toBe(a.anonymousId);
  });

  it("before load counts too", async () => {
    const clew = await tabOf();
    clew.consent({ measure: false });
    clew.load("key", { host: HOST });
    clew.track("a");
    await pass(6_000);
    expect(server.arrivals).toEqual([]);
  });
});

describe("consent to be asked for", () => {
  it("holds everything in memory until it is given, then sends it with its own times", async () => {
    const clew = await loaded({ consent: "ask" });
    clew.track("a");
    await pass(30_000);
    clew.identify("u1");
    clew.page("Cart");
    expect(storedNames()).toEqual([]);
    expect(document.cookie).toBe("");
    leavePage();
    window.dispatchEvent(new Event("pageshow"));
    expect(server.arrivals).toEqual([]);
    clew.consent({ measure: true, personalise: false });
    await pass(5_000);
    expect(server.stored.map(({ type }) => type)).toEqual(["track", "identify", "page"]);
    expect(server.stored[0].timestamp).toBe(new Date(START).toISOString());
    expect(server.stored[1].timestamp).toBe(new Date(START + 30_000).toISOString());
    expect(consents()[0]).toEqual({ measure: true, personalise: false });
  });

  it("reads no id that an earlier page left before it is given", async () => {
    const before = await loaded();
    before.track("a");
    await pass(5_000);
    const stored = localStorage;
    const getItem = vi.fn((name: string) => stored.getItem(name));
    storageWith({ getItem });
    const clew = await loaded({ consent: "ask" });
    clew.track("b");
    clew.identify("u1");
    await pass(10_000);
    expect([...new Set(getItem.mock.calls.flat())]).toEqual(["clew.consent"]);
    clew.consent({ measure: true });
    await pass(5_000);
    expect(server.stored[1].anonymousId).toBe(server.stored[0].anonymousId);
  });

  it("forgets everything when it is refused", async () => {
    const clew = await loaded({ consent: "ask" });
    clew.track("a");
    clew.consent({ measure: false });
    clew.consent({ measure: true });
    clew.track("b");
    await pass(5_000);
    expect(server.stored.map(({ event }) => event)).toEqual(["b"]);
  });

  it("is not asked again on the next page", async () => {
    const clew = await loaded({ consent: "ask" });
    clew.consent({ measure: true, contact: true });
    const next = await loaded({ consent: "ask" });
    next.track("a");
    await pass(5_000);
    expect(consents()).toEqual([{ measure: true, contact: true }]);
  });

  it("given in another tab lets this one go on", async () => {
    const one = await loaded({ consent: "ask" });
    const two = await loaded({ consent: "ask" });
    one.track("a");
    two.consent({ measure: true });
    window.dispatchEvent(new StorageEvent("storage", { key: "clew.consent" }));
    await pass(5_000);
    expect(server.stored.map(({ event }) => event)).toEqual(["a"]);
  });

  it("holds 1,000 calls; the oldest go and are counted", async () => {
    const clew = await loaded({ consent: "ask" });
    for (let i = 0; i < 1_003; i++) clew.track(`e${i}`);
    clew.consent({ measure: true });
    await pass(60_000);
    expect(server.stored[0].event).toBe("e3");
    expect(server.kept[0]!.body.context).toEqual({ dropped: 3 });
  });

  it("stays open when only another purpose was decided", async () => {
    const clew = await loaded({ consent: "ask" });
    clew.track("a");
    clew.consent({ contact: false });
    await pass(10_000);
    expect(server.arrivals).toEqual([]);
    clew.consent({ measure: true });
    await pass(5_000);
    expect(consents()).toEqual([{ measure: true, contact: false }]);
  });
});

describe("other purposes", () => {
  it("travel with every event as they are at that time", async () => {
    const clew = await loaded({ consent: { measure: true, personalise: true } });
    clew.track("a");
    clew.consent({ personalise: false, contact: true });
    clew.track("b");
    await pass(5_000);
    expect(consents()).toEqual([
      { measure: true, personalise: true },
      { measure: true, personalise: false, contact: true },
    ]);
  });

  it("are refused by Global Privacy Control, whatever was agreed to; measuring is not", async () => {
    navigatorHas("globalPrivacyControl", true);
    const clew = await loaded({ consent: { measure: true, personalise: true, contact: true } });
    clew.track("a");
    await pass(5_000);
    expect(consents()).toEqual([{ measure: true, personalise: false, contact: false }]);
  });
});

describe("a page that is only drawn ahead", () => {
  it("tells nothing until somebody sees it", async () => {
    const prerendered = vi.fn(() => true);
    Object.defineProperty(document, "prerendering", { get: prerendered, configurable: true });
    const clew = await tabOf();
    clew.load("key", { host: HOST, capture: { ...QUIET, pages: true } });
    await pass(10_000);
    leavePage();
    expect(server.arrivals).toEqual([]);
    expect(storedNames()).toEqual([]);
    window.dispatchEvent(new Event("pageshow"));
    prerendered.mockReturnValue(false);
    document.dispatchEvent(new Event("prerenderingchange"));
    await pass(5_000);
    expect(server.stored.map(({ type }) => type)).toEqual(["page"]);
    Reflect.deleteProperty(document, "prerendering");
  });
});

describe("a decision that somebody spoilt", () => {
  it("counts as none", async () => {
    localStorage.setItem("clew.consent", "{oops");
    const clew = await loaded();
    clew.track("a");
    await pass(5_000);
    expect(server.stored).toHaveLength(1);
  });
});
