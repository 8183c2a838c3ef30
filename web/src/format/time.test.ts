import { afterEach, describe, expect, it } from "vitest";
import * as time from "./time";

const GB = "en-GB";
afterEach(() => time.setZone("UTC"));

describe("a time", () => {
  it("is shown in the project's zone, not the reader's", () => {
    time.setZone("America/Sao_Paulo");
    expect(time.date("2026-07-01T01:30:00Z", GB)).toBe("30 Jun 2026");
    expect(time.dayKey("2026-07-01T01:30:00Z")).toBe("2026-06-30");
    expect(time.clock("2026-07-01T01:30:00Z", GB)).toBe("22:30");
  });
  it("of an unknown zone falls back to UTC", () => {
    time.setZone("Mars/Olympus");
    expect(time.clock("2026-07-01T01:30:00Z", GB)).toBe("01:30");
  });
  it("that never was says so", () => {
    expect(time.date(null, GB)).toBe("–");
    expect(time.ago(null, 0, GB)).toBe("never");
  });
  it("is told from now", () => {
    const now = Date.parse("2026-07-01T12:00:00Z");
    expect(time.ago("2026-07-01T09:00:00Z", now, GB)).toBe("3 hours ago");
    expect(time.ago("2026-07-01T12:12:00Z", now, GB)).toBe("in 12 minutes");
    expect(time.ago("2026-07-01T11:59:40Z", now, GB)).toBe("just now");
  });
});

describe("a period", () => {
  it("is named by its local day, whatever the reader's zone", () => {
    expect(time.period("month", "2026-06-01", GB)).toBe("June 2026");
    expect(time.period("quarter", "2026-04-01", GB)).toBe("Q2 2026");
    expect(time.period("year", "2026-01-01", GB)).toBe("2026");
    expect(time.period("week", "2026-06-01", GB)).toBe("week of 1 Jun 2026");
    expect(time.period("all", null, GB)).toBe("all time");
  });
  it("on an axis has its year at the first label and in January", () => {
    expect(time.tick("month", "2025-07-01", true, GB)).toBe("Jul ’25");
    expect(time.tick("month", "2025-08-01", false, GB)).toBe("Aug");
    expect(time.tick("month", "2026-01-01", false, GB)).toBe("Jan ’26");
  });
});

describe("a duration", () => {
  it("is told in the largest unit that reads well", () => {
    expect(time.duration(0, GB)).toBe("0\u00a0ms");
    expect(time.duration(45_000, GB)).toBe("45\u00a0s");
    expect(time.duration(742_000, GB)).toBe("12\u00a0min");
    expect(time.duration(31 * 3_600_000, GB)).toBe("31\u00a0h");
    expect(time.duration(54.6 * 86_400_000, GB)).toBe("54.6\u00a0days");
    expect(time.duration(null, GB)).toBe("–");
  });
});
