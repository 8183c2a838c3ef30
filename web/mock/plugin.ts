/** Serves the mock from Vite's development and preview servers. The cookie `clew-mock` chooses a scenario. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { line } from "./intake.ts";
import { MockServer } from "./server.ts";

/** Milliseconds between two messages of the tail. */
const PACE_MS = 400;

/** Server-sent events: a message now and then, until the reader goes. Every fortieth time the reader was too slow. */
function tail(url: URL, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const send = (event: string, data: unknown) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  send("open", {});
  let i = 0;
  const timer = setInterval(() => {
    i += 1;
    const told = line(i, Date.now());
    const [source, verdict] = [url.searchParams.get("source"), url.searchParams.get("verdict")];
    if ((source && source !== told.source) || (verdict && verdict !== told.verdict)) return;
    if (url.searchParams.get("values") === "shown")
      told.identifiers = told.identifiers.map(({ type }) => ({
        type,
        value: type === "email" ? "customer7@example.org" : "6f0c-41ab",
      }));
    send("line", told);
    if (i % 40 === 0) send("missed", { n: 12 });
  }, PACE_MS);
  request.on("close", () => clearInterval(timer));
}

export function mockApi(): Plugin {
  const server = new MockServer();
  const middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    const url = new URL(request.url ?? "/", "http://mock");
    if (!url.pathname.startsWith("/api/v1/")) return next();
    const scenario = /clew-mock=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "normal";
    if (url.pathname === "/api/v1/data/tail" && scenario === "normal") return tail(url, request, response);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const answer = server.handle(
        request.method ?? "GET",
        url.pathname.slice("/api/v1".length),
        url.searchParams,
        text ? JSON.parse(text) : null,
        scenario,
      );
      setTimeout(
        () => {
          response.writeHead(answer.status, { "content-type": "application/json", "x-request-id": "req-mock" });
          response.end(JSON.stringify(answer.body));
        },
        scenario === "slow" ? 1_000 : 0,
      );
    });
  };
  return {
    name: "clew-mock-api",
    configureServer: ({ middlewares }) => void middlewares.use(middleware),
    configurePreviewServer: ({ middlewares }) => void middlewares.use(middleware),
  };
}
