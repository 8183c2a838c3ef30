/** Serves the mock from Vite's development and preview servers. The cookie `clew-mock` chooses a scenario. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { MockServer } from "./server.ts";

export function mockApi(): Plugin {
  const server = new MockServer();
  const middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    const url = new URL(request.url ?? "/", "http://mock");
    if (!url.pathname.startsWith("/api/v1/")) return next();
    const scenario = /clew-mock=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "normal";
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
