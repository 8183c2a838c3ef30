import { describe, expect, it } from "vitest";
import { DRIVERS, transitions } from "../../mock/company/index.ts";
import type { Estimate, Transition } from "../api/types";
import { dotsDomain } from "./dots";
import { across, betterAxis, mapOption, paretoOption } from "./drivers";
import { csv } from "./export";
import { LIGHT } from "./palette";
import { chooseFlows, flowText, MOST, sankeyOption } from "./sankey";
import { extent, labelEvery, linear, nearest, runs, ticks } from "./scale";
import { endLabels, sharesDomain, sharesIndex } from "./shares";
import { volumeIndex } from "./volume";
import { bars } from "./waterfall";

const flow = (from_step: string, to_step: string, n: number): Transition => ({
  from_step,
  to_step,
  n,
  people: n,
  median_wait_ms: null,
  p90_wait_ms: null,
});

describe("the Sankey", () => {
  it("draws at most twenty flows and loses none from sight", () => {
    const all = transitions(1);
    const { flows, other, back } = chooseFlows(all);
    expect(flows.length).toBeLessThanOrEqual(MOST);
    const named = flows.filter(({ to }) => to !== "(other)").length;
    expect(named + other.length + back.length).toBe(all.length);
    const folded = flows.filter(({ to }) => to === "(other)").reduce((sum, { n }) => sum + n, 0);
    expect(folded).toBeLessThanOrEqual(other.reduce((sum, { n }) => sum + n, 0));
  });
  it("has no cycle, also where the journey has", () => {
    const { flows, back } = chooseFlows([
      flow("a", "b", 9),
      flow("b", "c", 8),
      flow("c", "a", 7),
      flow("b", "b", 6),
      flow("c", "d", 5),
    ]);
    expect(flows.map(({ from, to }) => from + to)).toEqual(["ab", "bc", "cd"]);
    expect(back.map(({ from_step, to_step }) => from_step + to_step)).toEqual(["ca", "bb"]);
  });
  it("does not depend on the order of its rows, ties included", () => {
    const rows = [flow("a", "b", 5), flow("a", "c", 5), flow("b", "a", 5), flow("c", "b", 5)];
    expect(chooseFlows([...rows].reverse())).toEqual(chooseFlows(rows));
  });
  it("of nothing is empty", () => {
    expect(chooseFlows([])).toEqual({ flows: [], other: [], back: [] });
    expect(chooseFlows([flow("a", "b", 0)]).flows).toEqual([]);
  });
  it("folds by source and says so in words", () => {
    const many = Array.from({ length: 40 }, (_, i) => flow("hub", `leaf${i}`, 100 - i));
    const { flows } = chooseFlows(many);
    const folded = flows.at(-1)!;
    expect(folded).toMatchObject({ from: "hub", to: "(other)", n: many.slice(16).reduce((sum, { n }) => sum + n, 0) });
    expect(flowText(folded)).toMatch(/^Hub → Other: /);
  });
  it("marks the active flow in the accent", () => {
    const option = sankeyOption(chooseFlows([flow("a", "b", 2), flow("b", "c", 1)]), LIGHT, 1, false) as {
      series: { links: { lineStyle: { color: string } }[] }[];
    };
    expect(option.series[0]!.links.map(({ lineStyle }) => lineStyle.color === LIGHT.accent)).toEqual([false, true]);
  });
});

describe("the driver charts", () => {
  it("read performance so that right is better: what hurts counts by its absence", () => {
    const broken = DRIVERS.find(({ driver }) => driver === "promise_broken")!;
    const visit = DRIVERS.find(({ driver }) => driver === "store_visit")!;
    expect(across(broken, "performance")).toBeCloseTo(1 - 0.117, 12);
    expect(across(visit, "performance")).toBe(0.243);
  });
  it("put no mean on an axis of shares", () => {
    expect(across(DRIVERS.find(({ kind }) => kind === "numeric")!, "performance")).toBeNull();
  });
  it("choose the axis on which most can be seen", () => {
    expect(betterAxis(DRIVERS)).toBe("performance");
    expect(betterAxis(DRIVERS.filter(({ kind }) => kind === "numeric"))).toBe("association");
  });
  it("draw no estimate without its interval", () => {
    type Option = { series: { type: string; data: unknown[] }[] };
    for (const option of [
      mapOption(DRIVERS, "association", LIGHT, null, false),
      paretoOption(DRIVERS, LIGHT, null, false),
    ] as unknown as Option[]) {
      const whiskers = option.series.find(({ type }) => type === "custom")!;
      const marks = option.series.find(({ type }) => type !== "custom")!;
      expect(whiskers.data.length).toBe(marks.data.length);
      expect(marks.data.length).toBeGreaterThan(0);
    }
  });
});

describe("scales", () => {
  it("tick at round steps inside the domain", () => {
    expect(ticks([0.68, 0.83], 4)).toEqual([0.7, 0.75, 0.8]);
    expect(ticks([-0.12, 0.31], 4)).toEqual([-0.1, 0, 0.1, 0.2, 0.3]);
    expect(ticks([3, 3], 4)).toEqual([3]);
  });
  it("survive one value and none", () => {
    expect(extent([null, undefined])).toEqual([0, 1]);
    const [low, high] = extent([5, 5]);
    expect(low).toBeLessThan(5);
    expect(high).toBeGreaterThan(5);
    expect(linear([1, 1], [0, 10])(1)).toBe(0);
  });
  it("break lines where there is no value", () => {
    expect(runs([1, null, 2, 3, null], (one) => one !== null)).toEqual([[0], [2, 3]]);
  });
  it("are not stretched by one tiny group", () => {
    const wide = (estimate: number, half: number): Estimate => ({
      estimate,
      lower: estimate - half,
      upper: estimate + half,
      n: 9,
      level: 0.95,
      method: "t",
      reason: null,
    });
    const rows = [wide(0.7, 0.01), wide(0.72, 0.012), wide(0.6, 0.4)].map((estimate, i) => ({
      label: String(i),
      estimate,
    }));
    const [low, high] = dotsDomain(rows, 0.7);
    expect(low).toBeGreaterThan(0.55);
    expect(high).toBeLessThan(0.8);
  });
});

describe("CSV", () => {
  it("quotes as RFC 4180 says and runs no formula", () => {
    expect(
      csv(
        ["a", "b"],
        [
          ['say "hi"', 1.5],
          ["=1+1", null],
          ["x,y\nz", -2],
        ],
      ),
    ).toBe('a,b\r\n"say ""hi""",1.5\r\n\'=1+1,\r\n"x,y\nz",-2');
  });
});

describe("volume and shares", () => {
  it("finds the bar under a pointer, and never one that is not there", () => {
    expect([-5, 0, 99, 100, 299, 400].map((x) => volumeIndex(x, 300, 3))).toEqual([0, 0, 0, 1, 2, 2]);
    expect(volumeIndex(10, 300, 0)).toBeNull();
    expect(volumeIndex(44, 344, 3, true)).toBe(0);
    expect(sharesIndex(10, 300, 0)).toBeNull();
    expect(sharesIndex(300, 300, 9)).toBe(8);
  });
  it("shows what of the scale is used, up to all", () => {
    expect(sharesDomain([{ name: "a", values: [0.995, null] }])).toEqual([0.98, 1]);
    expect(sharesDomain([{ name: "a", values: [0.42, 1] }])[0]).toBeCloseTo(0.3);
    expect(sharesDomain([{ name: "a", values: [0] }])[0]).toBe(0);
    expect(sharesDomain([])).toEqual([0.98, 1]);
  });
  it("moves labels apart and keeps their order", () => {
    expect(endLabels([50, 52])).toEqual([50, 64]);
    expect(endLabels([52, 50])).toEqual([64, 50]);
    expect(endLabels([10, 90])).toEqual([10, 90]);
  });
});

describe("points along an axis", () => {
  it("are found by the pointer, at their ends too, and none among none", () => {
    expect([-9, 0, 49, 51, 100, 400].map((x) => nearest(x, [0, 100], 2))).toEqual([0, 0, 0, 1, 1, 1]);
    expect([0, 70].map((x) => nearest(x, [40, 100], 1))).toEqual([0, 0]);
    expect(nearest(50, [0, 100], 0)).toBeNull();
  });
  it("have as many labels as there is room for, and two where there is none", () => {
    expect(labelEvery(12, 600, 44)).toBe(1);
    expect(labelEvery(12, 264, 44)).toBe(2);
    expect(labelEvery(12, 0, 44)).toBe(6);
    expect(labelEvery(0, 264, 44)).toBe(1);
  });
});

describe("a waterfall", () => {
  const level = (comparison: string, match_weight: number | null) => ({ comparison, level: "equal", match_weight });
  it("begins each bar where the one before ended, and holds zero", () => {
    const { bars: all, low, high } = bars([level("name", 4), level("address", -6), level("phone", null)]);
    expect(all.map(({ from, to }) => [from, to])).toEqual([
      [0, 4],
      [4, -2],
      [-2, -2],
    ]);
    expect([low, high]).toEqual([-2, 4]);
    expect(bars([])).toEqual({ bars: [], low: 0, high: 0 });
  });
});
