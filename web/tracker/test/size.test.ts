/** The two files that a site loads, as they are built. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTracker } from "../build.ts";
import { LIBRARY } from "../src/message.ts";

describe("the built files", () => {
  const folder = mkdtempSync(join(tmpdir(), "clew-tracker-"));
  const file = (name: string) => readFileSync(join(folder, "t", name));

  beforeAll(() => buildTracker(folder), 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it("the library has at most 6,144 bytes compressed", () => {
    const bytes = gzipSync(file("clew.js"), { level: 6 }).length;
    console.log(`clew.js: ${bytes} bytes gzip, ${file("clew.js").length} bytes`);
    expect(bytes).toBeLessThanOrEqual(6_144);
  });

  it("the stub has at most 500 bytes as it is", () => {
    console.log(`stub.js: ${file("stub.js").length} bytes`);
    expect(file("stub.js").length).toBeLessThanOrEqual(500);
  });

  it("each is one classic script: no import, no export, nothing made from text", () => {
    for (const name of ["clew.js", "stub.js"]) {
      const text = file(name).toString();
      expect(text).not.toMatch(/\bimport\b|\bexport\b|\beval\(|\bnew Function\b|\bFunction\(/);
      expect(() => new Function(text)).not.toThrow();
    }
  });

  it("the stub can stand in a script element as it is", () => {
    expect(file("stub.js").toString()).not.toMatch(/<\/script|<!--/i);
    expect(file("stub.js").toString().trim()).not.toContain("\n");
  });

  it("the loader that the guide prints is the one that is built", () => {
    const guide = readFileSync(join(import.meta.dirname, "../../../docs/tracking.md"), "utf8");
    expect(guide).toContain(file("stub.js").toString().trim());
  });

  it("the library's version is the package's", () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as {
      version: string;
    };
    expect(LIBRARY.version).toBe(version);
  });
});
