// @vitest-environment happy-dom
/** What a call becomes: Segment's messages, ids, sessions, order, and the stub before the library. */
import { describe, expect, it, vi } from "vitest";
import type { Call } from "../src/types.ts";
import { eventsOf, HOST, loaded, type Message, pass, QUIET, START, server, storedNames, tabOf } from "./harness.ts";

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

async function sent(ms = 5_000): Promise<Message[]> {
  await pass(ms);
  return server.stored;
}

describe("a message", () => {
  it("has Segment's common fields", async () => {
    history.replaceState(
      null,
      "",
      "/shop/shoes?utm_source=news&utm_medium=email&utm_campaign=spring&utm_content=a&size=42",
    );
    const clew = await loaded();
    clew.track("Order Completed", { revenue: 12.5 });
    const [message] = await sent();
    expect(message).toMatchObject({
      type: "track",
      event: "Order Completed",
      properties: { revenue: 12.5 },
      timestamp: new Date(START).toISOString(),
      context: {
        library: { name: "clew.js" },
        page: { path: "/shop/shoes", title: "Shop", referrer: "", search: expect.stringContaining("size=42") },
        campaign: { source: "news", medium: "email", name: "spring", content: "a" },
        locale: navigator.language,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        screen: { width: screen.width, height: screen.height, density: 1 },
        userAgent: navigator.userAgent,
        consent: { measure: true },
      },
    });
    expect(message.context.page.url).toBe(location.href);
    expect(message.messageId).toMatch(UUID_V4);
    expect(message.anonymousId).toMatch(UUID_V4);
    expect(message.context.sessionId).toMatch(UUID_V4);
    expect(message).not.toHaveProperty("userId");
  });

  it("goes to the batch endpoint as text without preflight, with write key and time of sending", async () => {
    const clew = await loaded({ host: `${HOST}/` });
    clew.track("a");
    await pass(5_000);
    const [{ url, init, body }] = server.arrivals as [(typeof server.arrivals)[0]];
    expect(url).toBe(`${HOST}/v1/batch`);
    expect(init).toMatchObject({ method: "POST", credentials: "omit", keepalive: true });
    expect(init?.headers).toBeUndefined();
    expect(typeof init?.body).toBe("string");
    expect(body.writeKey).toBe("key");
    expect(Date.parse(body.sentAt)).toBe(START + 5_000);
    expect(body).not.toHaveProperty("context");
  });

  it("leaves tokens, contact details and fragments out of addresses, but keeps an application's route", async () => {
    const clew = await loaded();
    history.replaceState(null, "", "/reset?step=2&access_token=abc&Email=a%40b.c#id_token=secret");
    clew.track("a");
    history.replaceState(null, "", "/#/orders/7");
    clew.track("b");
    const [a, b] = await sent();
    expect(a.context.page.search).toBe("?step=2&access_token=-&Email=-");
    expect(a.context.page.url).not.toMatch(/abc|secret|a%40/);
    expect(b.context.page.url).toMatch(/\/#\/orders\/7$/);
  });
});

describe("an address", () => {
  it("of many kilobytes is cut, so that the page view is not too large to be sent", async () => {
    history.replaceState(null, "", `/search?q=${"x".repeat(20_000)}`);
    const clew = await loaded();
    clew.page();
    const [page] = await sent();
    expect(page.context.page.url).toHaveLength(2_048);
  });
});

describe("the calls", () => {
  it("make Segment's six types", async () => {
    const clew = await loaded();
    clew.identify("u1", { plan: "pro" });
    clew.page("Cart", { items: 2 });
    clew.group("g1", { name: "Acme" });
    clew.alias("u2");
    clew.track("a");
    const [identify, page, group, alias, track] = await sent();
    expect(identify).toMatchObject({ type: "identify", userId: "u1", traits: { plan: "pro" } });
    expect(page).toMatchObject({
      type: "page",
      name: "Cart",
      userId: "u1",
      properties: { items: 2, path: "/", title: "Shop" },
    });
    expect(group).toMatchObject({ type: "group", groupId: "g1", traits: { name: "Acme" } });
    expect(alias).toMatchObject({ type: "alias", userId: "u2", previousId: "u1" });
    expect(track).toMatchObject({ type: "track", event: "a", userId: "u1" });
  });

  it("take traits or properties without a name, and numbers as ids", async () => {
    const clew = await loaded();
    clew.identify({ plan: "pro" });
    clew.page({ items: 2 });
    clew.identify(0);
    const [traits, page, zero] = await sent();
    expect(traits).toMatchObject({ type: "identify", traits: { plan: "pro" } });
    expect(traits).not.toHaveProperty("userId");
    expect(page).toMatchObject({ type: "page", properties: { items: 2 } });
    expect(page).not.toHaveProperty("name");
    expect(zero.userId).toBe("0");
  });

  it("alias an unknown visitor's anonymous id", async () => {
    const clew = await loaded();
    clew.alias("u1");
    const [alias] = await sent();
    expect(alias.previousId).toBe(alias.anonymousId);
  });

  it("never throw into the page, and an event that cannot be written costs no other", async () => {
    const clew = await loaded();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(() => clew.track("circle", circle)).not.toThrow();
    expect(() => clew.consent(undefined as never)).not.toThrow();
    clew.track("after");
    expect((await sent()).map(({ event }) => event)).toEqual(["after"]);
    expect(console.warn).toHaveBeenCalled();
  });

  it("without an event name are no event", async () => {
    const clew = await loaded();
    clew.track(undefined as never);
    clew.track("");
    expect(await sent()).toEqual([]);
  });

  it("load once: a second load changes nothing", async () => {
    const clew = await loaded();
    clew.load("other", { host: "https://elsewhere.example" });
    clew.track("a");
    await sent();
    expect(server.arrivals.map(({ url }) => url)).toEqual([`${HOST}/v1/batch`]);
  });
});

describe("ids", () => {
  it("stay over pages, and end with reset", async () => {
    const first = await loaded();
    first.identify("u1");
    const second = await loaded();
    second.track("same");
    second.reset();
    second.track("other");
    const [identify, same, other] = await sent();
    expect(same).toMatchObject({ userId: "u1", anonymousId: identify.anonymousId });
    expect(same.context.sessionId).toBe(identify.context.sessionId);
    expect(other.anonymousId).not.toBe(same.anonymousId);
    expect(other.context.sessionId).not.toBe(same.context.sessionId);
    expect(other).not.toHaveProperty("userId");
  });

  it("come from a cookie where the storage was emptied or is another subdomain's", async () => {
    const first = await loaded({ cookieDomain: location.hostname });
    first.identify("u 1;=ü");
    const [before] = await sent();
    localStorage.clear();
    const second = await loaded({ cookieDomain: location.hostname });
    second.track("a");
    const [, after] = await sent();
    expect(after).toMatchObject({ anonymousId: before.anonymousId, userId: "u 1;=ü" });
  });

  it("live in a cookie where the storage is closed, and events in memory", async () => {
    vi.stubGlobal("localStorage", undefined);
    const first = await loaded();
    first.track("a");
    const [a] = await sent();
    expect(document.cookie).toContain(a.anonymousId);
    const second = await loaded();
    second.track("b");
    expect((await sent())[1].anonymousId).toBe(a.anonymousId);
  });

  it("last as long as the page where cookies are closed too, as in a sandboxed frame", async () => {
    vi.stubGlobal("localStorage", undefined);
    const closed = () => {
      throw new DOMException("sandboxed", "SecurityError");
    };
    Object.defineProperty(document, "cookie", { get: closed, set: closed, configurable: true });
    const clew = await loaded();
    clew.track("a");
    clew.track("b");
    const [a, b] = await sent();
    Reflect.deleteProperty(document, "cookie");
    expect(a.anonymousId).toMatch(UUID_V4);
    expect(b.anonymousId).toBe(a.anonymousId);
  });

  it("need no cookie where the storage is open", async () => {
    const clew = await loaded();
    clew.identify("u1");
    await sent();
    expect(document.cookie).toBe("");
  });

  it("are kept, traits are not", async () => {
    const clew = await loaded();
    clew.identify("u1", { email: "niamh@example.org" });
    await sent();
    expect(JSON.stringify(localStorage)).not.toContain("niamh");
  });

  it("of a session change after half an hour without an event", async () => {
    const clew = await loaded();
    clew.track("a");
    await pass(29 * 60_000);
    clew.track("b");
    await pass(31 * 60_000);
    clew.track("c");
    const [a, b, c] = (await sent()).map(({ context }) => context.sessionId);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
  });
});

describe("before the library is there", () => {
  it("calls are replayed in order, each with its own time and page", async () => {
    const url = new URL("/early?utm_source=x", location.href).href;
    const calls: Call[] = [
      ["load", ["key", { host: HOST, capture: QUIET }], START - 900, url, "Early"],
      ["identify", ["u1"], START - 800, url, "Early"],
      ["track", ["a", { n: 1 }], START - 700, url, "Early"],
      ["page", [], START - 600, new URL("/next", url).href, "Next"],
    ];
    await tabOf(calls);
    const messages = await sent();
    expect(messages.map(({ type }) => type)).toEqual(["identify", "track", "page"]);
    expect(messages[1]).toMatchObject({
      userId: "u1",
      timestamp: new Date(START - 700).toISOString(),
      context: { page: { path: "/early", title: "Early" }, campaign: { source: "x" } },
    });
    expect(messages[2].context.page).toMatchObject({ path: "/next", title: "Next" });
  });

  it("calls made before load wait for it, and ready runs when it was", async () => {
    const clew = await tabOf();
    const ready = vi.fn();
    clew.track("early");
    clew.ready(ready);
    await pass(10_000);
    expect(ready).not.toHaveBeenCalled();
    expect(storedNames()).toEqual([]);
    clew.load("key", { host: HOST, capture: QUIET });
    expect(ready).toHaveBeenCalledOnce();
    clew.ready(ready);
    expect(ready).toHaveBeenCalledTimes(2);
    await sent();
    expect(eventsOf("early")).toHaveLength(1);
  });

  it("the stub keeps calls with their time and fetches the library once load is called", async () => {
    // The script's file is not there to be loaded; what it would do follows below.
    const { settings } = (window as unknown as { happyDOM: { settings: Record<string, unknown> } }).happyDOM;
    settings.handleDisabledFileLoadingAsSuccess = true;
    await import("../src/stub.ts");
    const stub = window.clew as unknown as unknown[] & {
      load(...args: unknown[]): void;
      track(...args: unknown[]): void;
    };
    stub.track("a", { n: 1 });
    expect(document.querySelector("script")).toBeNull();
    document.title = "";
    stub.load("key", { host: `${HOST}/` });
    document.title = "Shop";
    await pass(700);
    const script = document.head.querySelector("script")!;
    expect(script.src).toBe(`${HOST}/t/clew.js`);
    expect(script.async).toBe(true);
    expect(stub[0]).toEqual(["track", ["a", { n: 1 }], START, location.href, "Shop"]);
    expect(stub).toHaveLength(2);
    expect(document.head.querySelectorAll("script")).toHaveLength(1);
    // The library takes the same object over, so that whoever kept it goes on with it.
    vi.resetModules();
    await import("../src/entry.ts");
    expect(window.clew).toBe(stub);
    expect(stub).toHaveLength(0);
    stub.track("b");
    await sent();
    expect(server.stored.map(({ type, event }) => event ?? type)).toEqual(["page", "a", "b"]);
    // The page view happened when load was called, and has the title that the page got after it.
    expect(server.stored[0]).toMatchObject({ timestamp: new Date(START).toISOString(), properties: { title: "Shop" } });
    delete window.clew;
    script.remove();
  });
});
