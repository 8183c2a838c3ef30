/**
 * A shop and a Clew for one test, on two ports, so that they are two origins as in life.
 *
 * The shop gives one page at every address, with the stub as a site would paste it and a policy without `unsafe-eval`
 * and without other inline scripts. Clew gives the built library and records what arrives at `/v1/batch`, once it has
 * read a whole body. What it answers is the test's: besides statuses it can cut the connection before the body was
 * taken, or after, when the client cannot know that it arrived.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Options } from "../src/types.ts";

const BUILT = join(import.meta.dirname, "../../dist/t");

// biome-ignore lint/suspicious/noExplicitAny: messages are read here as a stranger would
export type Message = any;

export interface Batch {
  batch: Message[];
  sentAt: string;
  writeKey: string;
  context?: { dropped: number };
  /** How the browser sent it: `cors` is fetch, `no-cors` a beacon. */
  mode: string;
  bytes: number;
}

export type Answer = { status: number; retryAfter?: number } | "cut" | "take and cut";

export interface World {
  /** Address of the shop, which browsers treat as secure; `insecure` is the same without. */
  shop: string;
  insecure: string;
  clew: string;
  /** Every body that was read whole, whatever was answered. */
  batches: Batch[];
  readonly messages: Message[];
  /** Requests that came to Clew, by path. */
  asked: string[];
  answer: (request: number) => Answer | Promise<Answer>;
  options: Options;
  close(): Promise<void>;
}

const listen = (server: Server): Promise<number> =>
  new Promise((done) => server.listen(0, "127.0.0.1", () => done((server.address() as AddressInfo).port)));

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

const shopPage = (world: World) => `<!doctype html><html lang="en"><head><meta charset="utf-8">
<script nonce="here">${readFileSync(join(BUILT, "stub.js"), "utf8")}
clew.load("write-key", ${JSON.stringify({ host: world.clew, ...world.options })});</script>
<title>Shop</title></head><body>
<main><h1>Shop</h1>
<button id="buy">Buy</button> <button id="works">Open</button> <button id="throws">Throw</button>
<span id="card" style="cursor:pointer">Card</span> <p id="out"></p>
<a id="away" href="${world.insecure}/other?secret=1">Away</a> <a id="slow" href="/slow">Slow</a>
<button id="route">Next</button> <button id="1:odd.id">Odd</button>
<label id="label">Gift <input type="checkbox" name="gift"></label>
<form id="checkout" name="check" action="/done"><input name="email"><input name="street"><input name="password" type="password">
<button>Order</button><button type="button" id="bysript">Order by script</button></form>
</main>
<script nonce="here">
addEventListener("securitypolicyviolation", (event) => document.documentElement.setAttribute("data-violation", event.violatedDirective));
const by = (id) => document.getElementById(id);
by("works").onclick = () => { by("out").textContent += "!" };
by("throws").onclick = () => { by("out").textContent += "?"; by("nowhere").focus() };
by("route").onclick = () => { history.pushState(null, "", "/next?page=2"); document.title = "Next" };
by("bysript").onclick = () => by("checkout").submit();
</script></body></html>`;

export async function openWorld(options: Options = {}): Promise<World> {
  if (!existsSync(join(BUILT, "clew.js"))) throw new Error("web/dist/t/clew.js is missing: run `npm run build` first");
  const batches: Batch[] = [];
  let requests = 0;

  async function takeBatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await world.answer(requests++);
    if (answer === "cut") return void request.socket.destroy();
    const text = await bodyOf(request);
    batches.push({
      ...(JSON.parse(text) as Batch),
      mode: `${request.headers["sec-fetch-mode"]}`,
      bytes: Buffer.byteLength(text),
    });
    if (answer === "take and cut") return void request.socket.destroy();
    response.writeHead(answer.status, {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "retry-after",
      ...(answer.retryAfter === undefined ? {} : { "retry-after": `${answer.retryAfter}` }),
    });
    response.end("{}");
  }

  const clew = createServer((request, response) => {
    const path = request.url ?? "/";
    world.asked.push(`${request.method} ${path}`);
    if (path === "/v1/batch" && request.method === "POST") {
      takeBatch(request, response).catch(() => request.socket.destroy());
    } else if (path === "/t/clew.js") {
      response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" });
      response.end(readFileSync(join(BUILT, "clew.js")));
    } else {
      response.writeHead(404).end();
    }
  });
  const shop = createServer((request, response) => {
    if (request.url === "/favicon.ico") return void response.writeHead(404).end();
    const page = () => {
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": `default-src 'self'; script-src 'nonce-here' ${world.clew}; connect-src ${world.clew}; style-src 'unsafe-inline'`,
      });
      response.end(shopPage(world));
    };
    if (request.url === "/slow") setTimeout(page, 4_000);
    else page();
  });
  const [clewPort, shopPort] = await Promise.all([listen(clew), listen(shop)]);

  const world: World = {
    shop: `http://127.0.0.1:${shopPort}`,
    // The browser is told to find *.test here; only the address itself counts as secure without HTTPS.
    insecure: `http://shop.test:${shopPort}`,
    clew: `http://127.0.0.1:${clewPort}`,
    batches,
    asked: [],
    get messages() {
      return batches.flatMap(({ batch }) => batch);
    },
    answer: () => ({ status: 200 }),
    options,
    async close() {
      for (const server of [clew, shop]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
  return world;
}

/** The first of each message id, in the order of arrival: what a server keeps that knows its ids. */
export function deduped(messages: readonly Message[]): Message[] {
  const known = new Map<string, Message>();
  for (const message of messages) if (!known.has(message.messageId)) known.set(message.messageId, message);
  return [...known.values()];
}
