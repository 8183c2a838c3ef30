/** Process map, variants, funnels, retention: built, read by keyboard, and every number opens its people. */
import { expect, test } from "@playwright/test";
import { complaints, expectAccessible, expectNoOverflow, open } from "./pages.ts";

test("the views of Journey have tabs, and the rail says where they lie", async ({ page }) => {
  await open(page, "/journey?period=2026-06");
  const tabs = page.getByRole("navigation", { name: "Journey views" });
  for (const name of ["Process map", "Funnels", "Retention", "Friction", "Compare"]) {
    await tabs.getByRole("link", { name }).click();
    await expect(tabs.getByRole("link", { name })).toHaveAttribute("aria-current", "page");
    await expect(page).toHaveURL(/period=2026-06/);
    await expect(
      page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Journey" }),
    ).toHaveAttribute("aria-current", "page");
  }
});

test("the map starts where it can be read, and the slider draws more", async ({ page }) => {
  const found = complaints(page);
  await open(page, "/process");
  const figure = page.locator("#map");
  await expect(figure.locator(".readout")).toHaveText(/^14 of \d+ edges are drawn/);
  const boxes = await figure.locator("svg rect").count();
  await page.getByRole("slider", { name: "Share of moves drawn" }).fill("100");
  await expect(page).toHaveURL(/coverage=100/);
  await expect(figure.locator(".readout")).toHaveText(/: 100\s% of/);
  expect(await figure.locator("svg rect").count()).toBeGreaterThanOrEqual(boxes);
  await page.getByRole("slider", { name: "Share of moves drawn" }).fill("1");
  await expect(figure.locator(".readout")).toHaveText(/^1 of/);
  expect(found).toEqual([]);
});

test("an edge is read by keyboard, and Enter opens its people", async ({ page }) => {
  await open(page, "/process");
  const chart = page.getByRole("group", { name: /What follows what/ });
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("#map .readout")).toHaveText(/→ .* times/);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/who=/);
  const behind = page.getByRole("region", { name: "People behind the number" }).first();
  await expect(behind.getByRole("heading", { name: /^57 people: / })).toBeVisible();
  await behind.getByRole("button", { name: "Show more" }).click();
  await expect(behind.getByRole("row")).toHaveCount(41);
  await expectAccessible(page);
  await behind.getByRole("button", { name: "Close" }).click();
  await expect(page).not.toHaveURL(/who=/);
});

test("a variant opens the people who went so", async ({ page }) => {
  await open(page, "/process");
  const row = page.locator(".variant").nth(2);
  await expect(row).toContainText("Order placed");
  await row.getByRole("button", { name: /People who went/ }).click();
  await expect(page.getByRole("heading", { name: /^57 people: Page viewed → Product viewed/ })).toBeVisible();
});

test("a funnel is built, told apart, and lives in the URL", async ({ page }) => {
  await open(page, "/funnels");
  const builder = page.getByRole("region", { name: "The funnel" });
  await expect(builder.getByRole("combobox", { name: /^\d\./ })).toHaveCount(5);
  await builder.getByRole("button", { name: /^Remove step 2/ }).click();
  await expect(builder.getByRole("combobox", { name: /^\d\./ })).toHaveCount(4);
  await builder.getByRole("combobox", { name: "then" }).selectOption("contact_opened");
  await expect(builder.getByRole("combobox", { name: "5." })).toHaveValue("contact_opened");
  await builder.getByRole("button", { name: /^Move step 5/ }).click();
  await expect(builder.getByRole("combobox", { name: "4." })).toHaveValue("contact_opened");
  await builder.getByRole("combobox", { name: "Within" }).selectOption("7d");
  await builder.getByRole("button", { name: "Any order" }).click();
  await builder.getByRole("combobox", { name: "Tell apart by" }).selectOption("attribute.region");
  await expect(page).toHaveURL(/window=7d.*order=any.*by=attribute.region/);
  await expect(page.getByRole("heading", { name: "By region" })).toBeVisible();
  await expect(page.getByText("stands out", { exact: true })).toHaveCount(1);
  await page.reload();
  await expect(builder.getByRole("combobox", { name: "4." })).toHaveValue("contact_opened");
  await page.getByRole("button", { name: /^People who stopped after Page viewed/ }).click();
  await expect(page.getByRole("heading", { name: /^57 people: stopped after page viewed/ })).toBeVisible();
  await expectAccessible(page);
});

test("a funnel leaves as CSV and SVG, and an unknown step says so", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, "/funnels");
  const figure = page.locator("#funnel");
  for (const [what, expected] of [
    ["CSV", /^Step,People,Of first,Lower,Upper/],
    ["SVG", /^<svg xmlns/],
  ] as const) {
    await figure.locator("summary").click();
    await figure.getByRole("button", { name: what, exact: true }).click();
    await expect(figure.locator("output")).toHaveText("Copied");
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(expected);
  }
  await page.goto("/funnels?steps=no_such_event");
  await expect(page.getByText("no event is called")).toBeVisible();
});

test("a cell of the retention map opens its people; what is not over is said", async ({ page }) => {
  await open(page, "/retention");
  const figure = page.locator("#cohorts");
  const chart = page.getByRole("group", { name: /who came again/ });
  await chart.focus();
  await page.keyboard.press("End");
  await expect(figure.locator(".readout")).toHaveText(/is not over/);
  await page.keyboard.press("Home");
  await expect(figure.locator(".readout")).toHaveText(/1 month later: \d+\.\d\s% \(/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: /^57 people: .*, 1 later$/ })).toBeVisible();
  await page.getByRole("combobox", { name: "What counts" }).selectOption("order_placed");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("to order placed");
  await expectNoOverflow(page);
});

test("friction leads to its people, and an example to one timeline", async ({ page }) => {
  await open(page, "/friction");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^Promise missed: \d+ people$/);
  await page.getByRole("button", { name: "Waits long" }).click();
  await expect(page).toHaveURL(/kind=long_wait/);
  await expect(page.locator(".finding")).toHaveCount(1);
  await page.getByRole("button", { name: /^People: Long wait from parcel shipped/ }).click();
  await expect(
    page.getByRole("heading", { name: /^57 people: long wait from parcel shipped to parcel delivered/ }),
  ).toBeVisible();
  await expectAccessible(page);
  await page.locator(".finding summary").click();
  await page.locator(".finding details").getByRole("link").first().click();
  await expect(page.getByRole("heading", { name: "Who this is, and why" })).toBeVisible();
});

test("two groups are compared, before and after a day too", async ({ page }) => {
  await open(page, "/compare");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(
    /^Promoters: after cart updated comes payment failed, 15\.0\s% instead of 7\.0\s%$/,
  );
  await expect(page.getByText("stands out", { exact: true })).toHaveCount(2);
  await page.getByRole("combobox", { name: "Compare" }).selectOption("date");
  await page.getByLabel("Day", { exact: true }).fill("2026-02-12");
  await expect(page).toHaveURL(/split=date(:|%3A)2026-02-12/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^From 2026-02-12: /);
  await expectNoOverflow(page);
});

test("a broken address of a number opens nothing", async ({ page }) => {
  const found = complaints(page);
  for (const path of [
    "/process?who=%5B",
    "/funnels?who=%7B%7D&coverage=x",
    "/retention?who=1",
    "/friction?who=%5B1%5D",
    "/process?coverage=-4",
  ]) {
    await open(page, path);
    await expect(page.getByRole("region", { name: "People behind the number" })).toHaveCount(0);
  }
  expect(found).toEqual([]);
});
