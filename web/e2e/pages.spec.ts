/** Every page: wide and light, narrow and dark, axe-clean, without complaint. */
import { expect, test } from "@playwright/test";
import { complaints, expectAccessible, expectNoOverflow, open, PAGES } from "./pages.ts";

/** Both widths and both colour schemes are seen; the other two pictures would show nothing new. */
for (const [width, colorScheme] of [
  [1440, "light"],
  [375, "dark"],
] as const) {
  test.describe(`${width} px, ${colorScheme}`, () => {
    test.use({ viewport: { width, height: 900 }, colorScheme });
    for (const { name, path } of [
      ...PAGES,
      { name: "Theme", path: "/voice/t-carrier" },
      { name: "Data: a source", path: "/data/website" },
      { name: "Data: a field", path: "/data/quality?source=crm&field=crm.records.phones" },
    ]) {
      test(name, async ({ page }) => {
        const found = complaints(page);
        await open(page, path);
        await expectNoOverflow(page);
        await expectAccessible(page);
        expect(found).toEqual([]);
      });
    }
    test("Person", async ({ page }) => {
      await open(page, "/people");
      await page.getByRole("region", { name: "People" }).getByRole("link").first().click();
      await expect(page.getByRole("heading", { name: "Who this is, and why" })).toBeVisible();
      await expect(page.getByText("Dot: an event.")).toBeVisible();
      await expectNoOverflow(page);
      await expectAccessible(page);
    });
  });
}

test("text at 200 % fits: every page works at half the width", async ({ page }) => {
  await page.setViewportSize({ width: 720, height: 450 });
  for (const { path } of PAGES) {
    await open(page, path);
    await expectNoOverflow(page);
  }
});

test("the first page does not wait for the chart library", async ({ page }) => {
  const loaded: string[] = [];
  page.on("request", (request) => loaded.push(request.url()));
  await open(page, "/");
  expect(loaded.length).toBeGreaterThan(0);
  expect(loaded.filter((url) => url.includes("echarts"))).toEqual([]);
});
