// 10,000 events by clew.js in Chromium, from a site of another origin that is left and opened again: node browser.mjs HOST KEY EVENTS
import { createRequire } from "node:module";
import http from "node:http";
import { readFileSync } from "node:fs";

const web = new URL("../../web/", import.meta.url);
const { chromium } = createRequire(web)("@playwright/test");
const [host, writeKey, events] = process.argv.slice(2);
const documented = readFileSync(new URL("../docs/tracking.md", web), "utf8");
const [stub] = documented.match(/^\(function\(\)\{\(\(e,t\)=>.*$/m);
const load = `clew.load(${JSON.stringify(writeKey)}, { host: ${JSON.stringify(host)}, flushAt: 100, flushIntervalMs: 300 });`;
const page = `<!doctype html><title>Shop</title><script>${stub}${load}</script><h1>Shop</h1>`;
const site = http.createServer((_, answer) => answer.setHeader("content-type", "text/html").end(page)).listen(0, "127.0.0.1");
const browser = await chromium.launch({ executablePath: process.env.CLEW_BROWSER ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const tab = await browser.newPage();
const open = async () => {
  await tab.goto(`http://127.0.0.1:${site.address().port}/`);
  await tab.waitForFunction(() => window.clew?.loaded);
};
const waiting = () => tab.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("clew.") && name.includes(".e.")).length);
await open();
await tab.evaluate(() => clew.identify("browser-user", { email: "browser@example.org", plan: "gold" }));
for (let n = 0; n < Number(events); n += 500) {
  await tab.evaluate(
    ([from, to]) => {
      for (let n = from; n < to; n++)
        clew.track("Sdk Browser Sent", { order_id: `b${n}`, revenue: 1.25, currency: "EUR" });
    },
    [n, Math.min(n + 500, Number(events))],
  );
  // Left in the middle of it: the next page goes on with what this one still had.
  if (n % 2000 === 1500) await open();
  // The library holds 1,000 at most.
  while ((await waiting()) > 400) await tab.waitForTimeout(50);
}
const until = Date.now() + 120_000;
while ((await waiting()) > 0 && Date.now() < until) {
  await tab.evaluate(() => clew.flush());
  await tab.waitForTimeout(100);
}
const left = await waiting();
await browser.close();
site.close();
process.exit(left ? 1 : 0);
