/** The built library in a real browser, against servers that fail on purpose. */
import { type BrowserContext, expect, type Page, test } from "@playwright/test";
import { type Answer, deduped, type Message, openWorld, type World } from "./servers.ts";

let world: World;
test.beforeEach(async () => {
  world = await openWorld();
});
test.afterEach(async () => {
  await world.close();
});

const named = (event: string) => deduped(world.messages).filter((message) => (message.event ?? message.type) === event);
const arrived = (event: string, n = 1) => expect.poll(() => named(event).length).toBe(n);
const flush = (page: Page) => page.evaluate(() => window.clew!.flush!());
const track = (page: Page, event: string) => page.evaluate((name) => window.clew!.track!(name), event);
const storedNames = (page: Page) =>
  page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("clew.")));
const waiting = async (page: Page) => (await storedNames(page)).filter((name) => name.includes(".e.")).length;

async function open(page: Page, address = world.shop): Promise<void> {
  await page.goto(address);
  await page.waitForFunction(() => window.clew?.loaded);
}

test("a visit is seen: pages, clicks, rage, dead clicks, an abandoned form, an error", async ({ page }) => {
  world.options = { flushIntervalMs: 200 };
  await open(page, `${world.shop}/start?utm_source=news&token=s3cr3t-token`);
  await page.getByRole("button", { name: "Open" }).click();
  await page.locator("#card").click();
  await arrived("dead_click");
  await page.getByRole("button", { name: "Buy" }).click({ clickCount: 3, delay: 20 });
  await arrived("rage_click");
  await page.getByRole("button", { name: "Throw" }).click();
  await arrived("js_error");
  await page.getByRole("button", { name: "Next" }).click();
  await arrived("page", 2);
  await page.locator("[name=email]").fill("niamh@example.org");
  await page.locator("[name=street]").pressSequentially("Main");
  await page.locator("[name=password]").fill("hunter2");
  await page.goto("about:blank");
  await arrived("form_abandoned");

  expect(named("dead_click")[0].properties).toEqual({ selector: "span#card", text: "Card" });
  expect(named("rage_click")[0].properties).toEqual({ selector: "button#buy", text: "Buy", clicks: 3 });
  expect(named("js_error")[0].properties).toMatchObject({
    message: expect.stringContaining("null"),
    line: expect.any(Number),
  });
  expect(named("form_abandoned")[0].properties).toMatchObject({
    form_id: "checkout",
    form_name: "check",
    last_field: "street",
    filled: 2,
  });
  const [start, next] = named("page");
  expect(start.context).toMatchObject({
    page: { path: "/start", search: "?utm_source=news&token=-", title: "Shop", referrer: "" },
    campaign: { source: "news" },
    locale: "en-GB",
    timezone: "Europe/Dublin",
    consent: { measure: true },
  });
  expect(next.context.page).toMatchObject({ path: "/next", title: "Next", referrer: start.context.page.url });
  expect(new Set(world.messages.map(({ anonymousId }) => anonymousId)).size).toBe(1);
  expect(JSON.stringify(world.batches)).not.toMatch(/niamh|hunter2|Main|s3cr3t/);
});

test("the page's policy forbids inline scripts, eval and other hosts, and nothing violates it", async ({ page }) => {
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  await open(page);
  await page.locator("#works").click();
  await flush(page);
  await arrived("click");
  expect(await page.locator("html").getAttribute("data-violation")).toBeNull();
  expect(errors).toEqual([]);
  // No preflight request: the body is plain text.
  expect(world.asked.filter((line) => line.startsWith("OPTIONS"))).toEqual([]);
});

test("an application that routes by fragment is followed, a jump within the page is not", async ({ page }) => {
  world.options = { flushIntervalMs: 50 };
  await open(page);
  await page.evaluate(() => {
    location.hash = "#details";
  });
  await page.evaluate(() => {
    location.hash = "#/orders/7";
  });
  await arrived("page", 2);
  expect(named("page").map(({ properties }) => new URL(properties.url).hash)).toEqual(["", "#/orders/7"]);
  await page.goBack();
  await arrived("page", 3);
});

test("clicks are told as the browser makes them: by keyboard, on labels, with odd ids", async ({ page }) => {
  await open(page);
  await page.locator("#works").focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("Enter");
  for (let i = 0; i < 2; i++) await page.locator("#label").click();
  await page.locator('[id="1:odd.id"]').click();
  await page.evaluate(() => document.getElementById("buy")!.click());
  await flush(page);
  const selectors = named("click").map(({ properties }) => properties.selector as string);
  expect(selectors.filter((selector) => selector === "button#works")).toHaveLength(4);
  expect(selectors).not.toContain("button#buy");
  expect(await page.evaluate((selector) => document.querySelector(selector)?.textContent, selectors.at(-1)!)).toBe(
    "Odd",
  );
  expect(named("rage_click")).toEqual([]);
});

test("a link to a slow page is no dead click, and a form sent by a script is not abandoned", async ({ page }) => {
  await open(page);
  await page.locator("#slow").click({ noWaitAfter: true });
  await page.waitForURL("**/slow");
  await page.waitForFunction(() => window.clew?.loaded);
  await page.locator("[name=email]").fill("a");
  await page.locator("#bysript").click();
  await page.waitForURL("**/done**");
  await page.waitForFunction(() => window.clew?.loaded);
  await flush(page);
  await arrived("page", 3);
  expect(named("dead_click")).toEqual([]);
  expect(named("form_abandoned")).toEqual([]);
});

test("what waits when the page is left goes as a beacon, also when the tab is closed", async ({ page, context }) => {
  world.options = { flushAt: 1_000, flushIntervalMs: 600_000, capture: { pages: false } };
  await open(page);
  await track(page, "before a link");
  await page.locator("#away").click();
  await arrived("before a link");
  await arrived("click");
  expect(world.batches[0]!.mode).toBe("no-cors");

  const other = await context.newPage();
  await open(other);
  await track(other, "before closing");
  await other.close({ runBeforeUnload: true });
  await arrived("before closing");
});

test("a beacon never has more than the browser takes, and what it refuses comes with the next page", async ({
  page,
}) => {
  world.options = { flushAt: 1_000, flushIntervalMs: 600_000 };
  await open(page);
  await page.evaluate(() => {
    for (let i = 0; i < 20; i++) window.clew!.track!("large", { i, text: "x".repeat(20_000) });
  });
  await open(page, `${world.shop}/next`);
  await arrived("large", 2);
  await flush(page);
  await arrived("large", 20);
  for (const { mode, bytes } of world.batches) expect(bytes).toBeLessThanOrEqual(mode === "no-cors" ? 60_000 : 500_000);
  expect(await waiting(page)).toBe(0);
});

test("events of an offline time survive a reload and go when the network is back", async ({ page, context }) => {
  world.options = { flushIntervalMs: 100 };
  // The shop itself is there all the time: as an application that a service worker keeps.
  await open(page);
  await arrived("page");
  const failing = world.answer;
  world.answer = () => "cut";
  await context.setOffline(true);
  for (let i = 0; i < 5; i++) await track(page, `offline ${i}`);
  await flush(page);
  expect(await waiting(page)).toBe(5);
  await context.setOffline(false);
  await open(page, `${world.shop}/again`);
  await track(page, "online");
  world.answer = failing;
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await arrived("online");
  for (let i = 0; i < 5; i++) await arrived(`offline ${i}`);
});

test("going offline and back needs no help: the browser's own event is enough", async ({ page, context }) => {
  world.options = { flushIntervalMs: 50 };
  await open(page);
  await arrived("page");
  await context.setOffline(true);
  await track(page, "offline");
  await page.waitForFunction(() => !navigator.onLine);
  await expect.poll(() => waiting(page)).toBe(1);
  await context.setOffline(false);
  await arrived("offline");
  await expect.poll(() => waiting(page)).toBe(0);
});

test("a refusal sends nothing and leaves nothing behind", async ({ page, context }) => {
  world.options = { flushIntervalMs: 50 };
  await open(page);
  await arrived("page");
  await page.evaluate(() => window.clew!.consent!({ measure: false }));
  expect(await storedNames(page)).toEqual(["clew.consent"]);
  const before = world.batches.length;
  const visit = async () => {
    await track(page, "refused");
    await page.locator("#works").click();
    await page.locator("[name=email]").fill("a");
    await flush(page);
  };
  await visit();
  await open(page, `${world.shop}/second`);
  await visit();
  await page.goto("about:blank");
  expect(world.batches.length).toBe(before);

  // Asked and not answered: as good as refused.
  await context.clearCookies();
  world.options = { consent: "ask", flushIntervalMs: 50 };
  const asked = await context.newPage();
  await open(asked, world.insecure);
  await track(asked, "undecided");
  await flush(asked);
  expect(await storedNames(asked)).toEqual([]);
  expect(await asked.evaluate(() => document.cookie)).toBe("");
  expect(world.batches.length).toBe(before);
  await asked.evaluate(() => window.clew!.consent!({ measure: true }));
  await arrived("undecided");
  expect(world.asked.filter((line) => !/^(GET \/t\/clew\.js|POST \/v1\/batch)$/.test(line))).toEqual([]);
});

test("a page with the library still goes into the back/forward cache", async ({ playwright }) => {
  const browser = await playwright.chromium.launch({
    executablePath: process.env.CLEW_BROWSER ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
  try {
    world.options = { flushIntervalMs: 200 };
    const page = await browser.newPage();
    await open(page);
    await track(page, "sent");
    await arrived("sent");
    await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => Object.assign(window, { persisted })));
    await track(page, "left");
    await page.goto(`${world.shop}/next`);
    await page.evaluate(() => history.back());
    await page.waitForURL(`${world.shop}/`, { waitUntil: "commit" });
    expect(await page.evaluate(() => (window as unknown as { persisted?: boolean }).persisted)).toBe(true);
    // Back in sight it counts as shown again, and sends.
    await track(page, "back");
    await arrived("back");
    await arrived("left");
    await expect.poll(() => waiting(page)).toBe(0);
    expect(named("page").map(({ context }) => context.page.path)).toEqual(["/", "/next", "/"]);
  } finally {
    await browser.close();
  }
});

/** Three pages of one browser that send side by side; returns what arrived, doubles included. */
async function threeTabs(context: BrowserContext, address: string): Promise<Message[]> {
  world.options = { flushAt: 5, flushIntervalMs: 30, capture: { pages: false } };
  world.answer = async () => {
    await new Promise((done) => setTimeout(done, 15));
    return { status: 200 };
  };
  const tabs = await Promise.all(
    [1, 2, 3].map(async () => {
      const tab = await context.newPage();
      await open(tab, address);
      return tab;
    }),
  );
  await Promise.all(
    tabs.map((tab, at) =>
      tab.evaluate(async (from) => {
        for (let i = 0; i < 200; i++) {
          window.clew!.track!("tab", { n: from + i });
          await new Promise((done) => setTimeout(done, i % 7));
        }
      }, at * 1_000),
    ),
  );
  await expect.poll(() => waiting(tabs[0]!)).toBe(0);
  return world.messages;
}

test("three tabs send every event, and none of them twice", async ({ context }) => {
  const messages = await threeTabs(context, world.shop);
  expect(deduped(messages)).toHaveLength(600);
  expect(messages).toHaveLength(600);
  expect(new Set(messages.map(({ properties }) => properties.n)).size).toBe(600);
});

test("so they do in a page without HTTPS, where there are no Web Locks", async ({ context }) => {
  const messages = await threeTabs(context, world.insecure);
  expect(await context.pages()[0]!.evaluate(() => "locks" in navigator)).toBe(false);
  expect(messages).toHaveLength(600);
  expect(new Set(messages.map(({ properties }) => properties.n)).size).toBe(600);
});

test("of three tabs one takes over what a fourth left", async ({ context }) => {
  world.options = { flushAt: 1_000, flushIntervalMs: 600_000, capture: { pages: false } };
  const pages = await Promise.all(Array.from({ length: 4 }, () => context.newPage()));
  await Promise.all(pages.map((page) => open(page)));
  const [gone, ...left] = pages;
  await gone!.evaluate(() => {
    // A browser may send a beacon late, or again after a broken connection: here nothing arrives but by taking over.
    navigator.sendBeacon = () => false;
    for (let i = 0; i < 50; i++) window.clew!.track!("left", { i });
  });
  await gone!.goto("about:blank");
  // One after another asks for the lock, just when the one before has given it back.
  await Promise.all(
    left.map((page) =>
      page.evaluate(async () => {
        for (let i = 0; i < 200; i++) {
          await window.clew!.flush!();
          await new Promise((done) => setTimeout(done));
        }
      }),
    ),
  );
  await arrived("left", 50);
  expect(world.messages).toHaveLength(50);
});

test("what a crashed tab left is sent by the next", async ({ context }) => {
  world.options = { flushAt: 1_000, flushIntervalMs: 600_000, capture: { pages: false } };
  const tab = await context.newPage();
  await open(tab);
  await track(tab, "before the crash");
  const crashed = tab.waitForEvent("crash");
  void tab.goto("chrome://crash").catch(() => {});
  await crashed;
  expect(world.messages).toEqual([]);
  world.options = { flushIntervalMs: 50 };
  const next = await context.newPage();
  // A page that lives would have sent it by then.
  await next.addInitScript(() => {
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
  });
  await open(next);
  await arrived("before the crash");
});

const SEED = Number(process.env.CLEW_SEED ?? 20_260_301);
const EVENTS = 10_000;

test(`of ${EVENTS} events over a bad network none is lost and none is doubled (seed ${SEED})`, async ({
  page,
  context,
}) => {
  test.setTimeout(300_000);
  // mulberry32, by its published constants.
  let state = SEED;
  const dice = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const told = { "200": 0, "500": 0, "429": 0, cut: 0, "take and cut": 0, reloads: 0, offline: 0 };
  const fates: [upTo: number, name: keyof typeof told, answer: Answer][] = [
    [0.1, "500", { status: 500 }],
    [0.16, "429", { status: 429, retryAfter: 1 }],
    [0.24, "cut", "cut"],
    [0.32, "take and cut", "take and cut"],
    [1, "200", { status: 200 }],
  ];
  world.answer = () => {
    const roll = dice();
    const [, name, answer] = fates.find(([upTo]) => roll < upTo)!;
    told[name]++;
    return answer;
  };
  world.options = {
    flushAt: 50,
    flushIntervalMs: 100,
    capture: { pages: false, clicks: false, dead: false, rage: false },
  };

  // Counts in sessionStorage how far it is, in the same turn as the event is tracked: a reload can come at any time
  // between two events.
  const produce = () =>
    page.evaluate(async (events) => {
      const names = () => Object.keys(localStorage).filter((name) => name.includes(".e.")).length;
      for (let n = Number(sessionStorage.getItem("n") ?? 0); n < events; n++) {
        while (n % 20 === 0 && names() > 900) await new Promise((done) => setTimeout(done, 50));
        window.clew!.track!("order", { n });
        sessionStorage.setItem("n", `${n + 1}`);
        if (n % 10 === 0) await new Promise((done) => setTimeout(done, 15));
      }
      return true;
    }, EVENTS);

  let done = false;
  while (!done) {
    await open(page);
    const producing = produce().catch(() => false);
    if (dice() < 0.5) {
      await page.waitForTimeout(300 + dice() * 1_000);
      told.offline++;
      await context.setOffline(true);
      await page.waitForTimeout(200 + dice() * 800);
      await context.setOffline(false);
    }
    const interruption = page.waitForTimeout(500 + dice() * 2_000).then(() => "reload" as const);
    done = (await Promise.race([producing, interruption])) === true;
    if (!done) told.reloads++;
  }
  await expect.poll(() => waiting(page), { timeout: 120_000, intervals: [500] }).toBe(0);

  const orders = world.messages.filter(({ event }) => event === "order");
  const kept = deduped(orders);
  console.log(
    `${kept.length} events in ${world.batches.length} batches, ${orders.length - kept.length} sent again; ${JSON.stringify(told)}`,
  );
  const numbers = kept.map(({ properties }) => properties.n as number).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
  expect(world.batches.some(({ context: about }) => about)).toBe(false);
  // Whatever came again is the same to the letter.
  const first = new Map(kept.map((message) => [message.messageId, JSON.stringify(message)]));
  expect(orders.filter((message) => JSON.stringify(message) !== first.get(message.messageId))).toEqual([]);
  expect(Math.min(...Object.values(told))).toBeGreaterThan(0);
});
