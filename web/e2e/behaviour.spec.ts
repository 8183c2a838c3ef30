/** How the cockpit behaves: filter in the URL, back, palette, keyboard in charts, copying, work, and every state of trouble. */
import { expect, test } from "@playwright/test";
import { expectAccessible, open } from "./pages.ts";

const scenario = (name: string) => ({ name: "clew-mock", value: name, url: "http://127.0.0.1:4173" });

test("the filter lives in the URL, stays from page to page, and back works", async ({ page }) => {
  await open(page, "/");
  await page.getByLabel("Period").selectOption("2026-06");
  await expect(page).toHaveURL(/period=2026-06/);
  await expect(page.getByText("Overview · June 2026")).toBeVisible();
  await page.getByRole("link", { name: "Journey", exact: true }).click();
  await expect(page).toHaveURL(/\/journey\?period=2026-06/);
  await page.getByRole("combobox", { name: "Channel" }).selectOption("store");
  await expect(page.getByText("Journey · June 2026 · Store")).toBeVisible();
  await page.goBack();
  await expect(page.getByText("Journey · June 2026", { exact: true })).toBeVisible();
  await page.goBack();
  await expect(page.getByText("Overview · June 2026")).toBeVisible();
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page).not.toHaveURL(/period/);
});

test("a page says which part of the filter it cannot honour", async ({ page }) => {
  await open(page, "/drivers?period=2026-06&channel=web");
  await expect(page.getByRole("note")).toHaveText(/The period and channel filter does not apply here/);
});

test("a small group shows no value", async ({ page }) => {
  await open(page, "/?channel=field&period=2026-06");
  const card = page.locator(".card").filter({ hasText: "Relationship NPS" });
  await expect(card.locator(".est")).toHaveText("too few (n < 5)");
});

test("a number tells its definition, method and last run on focus, and Escape closes it", async ({ page }) => {
  await open(page, "/");
  await page.locator(".card").filter({ hasText: "Delivery CSAT" }).locator(".tip").focus();
  const tip = page.getByRole("tooltip");
  await expect(tip).toContainText("Share of answers 4 or 5");
  await expect(tip).toContainText("Wilson interval");
  await expect(tip).toContainText("Last run");
  await page.keyboard.press("Escape");
  await expect(tip).toHaveCount(0);
});

test("the palette opens by keyboard, finds a person and goes there", async ({ page }) => {
  await open(page, "/");
  await page.keyboard.press("Control+k");
  const input = page.getByRole("combobox", { name: /Search people/ });
  await expect(input).toBeFocused();
  await expectAccessible(page);
  await input.fill("Niamh");
  await expect(page.getByRole("option").filter({ hasText: "Person" }).first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/people\/p-/);
  await page.keyboard.press("Control+k");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("a chart is read by arrow keys and has a table", async ({ page }) => {
  await open(page, "/scores?metric=delivery_csat");
  const chart = page.getByRole("group", { name: /Delivery CSAT by month/ });
  await chart.focus();
  await page.keyboard.press("End");
  const figure = page.locator("#trend");
  await expect(figure.locator(".readout")).toHaveText(/^June 2026: 71\.1\s% \(68\.\d–73\.\d, n/);
  await page.keyboard.press("ArrowLeft");
  await expect(figure.locator(".readout")).toHaveText(/^May 2026/);
  await figure.getByRole("button", { name: /^Table/ }).click();
  await expect(figure.getByRole("columnheader", { name: "Lower" })).toBeVisible();
  await expect(figure.getByRole("row")).toHaveCount(13);
});

test("a chart is copied as CSV, SVG, PNG and link", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, "/drivers");
  const figure = page.locator("#pareto");
  await expect(figure.locator("svg")).toBeVisible();
  const copy = async (what: string) => {
    await figure.locator("summary").click();
    await figure.getByRole("button", { name: what, exact: true }).click();
    await expect(figure.locator("output")).toHaveText("Copied");
  };
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await copy("CSV");
  await expect.poll(clipboard).toMatch(/^Driver,Family,Importance,Lower,Upper/);
  await copy("SVG");
  await expect.poll(clipboard).toMatch(/^<svg xmlns/);
  const svg = await clipboard();
  expect(svg).toContain("The vital few");
  expect(
    await page.evaluate(
      (text) => new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror")?.textContent ?? "",
      svg,
    ),
  ).toBe("");
  await copy("PNG");
  await expect
    .poll(() => page.evaluate(async () => (await navigator.clipboard.read())[0]?.types))
    .toContain("image/png");
  await copy("Link");
  await expect.poll(clipboard).toMatch(/\/drivers#pareto$/);
});

test("a search narrows, and one that finds nobody says what to do", async ({ page }) => {
  await open(page, "/people");
  await page.getByRole("searchbox").fill("customer17@");
  await expect(page.getByText("Email: customer17@example.org")).toBeVisible();
  await expect(page).toHaveURL(/q=customer17/);
  await page.getByRole("searchbox").fill("nobody at all");
  await expect(page.getByRole("heading", { name: "Nobody matches “nobody at all”" })).toBeVisible();
  await page.getByRole("button", { name: "Clear search and filter" }).click();
  await expect(page.getByRole("region", { name: "People" })).toBeVisible();
});

test("a merged person leads to the one who is left", async ({ page }) => {
  await page.goto("/people/p-merged");
  await page.getByRole("link", { name: "Open the person it was merged into" }).click();
  await expect(page.getByRole("heading", { name: "Who this is, and why" })).toBeVisible();
});

test("the timeline is filtered by channel", async ({ page }) => {
  await open(page, "/people");
  await page.getByRole("region", { name: "People" }).getByRole("link").first().click();
  await page.getByRole("button", { name: /^Phone/ }).click();
  await expect(page).toHaveURL(/lane=phone/);
  await expect(page.locator(".timeline .item").first()).toContainText("Call answered");
  await expect(page.locator(".timeline .item").filter({ hasText: "Page viewed" })).toHaveCount(0);
});

test("a run is started, watched, and shows when it is done", async ({ page }) => {
  await open(page, "/data");
  await page.getByRole("button", { name: "Run now" }).click();
  await expect(page.getByRole("progressbar", { name: "Run" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Import and run" })).toBeDisabled();
  await expect(page.getByText("You can leave this page")).toBeVisible();
  await expect(page.getByText("Done; every page now shows the new state")).toBeVisible();
  await expect(page.getByRole("button", { name: "Import and run" })).toBeEnabled();
});

test("an empty store says what would be here and what to do", async ({ page, context }) => {
  await context.addCookies([scenario("fresh")]);
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Nothing has been imported yet" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Import the sources" }).click();
  await expect(page.getByRole("heading", { name: "Nothing has been imported yet" })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Pages" }).getByRole("link")).toHaveText(["Data"]);
});

test("a fault says that nothing is lost, and gives an id to quote", async ({ page, context }) => {
  await context.addCookies([scenario("broken")]);
  await page.goto("/voice");
  await expect(page.getByRole("alert")).toContainText("The tables could not be read");
  await expect(page.getByRole("alert")).toContainText(/Request req-/);
  await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
  await expectAccessible(page);
});

test("without a session the cockpit asks for the login link", async ({ page, context }) => {
  await context.addCookies([scenario("denied")]);
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Please log in" })).toBeVisible();
  await expect(page.getByLabel("Token")).toBeVisible();
  await expectAccessible(page);
});

test("an unknown page and an unknown theme say so", async ({ page }) => {
  await page.goto("/nowhere");
  await expect(page.getByRole("heading", { name: "There is no such page" })).toBeVisible();
  await page.goto("/voice/t-gone");
  await expect(page.getByRole("heading", { name: "Not found" })).toBeVisible();
});

test("the choice of colours holds over a reload", async ({ page }) => {
  await open(page, "/");
  await page.getByRole("button", { name: "Dark colours" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.reload();
  await expect(page.getByRole("button", { name: "Light colours" })).toBeVisible();
});

test("while an answer is slow, its place is held", async ({ page, context }) => {
  await context.addCookies([scenario("slow")]);
  await page.goto("/");
  await expect(page.getByRole("status", { name: "Loading" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Delivery CSAT fell" })).toBeVisible();
});
