/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { mockApi } from "./mock/plugin.ts";
import { tracker } from "./tracker/build.ts";

/**
 * `npm run dev` answers /api/v1 from the stateful mock; with CLEW_URL it goes to a running `clew serve` instead.
 * The build holds no mock: it is a plugin of the development and preview servers only.
 */
const server = process.env.CLEW_URL;
const proxy = server ? { "/api": server, "/login": server } : undefined;

/** The policy that the cockpit works under: nothing from elsewhere, no inline script. The browser tests run with it. */
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

export default defineConfig({
  plugins: [react(), tracker(), ...(server ? [] : [mockApi()])],
  server: { proxy, port: 5173, strictPort: true },
  preview: { proxy, port: 4173, strictPort: true, headers: { "content-security-policy": POLICY } },
  build: {
    target: "es2022",
    assetsInlineLimit: 2048,
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        manualChunks(id: string) {
          if (/node_modules\/(echarts|zrender)\//.test(id)) return "echarts";
          if (
            /node_modules\/(react|react-dom|scheduler|@tanstack\/(react-query|query-core|react-router|router-core|history|store|react-store))\//.test(
              id,
            )
          )
            return "react";
          return undefined;
        },
      },
    },
  },
  test: { include: ["src/**/*.test.ts", "mock/**/*.test.ts", "tracker/test/**/*.test.ts"], environment: "node" },
});
