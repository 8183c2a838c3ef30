/** The review queue on the mock: two side by side, answers by button and key, each taken back. */
import { expect, test } from "@playwright/test";
import { expectAccessible, open } from "./pages.ts";

test("a pair is shown side by side with what differs and why they might be one", async ({ page }) => {
  await open(page, "/people");
  await page.getByRole("link", { name: "Review queue" }).click();
  await expect(page.getByRole("heading", { name: "Are these two one person?" })).toBeVisible();
  await expect(page.getByText("People · Review queue · 3 open")).toBeVisible();
  const table = page.locator("#pair table");
  await expect(table.getByRole("columnheader", { name: /J\. Nash.*crm:C1091150/ })).toBeVisible();
  await expect(table.getByRole("row", { name: /^Name differs J\. Nash Jack Nash/ })).toBeVisible();
  await expect(table.getByRole("row", { name: /^Birth date 1952-05-05 1952-05-05/ })).toBeVisible();
  // A value that only one has is no difference.
  await expect(table.getByRole("row", { name: /^Phones – / })).toBeVisible();
  const steps = page.locator("#weights li");
  await expect(steps).toHaveCount(5);
  await expect(steps.nth(2)).toContainText("Birth date equal");
  await expect(steps.nth(2)).toContainText("+11.4");
  await expectAccessible(page);
});

test("answers by key go to the next pair and are taken back by key", async ({ page }) => {
  await open(page, "/people/review");
  const head = page.locator("#pair thead");
  await expect(head).toContainText("Jack Nash");
  await page.keyboard.press("s");
  await expect(head).toContainText("Manuel Flores");
  await expect(page.locator("#pair header")).toContainText("but their user ID differs, and each person has one only");
  const sent = page.waitForRequest((request) => request.url().endsWith("/identity/decisions"));
  await page.keyboard.press("d");
  expect((await sent).postDataJSON()).toMatchObject({ kind: "apart" });
  await expect(head).toContainText("Ciara Moore");
  await expect(page.getByText("Two people: the next run follows it.")).toBeVisible();
  await page.keyboard.press("u");
  await expect(head).toContainText("Manuel Flores");
  await expect(page.getByText("Two people: the next run follows it.")).toHaveCount(0);
});

test("answers by button empty the queue, and what was skipped comes back", async ({ page }) => {
  await open(page, "/people/review");
  const head = page.locator("#pair thead");
  await page.getByRole("button", { name: /^Skip/ }).click();
  await expect(head).toContainText("Manuel Flores");
  await page.getByRole("button", { name: /^One person/ }).click();
  await expect(head).toContainText("Ciara Moore");
  await expect(page.locator("#weights")).toHaveCount(0);
  await page.getByRole("button", { name: /^Two people/ }).click();
  await expect(page.getByRole("heading", { name: "Everything else was skipped" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Show the skipped again" }).click();
  await expect(head).toContainText("Jack Nash");
  // Back to how it was, for whoever comes next.
  await page.keyboard.press("u");
  await expect(page.getByText("One person: the next run follows it.")).toBeVisible();
  await page.keyboard.press("u");
  await expect(page.getByText(/the next run follows it/)).toHaveCount(0);
});

test("a refusal says what is safe, and an empty queue what would be here", async ({ page, context }) => {
  await context.addCookies([{ name: "clew-mock", value: "fresh", url: "http://127.0.0.1:4173" }]);
  await open(page, "/people/review");
  await expect(page.getByRole("heading", { name: "Nothing to review" })).toBeVisible();
  await expect(page.getByText(/alike but not surely enough/)).toBeVisible();
  await context.addCookies([{ name: "clew-mock", value: "broken", url: "http://127.0.0.1:4173" }]);
  await page.goto("/people/review");
  await expect(page.getByRole("alert")).toContainText("The tables could not be read");
});
