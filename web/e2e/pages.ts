/** What every page must do, on the mock and on a running server alike. */
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

export const PAGES = [
  { name: "Overview", path: "/" },
  { name: "Scores", path: "/scores" },
  { name: "Journey", path: "/journey" },
  { name: "Journey: process map", path: "/process" },
  { name: "Journey: funnels", path: "/funnels?by=channel" },
  { name: "Journey: retention", path: "/retention" },
  { name: "Journey: friction", path: "/friction" },
  { name: "Journey: compare", path: "/compare" },
  { name: "Voice", path: "/voice" },
  { name: "Drivers", path: "/drivers" },
  { name: "People", path: "/people" },
  { name: "People: review queue", path: "/people/review" },
  { name: "Data", path: "/data" },
  { name: "Data: quality", path: "/data/quality" },
  { name: "Data: quarantine", path: "/data/quarantine" },
  { name: "Data: live", path: "/data/live" },
  { name: "Data: test", path: "/data/test" },
] as const;

/** Opens a page and waits until its answer stands there. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.getByRole("main").getByRole("heading").first()).toBeVisible();
  await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
  await page.waitForLoadState("networkidle");
}

/** No violation of WCAG 2.2 A and AA that axe can find. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
    .analyze();
  expect(
    violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map(({ target }) => target.join(" "))
          .slice(0, 5)
          .join(" | ")}`,
    ),
  ).toEqual([]);
}

/** The page does not scroll sideways. */
export async function expectNoOverflow(page: Page): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
    0,
  );
}

/** Collects what the browser complains about. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (4|5)\d\d/.test(message.text())) found.push(message.text());
  });
  return found;
}
