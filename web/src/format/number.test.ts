import { describe, expect, it } from "vitest";
import type { Estimate } from "../api/types";
import * as number from "./number";

const GB = "en-GB";
const estimate = (over: Partial<Estimate>): Estimate => ({
  estimate: 0.713,
  lower: 0.698,
  upper: 0.727,
  n: 3912,
  level: 0.95,
  method: "wilson",
  reason: null,
  ...over,
});

describe("a large sum of money", () => {
  it("has no cents, and says an unknown currency", () => {
    expect(number.wholeMoney(3_396_688.84, "EUR", "en-GB")).toBe("€3,396,689");
    expect(number.wholeMoney(1234.5, null, "en-GB")).toBe("1,235");
    expect(number.wholeMoney(-3, "no", "en-GB")).toBe("−3 no");
  });
});

describe("a part of a scale", () => {
  it("is percent of it, with its sign", () => {
    expect(number.signed(-0.26, "scale", GB) + number.unitMark("scale")).toBe("−26.0\u202f%");
    expect(number.signedPercent(-0.00884, 2, GB)).toBe("−0.88\u202f%");
    expect(number.signedPercent(0.0179, 2, GB)).toBe("+1.79\u202f%");
    expect(number.signedPercent(-0.00001, 2, GB)).toBe("±0.00\u202f%");
  });
});

describe("a match weight", () => {
  it("says its sign, and none where it adds nothing", () => {
    expect([6.94, -1.84, 0.02, -0.02].map((bits) => number.weight(bits, GB))).toEqual(["+6.9", "−1.8", "±0.0", "±0.0"]);
  });
});

describe("an estimate", () => {
  it("is shown as in COCKPIT: estimate, interval, n", () => {
    expect(number.whole(estimate({}), "csat", GB)).toBe("71.3\u202f% (69.8–72.7, n\u00a03,912)");
  });
  it("says why there is no number instead of showing 0", () => {
    expect(
      number.whole(estimate({ estimate: null, lower: null, upper: null, n: 3, reason: "too_few" }), "nps", GB),
    ).toBe("too few (n < 5)");
    expect(number.whole(estimate({ estimate: null, lower: null, upper: null, n: 0, reason: "empty" }), "nps", GB)).toBe(
      "no answers",
    );
    expect(
      number.whole(estimate({ estimate: null, lower: null, upper: null, n: 0, reason: "no_rate_known" }), "nps", GB),
    ).toBe("no rate known");
  });
  it("of zero is zero, not missing", () => {
    expect(number.whole(estimate({ estimate: 0, lower: 0, upper: 0.04 }), "share", GB)).toBe(
      "0.0\u202f% (0.0–4.0, n\u00a03,912)",
    );
  });
  it("of NPS is shown −100..100 and joins negative bounds by a word", () => {
    expect(number.value(-0.2469, "nps", GB)).toBe("−24.7");
    expect(number.interval(estimate({ lower: -0.031, upper: 0.04 }), "nps", GB)).toBe("−3.1 to 4.0");
    expect(number.interval(estimate({ lower: -0.05, upper: -0.031 }), "nps", GB)).toBe("−5.0 to −3.1");
  });
  it("without an interval has none invented", () => {
    expect(number.interval(estimate({ lower: null }), "csat", GB)).toBeNull();
    expect(number.whole(estimate({ lower: null, upper: null }), "mean", GB)).toBe("0.71 (n\u00a03,912)");
  });
});

describe("a difference", () => {
  it("always says its sign", () => {
    expect(number.signed(0.021, "share_points", GB)).toBe("+2.1");
    expect(number.signed(-0.004, "share_points", GB)).toBe("−0.4");
    expect(number.signed(null, "points", GB)).toBe("–");
  });
  it("that rounds to nothing claims no direction", () => {
    expect(number.signed(0.0001, "share_points", GB)).toBe("±0.0");
    expect(number.signed(-0.0001, "share_points", GB)).toBe("±0.0");
  });
});

describe("other numbers", () => {
  it("follow the reader's locale", () => {
    expect(number.count(1_312_406, "de-DE")).toBe("1.312.406");
    expect(number.value(0.713, "csat", "de-DE")).toBe("71,3\u202f%");
    expect(number.signed(-0.0001, "share_points", "de-DE")).toBe("±0,0");
  });
  it("keep money exact and name an unknown currency", () => {
    expect(number.money("129.9000", "EUR", GB)).toBe("€129.90");
    expect(number.money("-4.9500", "EUR", GB)).toBe("−€4.95");
    expect(number.money(null, "EUR", GB)).toBe("–");
    expect(number.money("12.5000", "not a code", GB)).toBe("12.50 not a code");
    expect(number.money("12.5", null, GB)).toBe("12.50");
  });
  it("never print p = 0", () => {
    expect(number.pValue(0, GB)).toBe("p < 0.001");
    expect(number.pValue(0.0312, GB)).toBe("p 0.03");
    expect(number.pValue(0.0042, GB)).toBe("p 0.004");
    expect(number.pValue(null, GB)).toBe("p not computed");
  });
  it("put a score on its scale", () => {
    expect(number.score(9, 10, GB)).toBe("9 of 10");
    expect(number.score(4.5, null, GB)).toBe("4.5");
  });
  it("ticks have as few digits as tell them", () => {
    expect(number.axis(-0.25, "nps", GB)).toBe("−25");
    expect(number.axis(5.5, "ces", GB)).toBe("5.5");
  });
  it("never rounds a part of a counted whole to all or nothing", () => {
    expect(number.countedPercent(0.9997, GB)).toBe(">\u202f99.9\u202f%");
    expect(number.countedPercent(0.0002, GB)).toBe("<\u202f0.1\u202f%");
    expect(number.countedPercent(1, GB)).toBe("100\u202f%");
    expect(number.countedPercent(0, GB)).toBe("0\u202f%");
    expect(number.countedPercent(0.314, GB)).toBe("31.4\u202f%");
  });
  it("counts bytes as networks do", () => {
    expect([812, 1_204, 3_400_000].map((n) => number.bytes(n, GB))).toEqual([
      "812\u00a0B",
      "1.2\u00a0kB",
      "3.4\u00a0MB",
    ]);
  });
});
