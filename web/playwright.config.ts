import { defineConfig } from "@playwright/test";

/**
 * Browser tests. Without CLEW_URL: the built cockpit against the mock, and the built browser library against a server of its own. With CLEW_URL and CLEW_TOKEN: the same page specs against a
 * running `clew serve` (e2e/real.spec.ts). One worker: two cores hold one browser and one server.
 */
const real = process.env.CLEW_URL;

export default defineConfig({
  projects: real
    ? [{ name: "real", testDir: "e2e", testMatch: "real.spec.ts" }]
    : [
        { name: "cockpit", testDir: "e2e", testIgnore: "real.spec.ts" },
        { name: "tracker", testDir: "tracker/e2e" },
      ],
  workers: 1,
  // CI machines are slow; how fast a page is, is measured elsewhere and never asserted here.
  timeout: 120_000,
  expect: { timeout: 20_000 },
  forbidOnly: true,
  reporter: [["list"]],
  use: {
    baseURL: real ?? "http://127.0.0.1:4173",
    locale: "en-GB",
    timezoneId: "Europe/Dublin",
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      executablePath: process.env.CLEW_BROWSER ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--host-resolver-rules=MAP *.test 127.0.0.1",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  webServer: real
    ? undefined
    : {
        command: "npx vite preview --host 127.0.0.1",
        url: "http://127.0.0.1:4173/",
        reuseExistingServer: !process.env.CI,
        timeout: 60_000,
      },
});
