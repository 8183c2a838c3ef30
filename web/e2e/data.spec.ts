/** The Data pages: from a source to its rows, repair with its dry run, the live tail by keyboard, a test message's way. */
import { expect, type Page, test } from "@playwright/test";
import type { SourceDetail } from "../src/api/types.ts";
import { expectAccessible, expectNoOverflow, open } from "./pages.ts";

const tabs = (page: Page) => page.getByRole("navigation", { name: "Data", exact: true });

test("what needs somebody comes first, with its reason, and leads to its rows", async ({ page }) => {
  await open(page, "/data");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^Surveys fails and deliveries is late/);
  const sources = page.locator(".sources > li");
  await expect(sources.nth(0)).toContainText("Failing");
  await expect(sources.nth(1)).toContainText("Silent for 5 days; before that it came every day.");
  await sources
    .nth(1)
    .getByRole("link", { name: /112 in quarantine/ })
    .click();
  await expect(page).toHaveURL(/\/data\/quarantine\?source=deliveries/);
  await expect(page.getByText("112 rows", { exact: true })).toBeVisible();
  await expect(tabs(page).locator("[aria-current=page]")).toHaveText(["Quarantine"]);
});

test("links keep the filter, and the source where they are about one", async ({ page }) => {
  await open(page, "/data/quarantine?period=2026-06&source=website&reason=missing_identifier");
  await tabs(page).getByRole("link", { name: "Live" }).click();
  await expect(page).toHaveURL(/\/data\/live\?source=website&period=2026-06$/);
  await tabs(page).getByRole("link", { name: "Sources" }).click();
  await expect(page).toHaveURL(/\/data\?period=2026-06$/);
  await page.getByRole("link", { name: "Website", exact: true }).click();
  await expect(page).toHaveURL(/\/data\/website\?period=2026-06$/);
});

test("a source's volume is read by arrow keys and as a table", async ({ page }) => {
  await open(page, "/data");
  const chart = page.getByRole("group", { name: /Facts of Deliveries by day/ });
  await chart.focus();
  await page.keyboard.press("End");
  const figure = page.locator("#volume-deliveries");
  await expect(figure.locator(".readout")).toHaveText("30 Jun 2026: 0 facts");
  await figure.getByRole("button", { name: /^Table/ }).click();
  await expect(figure.getByRole("row")).toHaveCount(31);
});

test("a source has a page of its own, by day and by hour", async ({ page }) => {
  await open(page, "/data");
  await page.getByRole("link", { name: "Website", exact: true }).click();
  await expect(page).toHaveURL(/\/data\/website$/);
  await expect(page.getByRole("heading", { name: "At the door" })).toBeVisible();
  await expect(tabs(page).locator("[aria-current=page]")).toHaveText(["Sources"]);
  await page.getByRole("button", { name: "72 hours" }).click();
  await expect(page).toHaveURL(/grain=hour/);
  await expect(page.getByRole("group", { name: /72 values/ })).toBeVisible();
  await expect(page.locator("#batches li")).toHaveCount(6);
  await open(page, "/data/surveys");
  await expect(page.locator("#alarms")).toContainText(
    "score lies outside scale_min to scale_max in 38 of 2,901 answers.",
  );
});

test("a long history is shown whole on demand, and the address remembers it", async ({ page }) => {
  await page.route("**/api/v1/data/sources/orders?*", async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as SourceDetail;
    const limit = Number(new URL(route.request().url()).searchParams.get("limit"));
    const batches = Array.from({ length: 40 }, (_, i) => ({ ...body.batches[0], batch: `orders-${i}` }));
    await route.fulfill({ response, json: { ...body, batches: batches.slice(0, limit), batches_total: 40 } });
  });
  await open(page, "/data/orders");
  const batches = page.locator("#batches li");
  await expect(batches).toHaveCount(12);
  await page.getByRole("button", { name: "Show all 40 batches" }).click();
  await expect(batches).toHaveCount(40);
  await expect(page).toHaveURL(/all=batches/);
  await page.reload();
  await expect(batches).toHaveCount(40);
  await page.getByRole("button", { name: "Show fewer" }).click();
  await expect(batches).toHaveCount(12);
});

test("an unknown source says so", async ({ page }) => {
  await page.goto("/data/nowhere");
  await expect(page.getByRole("heading", { name: "Not found" })).toBeVisible();
});

test("a field of the scorecard opens its trend, and the address remembers it", async ({ page }) => {
  await open(page, "/data/quality");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/^Phones of CRM is emptier than before/);
  await page.getByRole("combobox", { name: "Source" }).selectOption("crm");
  await page.getByRole("button", { name: "records.phones" }).click();
  await expect(page).toHaveURL(/field=crm\.records\.phones/);
  const chart = page.getByRole("group", { name: /Phones of CRM is filled in/ });
  await chart.focus();
  await page.keyboard.press("End");
  await expect(page.locator("#field .readout")).toHaveText(/complete 67\.5\s%, valid 9\d\.\d\s%, n 2,657/);
  await page.reload();
  await expect(page.locator("#field")).toBeVisible();
});

test("a row is mended, tried, and replayed; nothing changes before", async ({ page }) => {
  await open(page, "/data/quarantine?source=calls&reason=conflict");
  await page.getByRole("combobox", { name: "Reason" }).selectOption("invalid_number");
  await expect(page).toHaveURL(/reason=invalid_number/);
  const rows = page.locator("#quarantine > ul > li");
  const before = 6;
  await expect(rows).toHaveCount(before);
  const row = rows.first();
  await row.locator("summary").click();
  await expect(row).toContainText("Correct the value, or let the mapping turn such words into null.");
  const field = row.getByLabel("duration_ms");
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await row.getByRole("button", { name: "Try it as it is" }).click();
  const beforehand = row.getByRole("region", { name: "What would happen" });
  await expect(beforehand).toContainText("The row is refused as before and would stay open.");
  await expect(beforehand.getByRole("button", { name: /^Replay/ })).toHaveCount(0);
  await field.fill("410000");
  await expect(beforehand).toHaveCount(0);
  await expect(row).toContainText("was n/a");
  await row.getByRole("button", { name: "Try it as mended" }).click();
  await expect(beforehand).toContainText("The row would be stored.");
  await expectAccessible(page);
  await expect(rows).toHaveCount(before);
  await beforehand.getByRole("button", { name: "Replay 1 row" }).click();
  await expect(page.getByText("The row was stored.")).toBeVisible();
  await expect(rows).toHaveCount(before - 1);
  await page.getByRole("combobox", { name: "State" }).selectOption("closed");
  await expect(rows.first()).toContainText(/stored, edited/);
});

test("a long repair shows its progress, and then what it came to", async ({ page, context }) => {
  await context.addCookies([{ name: "clew-mock", value: "slow", url: "http://127.0.0.1:4173" }]);
  await page.goto("/data/quarantine?source=emails&reason=invalid_number");
  const rows = page.locator("#quarantine > ul > li");
  await expect(rows).toHaveCount(2);
  const row = rows.first();
  await row.locator("summary").click();
  await row.getByLabel("duration_ms").fill("410000");
  await row.getByRole("button", { name: "Try it as mended" }).click();
  await expect(row.getByRole("progressbar", { name: "Replay" })).toBeVisible();
  await expect(row.getByText("You can leave this page")).toBeVisible();
  await expect(row.getByRole("button", { name: "Try it as mended" })).toBeDisabled();
  await row.getByRole("button", { name: "Replay 1 row" }).click();
  await expect(row.getByRole("progressbar", { name: "Replay" })).toBeVisible();
  await expect(page.getByText("The row was stored.")).toBeVisible();
  await expect(rows).toHaveCount(1);
});

test("a write that fails does not claim that nothing changed", async ({ page }) => {
  await page.route("**/api/v1/data/discard", (route) => route.fulfill({ status: 500, json: {} }));
  await open(page, "/data/quarantine?source=emails&reason=conflict");
  await page.getByRole("button", { name: /^Discard all/ }).click();
  const form = page.getByRole("form", { name: "Discard" });
  await form.getByLabel("Why").fill("sent twice");
  await form.getByRole("button", { name: /^Discard/ }).click();
  await expect(page.getByRole("alert")).toContainText("What was stored before it failed stays.");
  await expect(page.getByRole("alert")).not.toContainText("reading changes nothing");
});

test("a row can be mended as text, and one that is no object only so", async ({ page }) => {
  await open(page, "/data/quarantine?source=crm");
  const row = page.locator("#quarantine > ul > li").first();
  await row.locator("summary").click();
  await expect(row.getByRole("button", { name: "Fields" })).toBeDisabled();
  await expect(row.getByRole("textbox", { name: "Raw row" })).toHaveValue('20418;"Byrne;;2026-06-02');
});

test("all rows of a reason are discarded only with a reason", async ({ page }) => {
  await open(page, "/data/quarantine?source=chats&reason=conflict");
  await page.getByRole("button", { name: "Discard all 3 …" }).click();
  const form = page.getByRole("form", { name: "Discard" });
  await expect(form.getByRole("button", { name: "Discard 3 rows" })).toBeDisabled();
  await form.getByLabel("Why").fill("sent twice by the old exporter");
  await form.getByRole("button", { name: "Discard 3 rows" }).click();
  await expect(page.getByText("Of 3 rows, 3 were closed without being stored.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "No row fits" })).toBeVisible();
});

test("all rows are tried as they are, and told why they stay", async ({ page }) => {
  await open(page, "/data/quarantine?source=app_events&reason=conflict");
  await page.getByRole("button", { name: "Try all 26 as they are" }).click();
  const beforehand = page.getByRole("region", { name: "What would happen" });
  await expect(beforehand).toContainText("Of 26 rows, 26 are refused as before and would stay open.");
  await expect(beforehand).toContainText("26 × its id is stored with other content");
});

test("the tail runs, is paused by a key while it has the focus, and masks whom messages name", async ({ page }) => {
  await page.goto("/data/live");
  await expect(page.getByRole("status").filter({ hasText: "Listening" })).toBeVisible();
  await expect(page.getByRole("heading", { level: 2, name: "Listening" })).toBeVisible();
  const lines = page.getByRole("region", { name: "Messages, newest first" }).locator("tbody tr");
  await expect(lines.nth(2)).toBeVisible();
  await expect(page.getByText("6•••").first()).toBeVisible();
  await page.keyboard.press("p");
  await expect(page.getByRole("heading", { name: "What comes through the door right now" })).toBeVisible();
  await page.locator("#tail").focus();
  await page.keyboard.press("p");
  await expect(page.getByRole("heading", { name: /^Paused/ })).toBeVisible();
  const paused = await lines.count();
  await expect(page.getByText(/\d+ came while paused/)).toBeVisible();
  await expect(lines).toHaveCount(paused);
  await expectAccessible(page);
  await expectNoOverflow(page);
  await page.keyboard.press("p");
  await expect.poll(() => lines.count()).toBeGreaterThan(paused);
  await page.getByRole("checkbox", { name: "Show whom messages name" }).check();
  await expect(page.getByText("6f0c-41ab").first()).toBeVisible();
  await page.getByRole("combobox", { name: "Verdict" }).selectOption("quarantined");
  await expect(page).toHaveURL(/verdict=quarantined/);
  await expect(lines.first()).toContainText("neither userId nor anonymousId is given.");
});

test("a tail that is refused says so and can be tried again", async ({ page, context }) => {
  await context.addCookies([{ name: "clew-mock", value: "slow", url: "http://127.0.0.1:4173" }]);
  await page.goto("/data/live");
  await expect(page.getByText(/does not let this page listen/)).toBeVisible();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText(/does not let this page listen/)).toBeVisible();
});

test("a message is checked, sent, and shown on its way", async ({ page }) => {
  await open(page, "/data/test");
  await page.getByRole("button", { name: "Check only" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("The message would come through");
  const way = page.locator(".way > li");
  await expect(way).toHaveText([
    /Received/,
    /Decoded/,
    /Typed/,
    /Subject/,
    /would be stored/,
    /nothing was written/,
    /person/,
  ]);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("The message came through");
  await expect(page.getByText(/^SELECT \* FROM events/)).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("textbox", { name: "Body" }).fill('{"event": "Nobody"}');
  await page.getByRole("button", { name: "Check only" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("The message would not be stored");
  await expect(way.filter({ hasText: "Typed" })).toContainText("neither userId nor anonymousId is given");
});

test("a key is made once and stands in the lines to send", async ({ page }) => {
  await open(page, "/data/test");
  const code = page.locator("#snippet pre");
  await expect(code).toContainText("Bearer WRITE_KEY");
  await page.getByRole("button", { name: "Make a write key" }).click();
  await expect(code).toContainText("Bearer ck_");
  await page.getByRole("button", { name: "Node" }).click();
  await expect(code).toContainText("analytics.track(");
  await page.getByRole("combobox", { name: "Source" }).selectOption("returns");
  await expect(code).toContainText("/v1/sources/returns");
});

test("what was typed is not thrown away with another call", async ({ page }) => {
  await open(page, "/data/test");
  const body = page.getByRole("textbox", { name: "Body" });
  await page.getByRole("combobox", { name: "Call" }).selectOption("identify");
  await expect(body).toHaveValue(/traits/);
  await body.fill('{"userId": "mine"}');
  await page.getByRole("combobox", { name: "Call" }).selectOption("track");
  await expect(body).toHaveValue('{"userId": "mine"}');
});

test("a store without anything says what would be here on every tab", async ({ page, context }) => {
  await context.addCookies([{ name: "clew-mock", value: "fresh", url: "http://127.0.0.1:4173" }]);
  for (const [path, text] of [
    ["/data/quality", /Nothing was counted in the last 30 days/],
    ["/data/quarantine", /Empty\. Rows that cannot be stored/],
    ["/data/website", /Nothing was sent yet/],
  ] as const) {
    await open(page, path);
    await expect(page.getByText(text).first()).toBeVisible();
    await expectAccessible(page);
  }
});
