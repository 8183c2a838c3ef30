// @vitest-environment happy-dom
/** How events get to the server: batches, limits, retries, beacons, offline, several tabs. */
import { describe, expect, it, vi } from "vitest";
import {
  HOST,
  leavable,
  leavePage,
  loaded,
  type Message,
  pass,
  START,
  server,
  storageWith,
  storedNames,
  withoutLocks,
} from "./harness.ts";

const waiting = () => storedNames().filter((name) => name.includes(".e."));
const ids = (messages: Message[]) => messages.map(({ messageId }) => messageId as string);
const names = (messages: Message[]) => messages.map(({ event }) => event as string);
/** Answers in this order, the last one for good. */
const answering = (...statuses: (number | null)[]) => {
  let at = 0;
  server.answer = () => {
    const status = statuses[Math.min(at++, statuses.length - 1)]!;
    return status === null ? null : { status };
  };
};

describe("a batch", () => {
  it("goes when the interval is over, or at once when enough is together", async () => {
    const clew = await loaded({ flushAt: 3, flushIntervalMs: 2_000 });
    clew.track("a");
    await pass(1_990);
    expect(server.arrivals).toHaveLength(0);
    await pass(20);
    expect(names(server.stored)).toEqual(["a"]);
    for (const name of ["b", "c", "d"]) clew.track(name);
    await pass(0);
    expect(server.arrivals).toHaveLength(2);
    expect(names(server.stored)).toEqual(["a", "b", "c", "d"]);
    expect(waiting()).toEqual([]);
  });

  it("goes when it is asked for, and the answer can be awaited", async () => {
    const clew = await loaded();
    clew.track("a");
    await clew.flush();
    expect(names(server.stored)).toEqual(["a"]);
  });

  it("asked for while another is under way takes what came meanwhile", async () => {
    const clew = await loaded();
    let release = () => {};
    server.answer = () => new Promise((resolve) => (release = () => resolve({ status: 200 })));
    clew.track("a");
    const first = clew.flush();
    await pass(0);
    clew.track("b");
    const second = clew.flush();
    release();
    await first;
    await pass(0);
    release();
    await second;
    expect(server.arrivals.map(({ body }) => names(body.batch))).toEqual([["a"], ["b"]]);
  });

  it("stays within 500 KB, and the rest follows without delay", async () => {
    const clew = await loaded({ flushAt: 1_000 });
    for (let i = 0; i < 30; i++) clew.track(`e${i}`, { text: "x".repeat(30_000) });
    await pass(5_000);
    await pass(5_000);
    const sizes = server.arrivals.map(({ text }) => new TextEncoder().encode(text).length);
    expect(sizes.length).toBe(2);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(500_000);
    expect(names(server.stored)).toEqual(Array.from({ length: 30 }, (_, i) => `e${i}`));
    // Browsers refuse a keepalive request of more than 64 KiB.
    expect(server.arrivals.map(({ init }) => init?.keepalive)).toEqual([false, false]);
  });

  it("counts bytes, not characters", async () => {
    const clew = await loaded({ flushAt: 1_000 });
    for (let i = 0; i < 30; i++) clew.track(`e${i}`, { text: "\u20ac".repeat(10_000) });
    await pass(15_000);
    for (const { text } of server.arrivals) expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(500_000);
    expect(server.stored).toHaveLength(30);
  });

  it("has no event over 32 KB: it is dropped, told once on the console and counted", async () => {
    const clew = await loaded();
    clew.track("large", { text: "x".repeat(33_000) });
    clew.track("small");
    await pass(5_000);
    expect(names(server.stored)).toEqual(["small"]);
    expect(server.arrivals[0]!.body.context).toEqual({ dropped: 1 });
    expect(console.warn).toHaveBeenCalledOnce();
  });

  it("is halved when the server calls it too large, down to a single event", async () => {
    const clew = await loaded({ flushAt: 2 });
    server.answer = ({ body }) => ({ status: body.batch.length > 1 || body.batch[0].event === "e2" ? 413 : 200 });
    for (let i = 0; i < 5; i++) clew.track(`e${i}`, { text: "x".repeat(5_000) });
    await pass(60_000);
    expect(names(server.stored)).toEqual(["e0", "e1", "e3", "e4"]);
    expect(waiting()).toEqual([]);
  });
});

describe("a failure", () => {
  it.each([
    ["500", 500],
    ["503", 503],
    ["429", 429],
    ["408", 408],
    ["404", 404],
    ["a broken connection", null],
  ])("(%s) keeps the events, which come again under the same ids and to the letter the same", async (_, status) => {
    answering(status, status, 200);
    const clew = await loaded();
    clew.track("a", { n: 1 });
    clew.track("b");
    await pass(60_000);
    const [first, second, third] = server.arrivals;
    expect(server.arrivals).toHaveLength(3);
    expect(second!.body.batch).toEqual(first!.body.batch);
    expect(third!.body.batch).toEqual(first!.body.batch);
    expect(waiting()).toEqual([]);
  });

  it("is waited for twice as long each time, with jitter, and forgotten after a success", async () => {
    server.answer = () => ({ status: 500 });
    const times: number[] = [];
    const clew = await loaded({ flushIntervalMs: 10 });
    clew.track("a");
    for (let i = 0; i < 8; i++) {
      const before = server.arrivals.length;
      while (server.arrivals.length === before) await pass(10);
      times.push(Date.now());
    }
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    waits.forEach((wait, i) => {
      expect(wait).toBeGreaterThanOrEqual(500 * 2 ** i);
      expect(wait).toBeLessThanOrEqual(1_000 * 2 ** i + 20);
    });
    server.answer = () => ({ status: 200 });
    await pass(300_000);
    expect(waiting()).toEqual([]);
    answering(500, 200);
    clew.track("b");
    await pass(1_100);
    expect(names(server.stored)).toEqual(["a", "b"]);
  });

  it("differs between clients, so that they do not come back together", async () => {
    const random = vi.spyOn(Math, "random");
    const waits: number[] = [];
    for (const value of [0, 0.999]) {
      random.mockReturnValue(value);
      localStorage.clear();
      server.arrivals.length = 0;
      server.answer = () => ({ status: 500 });
      const clew = await loaded({ flushIntervalMs: 1 });
      clew.track("a");
      await pass(2);
      const start = Date.now();
      while (server.arrivals.length < 2) await pass(5);
      waits.push(Date.now() - start);
      clew.consent({ measure: false });
    }
    expect(waits[1]! - waits[0]!).toBeGreaterThan(400);
  });

  it.each([
    ["seconds", "30"],
    ["a date", new Date(START + 35_000).toUTCString()],
  ])("with Retry-After in %s waits at least that long, also for a full batch or flush()", async (_, value) => {
    server.answer = () => ({ status: 429, headers: { "retry-after": value } });
    const clew = await loaded({ flushAt: 2 });
    clew.track("a");
    await pass(5_000);
    server.answer = () => ({ status: 200 });
    clew.track("b");
    clew.track("c");
    await clew.flush();
    await pass(29_000);
    expect(server.arrivals).toHaveLength(1);
    await pass(8_000);
    expect(names(server.stored)).toEqual(["a", "b", "c"]);
  });

  it.each([400, 401, 403])("for good (%i) drops the batch and warns once", async (status) => {
    server.answer = () => ({ status });
    const clew = await loaded();
    clew.track("a");
    await pass(5_000);
    clew.track("b");
    await pass(60_000);
    expect(server.arrivals).toHaveLength(2);
    expect(waiting()).toEqual([]);
    expect(console.warn).toHaveBeenCalledOnce();
  });

  it("to answer at all ends after half a minute, and the events come again", async () => {
    server.answer = () => new Promise(() => {});
    const clew = await loaded();
    clew.track("a");
    await pass(5_000);
    server.answer = () => ({ status: 200 });
    await pass(40_000);
    expect(names(server.stored)).toEqual(["a"]);
  });

  it("does not use keepalive again: its quota may have been the reason", async () => {
    answering(null, 200);
    const clew = await loaded();
    clew.track("a");
    await pass(20_000);
    expect(server.arrivals.map(({ init }) => init?.keepalive)).toEqual([true, false]);
  });
});

describe("the queue", () => {
  it("survives a reload and goes with the next page, also one that tells nothing itself", async () => {
    answering(500);
    server.beacons = false;
    const first = await loaded();
    first.track("a");
    await pass(6_000);
    first.track("b");
    leavePage();
    await loaded();
    server.answer = () => ({ status: 200 });
    await pass(5_200);
    expect(names(server.stored)).toEqual(["a", "b"]);
    expect(waiting()).toEqual([]);
    // Nothing is left of the page that was.
    expect(storedNames().sort()).toEqual(["clew.anonymous_id", "clew.session"]);
  });

  it("of pages left one after another comes with the last, in order", async () => {
    server.beacons = false;
    for (const name of ["a", "b", "c"]) {
      const clew = await loaded();
      clew.track(name);
      leavePage();
      await pass(1_000);
    }
    const last = await loaded();
    last.track("d");
    await pass(5_200);
    expect(names(server.stored)).toEqual(["a", "b", "c", "d"]);
  });

  it("goes at once when the network is back, whatever the wait was", async () => {
    server.answer = () => null;
    const clew = await loaded();
    clew.track("a");
    await pass(120_000);
    const tried = server.arrivals.length;
    server.answer = () => ({ status: 200 });
    window.dispatchEvent(new Event("online"));
    await pass(1);
    expect(server.arrivals).toHaveLength(tried + 1);
    expect(names(server.stored)).toEqual(["a"]);
  });

  it("goes when the page is hidden", async () => {
    const clew = await loaded();
    clew.track("a");
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
    Reflect.deleteProperty(document, "hidden");
    await pass(1);
    expect(names(server.stored)).toEqual(["a"]);
    expect(server.arrivals[0]!.init?.keepalive).toBe(true);
  });

  it("holds 1,000 events; the oldest are dropped and counted in the next batch, once", async () => {
    server.answer = () => null;
    const clew = await loaded();
    for (let i = 0; i < 1_007; i++) clew.track(`e${i}`);
    expect(waiting()).toHaveLength(1_000);
    await pass(1_000);
    server.answer = () => ({ status: 200 });
    window.dispatchEvent(new Event("online"));
    await pass(60_000);
    expect(names(server.stored)[0]).toBe("e7");
    expect(server.stored).toHaveLength(1_000);
    expect(server.kept.map(({ body }) => body.context?.dropped ?? 0).filter(Boolean)).toEqual([7]);
    clew.track("later");
    await pass(10_000);
    expect(server.kept.at(-1)!.body).not.toHaveProperty("context");
  });

  it("reports what was dropped again when the report did not arrive", async () => {
    const clew = await loaded();
    answering(500, 200);
    clew.track("large", { text: "x".repeat(33_000) });
    clew.track("small");
    await pass(30_000);
    expect(server.arrivals.map(({ body }) => body.context)).toEqual([{ dropped: 1 }, { dropped: 1 }]);
    clew.track("later");
    await pass(5_000);
    expect(server.arrivals[2]!.body).not.toHaveProperty("context");
  });

  it("holds 1 MB", async () => {
    server.answer = () => null;
    const clew = await loaded();
    for (let i = 0; i < 60; i++) clew.track(`e${i}`, { text: "x".repeat(30_000) });
    const chars = waiting().reduce((sum, name) => sum + localStorage.getItem(name)!.length, 0);
    expect(chars).toBeLessThanOrEqual(1 << 20);
    expect(chars).toBeGreaterThan(1 << 19);
    server.answer = () => ({ status: 200 });
    window.dispatchEvent(new Event("online"));
    await pass(60_000);
    expect(names(server.stored).at(-1)).toBe("e59");
    const dropped = server.kept.reduce((sum, { body }) => sum + (body.context?.dropped ?? 0), 0);
    expect(dropped + server.stored.length).toBe(60);
  });

  it("does not drop what is under way", async () => {
    let release = () => {};
    server.answer = () => new Promise((resolve) => (release = () => resolve({ status: 200 })));
    const clew = await loaded({ flushAt: 5 });
    for (let i = 0; i < 5; i++) clew.track(`e${i}`);
    await pass(1);
    for (let i = 5; i < 1_005; i++) clew.track(`e${i}`);
    expect(waiting()).toHaveLength(1_000);
    release();
    await pass(1);
    server.answer = () => ({ status: 200 });
    release();
    await pass(60_000);
    const dropped = server.kept.reduce((sum, { body }) => sum + (body.context?.dropped ?? 0), 0);
    expect(server.stored.length + dropped).toBe(1_005);
    expect(names(server.stored).slice(0, 6)).toEqual(["e0", "e1", "e2", "e3", "e4", "e10"]);
  });

  it("goes on in memory when the storage is full", async () => {
    const setItem = vi.fn(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    storageWith({ setItem });
    const clew = await loaded();
    clew.track("a");
    clew.track("b");
    await pass(5_000);
    expect(names(server.stored)).toEqual(["a", "b"]);
    expect(server.stored[0].anonymousId).toBe(server.stored[1].anonymousId);
    expect(setItem).toHaveBeenCalled();
  });

  it("of another write key is left alone", async () => {
    server.answer = () => null;
    const one = await loaded();
    one.track("one");
    vi.clearAllTimers();
    const { tabOf, QUIET } = await import("./harness.ts");
    const two = await tabOf();
    two.load("key2", { host: HOST, capture: QUIET });
    two.track("two");
    server.answer = () => ({ status: 200 });
    await pass(5_000);
    expect(names(server.stored)).toEqual(["two"]);
    expect(server.kept[0]!.body.writeKey).toBe("key2");
  });
});

describe("when the page is left", () => {
  it("what is not confirmed goes as a beacon, and again with the next page under the same id", async () => {
    const clew = await loaded();
    clew.track("a");
    leavePage();
    expect(server.arrivals.map(({ how, url }) => [how, url])).toEqual([["beacon", `${HOST}/v1/batch`]]);
    await loaded();
    await pass(5_200);
    const [beacon, again] = server.kept;
    expect(again!.how).toBe("fetch");
    expect(again!.body.batch).toEqual(beacon!.body.batch);
    expect(waiting()).toEqual([]);
  });

  it("beacons stay within the browser's 64 KiB each, and what it refuses stays for the next page", async () => {
    const clew = await loaded({ flushAt: 1_000 });
    for (let i = 0; i < 5; i++) clew.track(`e${i}`, { text: "x".repeat(25_000) });
    leavePage();
    expect(names(server.stored)).toEqual(["e0", "e1", "e2", "e3", "e4"]);
    for (const { text } of server.arrivals) expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(60_000);
    server.kept.length = 0;
    server.beacons = false;
    window.dispatchEvent(new Event("pageshow"));
    clew.track("late");
    leavePage();
    expect(server.stored).toEqual([]);
    await loaded();
    await pass(5_200);
    expect(names(server.stored)).toEqual(["e0", "e1", "e2", "e3", "e4", "late"]);
  });

  it("a request under way is not doubled by a beacon", async () => {
    let release = () => {};
    server.answer = () => new Promise((resolve) => (release = () => resolve({ status: 200 })));
    const clew = await loaded();
    clew.track("a");
    void clew.flush();
    await pass(1);
    clew.track("b");
    leavePage();
    expect(server.arrivals.map(({ how, body }) => [how, names(body.batch)])).toEqual([
      ["fetch", ["a"]],
      ["beacon", ["b"]],
    ]);
    release();
    await pass(1);
    expect(waiting()).toHaveLength(1);
  });

  it("nothing is sent any more until it comes back from the back/forward cache", async () => {
    const clew = await loaded();
    leavePage();
    clew.track("a");
    await pass(60_000);
    expect(server.arrivals).toHaveLength(0);
    window.dispatchEvent(new Event("pageshow"));
    await pass(5_000);
    expect(names(server.stored)).toEqual(["a"]);
  });
});

describe.each([
  ["with Web Locks", () => {}],
  ["without them", () => withoutLocks()],
])("several tabs, %s,", (_, prepare) => {
  it("send every event once, although all of them send", async () => {
    prepare();
    const tabs = await Promise.all([1, 2, 3].map(() => loaded({ flushAt: 4, flushIntervalMs: 50 })));
    server.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 120));
      return { status: 200 };
    };
    for (let i = 0; i < 60; i++) {
      tabs[i % 3]!.track(`e${i}`);
      await pass(25);
    }
    await pass(10_000);
    expect(new Set(ids(server.stored)).size).toBe(60);
    expect(server.stored).toHaveLength(60);
    expect(waiting()).toEqual([]);
  });

  it("leave each other's events alone while their page lives, even when the server is slow", async () => {
    prepare();
    const tabs = await Promise.all([1, 2].map(() => loaded()));
    server.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 25_000));
      return { status: 200 };
    };
    for (let i = 0; i < 20; i++) {
      tabs[i % 2]!.track(`e${i}`);
      await pass(4_000);
    }
    await pass(100_000);
    expect(server.stored).toHaveLength(20);
    expect(new Set(ids(server.stored)).size).toBe(20);
  });

  it("take over what a crashed tab left once it has lain too long for a living one", async () => {
    prepare();
    const crashed = await loaded();
    crashed.track("a");
    vi.clearAllTimers();
    await pass(1);
    const alive = await loaded();
    alive.track("b");
    await pass(40_000);
    expect(names(server.stored)).toEqual(["b"]);
    await pass(15_000);
    expect(names(server.stored)).toEqual(["b", "a"]);
    expect(waiting()).toEqual([]);
  });

  it("leave in a beacon what is theirs only", async () => {
    prepare();
    const one = await loaded();
    const [two, leaveTwo] = await leavable(() => loaded());
    one.track("one");
    two.track("two");
    leaveTwo();
    expect(names(server.stored)).toEqual(["two"]);
  });
});

describe("several tabs", () => {
  it("that could take over the same events let one of them, under a Web Lock", async () => {
    server.beacons = false;
    const gone = await loaded();
    for (let i = 0; i < 5; i++) gone.track(`e${i}`);
    leavePage();
    server.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { status: 200 };
    };
    const tabs = await Promise.all([1, 2, 3].map(() => loaded()));
    await Promise.all([...tabs.map((tab) => tab.flush()), pass(1_000)]);
    await pass(20_000);
    expect(names(server.stored)).toEqual(["e0", "e1", "e2", "e3", "e4"]);
  });

  it("that come back from the back/forward cache keep what nobody took", async () => {
    server.beacons = false;
    const clew = await loaded();
    clew.track("a");
    leavePage();
    window.dispatchEvent(new Event("pageshow"));
    expect(storedNames().filter((name) => name.includes(".l."))).toEqual([]);
    await pass(5_000);
    expect(names(server.stored)).toEqual(["a"]);
  });
});
