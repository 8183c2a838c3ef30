/**
 * The same pages against a running `clew serve` (CLEW_URL, CLEW_TOKEN) with a company's data in it. Makes no assumption about the
 * data but that a run has finished. With CLEW_SCREENSHOT set it writes docs/images/overview.png.
 */
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import type {
  DataPage,
  Drivers,
  Journey,
  Meta,
  Overview,
  People,
  Review,
  Scores,
  SourceDetail,
  Voice,
} from "../src/api/types";
import { complaints, expectAccessible, expectNoOverflow, open, PAGES } from "./pages.ts";

const token = process.env.CLEW_TOKEN ?? "";

test.beforeEach(async ({ page }) => {
  await page.goto(`/login?token=${encodeURIComponent(token)}`);
});

test("a call without a token is refused with a request id", async ({ playwright, baseURL }) => {
  const stranger = await playwright.request.newContext({ baseURL });
  const answer = await stranger.get("/api/v1/meta");
  expect(answer.status()).toBe(401);
  const { error } = await answer.json();
  expect(error.code).toBe("unauthorised");
  expect(error.request_id).toBeTruthy();
  await stranger.dispose();
});

/** Each page twice: both widths and both colour schemes are seen once. */
for (const [width, colorScheme] of [
  [1440, "light"],
  [375, "dark"],
] as const) {
  test.describe(`${width} px, ${colorScheme}`, () => {
    test.use({ viewport: { width, height: 900 }, colorScheme });
    for (const { name, path } of PAGES) {
      test(name, async ({ page }) => {
        const found = complaints(page);
        await open(page, path);
        await expect(page.getByRole("alert")).toHaveCount(0);
        await expectNoOverflow(page);
        await expectAccessible(page);
        expect(found).toEqual([]);
      });
    }
  });
}

const ask = async <T>(page: import("@playwright/test").Page, path: string): Promise<T> => {
  const answer = await page.request.get(`/api/v1${path}`);
  expect(answer.status(), path).toBe(200);
  return (await answer.json()) as T;
};

test("every number on the wire has its n and, where it is a number, its interval", async ({ page }) => {
  const overview = await ask<Overview>(page, "/overview");
  expect(overview.scores.length).toBeGreaterThan(0);
  for (const { metric, score } of overview.scores) {
    expect(score.n, metric).toBeGreaterThanOrEqual(0);
    if (score.estimate === null) expect(score.reason, metric).toBeTruthy();
    else {
      expect(score.lower!, metric).toBeLessThanOrEqual(score.estimate);
      expect(score.upper!, metric).toBeGreaterThanOrEqual(score.estimate);
    }
  }
  const meta = await ask<Meta>(page, "/meta");
  expect(meta.last_run?.status).toBe("done");
  for (const { metric } of meta.metrics) {
    const scores = await ask<Scores>(page, `/scores?metric=${encodeURIComponent(metric)}`);
    expect(scores.metric.metric).toBe(metric);
  }
});

test("a person is found, opened, and has a timeline", async ({ page }) => {
  const { people } = await ask<People>(page, "/people?limit=1");
  expect(people.length).toBe(1);
  await ask(page, `/people/${people[0]!.person_id}`);
  await open(page, `/people/${people[0]!.person_id}`);
  await expect(page.getByRole("heading", { name: "Who this is, and why" })).toBeVisible();
  await expect(page.locator(".timeline .item").first()).toBeVisible();
  await expectNoOverflow(page);
  await expectAccessible(page);
});

test("a doubtful pair is decided, not asked again, and asked again once that is taken back", async ({ page }) => {
  const before = await ask<Review>(page, "/identity/review");
  test.skip(before.pairs.length === 0, "no pair is open");
  const { a, b } = before.pairs[0]!;
  await open(page, "/people/review");
  await expect(page.locator("#pair thead")).toContainText(a.record ?? a.subject);
  await page.keyboard.press("d");
  await expect(page.getByText("Two people: the next run follows it.")).toBeVisible();
  const after = await ask<Review>(page, "/identity/review");
  expect(after.total).toBe(before.total - 1);
  expect(after.pairs.filter((pair) => pair.a.subject === a.subject && pair.b.subject === b.subject)).toEqual([]);
  await expectAccessible(page);
  await page.keyboard.press("u");
  await expect(page.locator("#pair thead")).toContainText(a.record ?? a.subject);
  expect((await ask<Review>(page, "/identity/review")).total).toBe(before.total);
});

test("stages go down and never name more who went on than came", async ({ page }) => {
  const meta = await ask<Meta>(page, "/meta");
  for (const name of meta.journeys) {
    const journey = await ask<Journey>(page, `/journeys/${encodeURIComponent(name)}`);
    for (const { people, continued } of journey.stages) expect(continued).toBeLessThanOrEqual(people);
  }
});

test("driver importances are shares of one whole", async ({ page }) => {
  const { drivers } = await ask<Drivers>(page, "/drivers");
  if (drivers.length > 0) {
    const sum = drivers.reduce((total, { importance }) => total + (importance.estimate ?? 0), 0);
    expect(sum).toBeGreaterThan(0.99);
    expect(sum).toBeLessThan(1.01);
  }
});

test("a filter is honoured or said not to be", async ({ page }) => {
  const meta = await ask<Meta>(page, "/meta");
  const month = meta.periods.find(({ period }) => period === "month");
  test.skip(month === undefined, "no monthly scores");
  const [all, one] = [
    await ask<Overview>(page, "/overview"),
    await ask<Overview>(page, `/overview?period=${month!.value}`),
  ];
  expect(one.applied.period).toBe(true);
  for (const [i, { metric, score }] of one.scores.entries())
    expect(score.n, metric).toBeLessThanOrEqual(all.scores[i]!.score.n);
});

test("a long list of themes is cut, and opened by a button that the address remembers", async ({ page }) => {
  const { themes } = await ask<Voice>(page, "/voice");
  const emerging = themes.filter(({ surge }) => surge?.emerging).length;
  test.skip(themes.length - emerging <= 15, "few themes");
  await open(page, "/voice");
  await expect(page.locator(".theme")).toHaveCount(emerging + 12);
  await page.getByRole("button", { name: /^Show all \d+ themes$/ }).click();
  await expect(page.locator(".theme")).toHaveCount(themes.length);
  await expect(page).toHaveURL(/all=themes/);
});

test("a source has batches that add up to its equations", async ({ page }) => {
  const { sources } = await ask<DataPage>(page, "/data");
  for (const source of sources.filter(({ last_import_at }) => last_import_at !== null).slice(0, 5)) {
    const detail = await ask<SourceDetail>(page, `/data/sources/${encodeURIComponent(source.source)}?limit=200`);
    expect(
      detail.batches.reduce((sum, { rows }) => sum + rows.read, 0),
      source.source,
    ).toBe(detail.source.rows.read);
    expect(["healthy", "late", "failing", "idle"]).toContain(source.health.status);
    expect(source.health.reason, source.source).not.toBe("");
  }
  await open(page, `/data/${sources.find(({ volume }) => volume.length > 0)!.source}`);
  await expect(page.locator("#volume svg")).toBeVisible();
  await expectNoOverflow(page);
  await expectAccessible(page);
});

test("a test message goes the whole way, and the tail hears it", async ({ page, context }) => {
  const { sources } = await ask<DataPage>(page, "/data");
  const live = sources.find(({ kind }) => kind === "tracking");
  test.skip(live === undefined, "no source takes tracking calls");
  const watching = await context.newPage();
  await watching.goto(`/data/live?source=${live!.source}`);
  await expect(watching.getByRole("status").filter({ hasText: "Listening" })).toBeVisible();
  await open(page, `/data/test?source=${live!.source}`);
  await page.getByRole("button", { name: "Check only" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("The message would come through");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("The message came through");
  const way = page.locator(".way > li");
  await expect(way.filter({ hasText: "In SQL" })).toContainText("1 of 1 found.");
  const line = watching.getByRole("region", { name: "Messages, newest first" }).locator("tbody tr").first();
  await expect(line).toContainText("Clew Test");
  await expect(line).toContainText("clew-test-");
  await expect(line).toContainText("t•••");
  await expect(line).not.toContainText("test-user");
});

test("the picture for the README", async ({ page }) => {
  test.skip(!process.env.CLEW_SCREENSHOT, "CLEW_SCREENSHOT is not set");
  await page.setViewportSize({ width: 1440, height: 1000 });
  await open(page, "/");
  await page.screenshot({ path: fileURLToPath(new URL("../../docs/images/overview.png", import.meta.url)) });
});
