// 10,000 events by Segment's library for Node: node segment_node.mjs HOST KEY EVENTS
import { createRequire } from "node:module";

const { Analytics } = createRequire(`${process.env.CLEW_SDK}/`)("@segment/analytics-node");
const [host, writeKey, events] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey, flushAt: 100, flushInterval: 500, maxRetries: 50 });
let failed = 0;
analytics.on("error", () => failed++);
analytics.identify({ userId: "node-user", traits: { email: "node@example.org", plan: "gold" } });
for (let n = 0; n < Number(events); n++) {
  analytics.track({ userId: `node-${n % 500}`, event: "Sdk Node Sent", properties: { order_id: `n${n}`, revenue: 1.25, currency: "EUR" } });
  if (n % 500 === 0) await new Promise(setImmediate);
}
await analytics.closeAndFlush();
process.exit(failed ? 1 : 0);
