/** The layout of process maps, the places of funnels and retention. */
import { describe, expect, it } from "vitest";
import type { CohortPeriod, Edge, ProcessMap } from "../api/types";
import { fitted, funnelIndex } from "./funnel";
import { covering, layout, READABLE, readable } from "./process";
import { edgeText } from "./process-map";
import { heatCells, heatColumns, heatIndex } from "./retention";

const edge = (from: string, to: string, n: number, median_wait_ms = 60_000): Edge => ({
  from,
  to,
  n,
  median_wait_ms,
  p90_wait_ms: median_wait_ms * 3,
});

function map(edges: Edge[], start: string, end: string): ProcessMap {
  const names = [...new Set(edges.flatMap(({ from, to }) => [from, to]))];
  return {
    applied: { period: true, slice: true, channel: true },
    journey: null,
    cases: 100,
    people: 100,
    events: 1000,
    variants: 10,
    moves: edges.reduce((sum, { n }) => sum + n, 0),
    activities: names.map((activity) => ({ activity, n: 100 })),
    start: [{ activity: start, n: 100 }],
    end: [
      { activity: end, n: 97 },
      { activity: start, n: 3 },
    ],
    edges: [...edges].sort((a, b) => b.n - a.n),
  };
}

describe("the process map", () => {
  const loop = map(
    [edge("a", "b", 90), edge("b", "c", 80), edge("c", "b", 30), edge("c", "d", 50), edge("b", "b", 7)],
    "a",
    "d",
  );

  it("draws what goes on from left to right, and what goes back as a way back", () => {
    const { places, edges, layers } = layout(loop, 1);
    const layer = (name: string) => places.find(({ activity }) => activity === name)!.layer;
    expect(["(start)", "a", "b", "c", "d", "(end)"].map(layer)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(layers).toBe(6);
    expect(edges.filter(({ back }) => back).map(({ from, to }) => from + to)).toEqual(["cb", "bb"]);
    for (const { from, to, back } of edges) if (!back) expect(layer(from)).toBeLessThan(layer(to));
  });
  it("leaves out ends of cases that are rarities", () => {
    expect(
      layout(loop, 1)
        .edges.filter(({ to }) => to === "(end)")
        .map(({ from }) => from),
    ).toEqual(["d"]);
  });
  it("takes the largest edges until they cover what is asked, at least one", () => {
    expect(covering(loop, 0)).toHaveLength(1);
    expect(covering(loop, 170 / 257)).toHaveLength(2);
    expect(covering(loop, 1)).toHaveLength(5);
    expect(layout(loop, 0.5).coverage).toBeCloseTo(170 / 257);
  });
  it("starts where it can be read", () => {
    const many = map(
      Array.from({ length: 40 }, (_, i) => edge(`s${i % 9}`, `t${i}`, 50 - i)),
      "s0",
      "t0",
    );
    expect(covering(many, readable(many))).toHaveLength(READABLE);
    expect(readable(loop)).toBe(1);
    expect(readable({ edges: [], moves: 0 })).toBe(1);
  });
  it("has a place for every activity once, also without any edge", () => {
    const { places } = layout(loop, 1);
    expect(new Set(places.map(({ activity }) => activity)).size).toBe(places.length);
    expect(layout({ ...map([], "a", "a"), edges: [] }, 1).places).toEqual([]);
  });
  it("leads an edge over several layers past what lies between", () => {
    const { places, edges } = layout(map([edge("a", "b", 90), edge("b", "c", 80), edge("a", "c", 40)], "a", "c"), 1);
    const long = edges.find(({ from, to }) => from === "a" && to === "c")!;
    expect(long.via).toHaveLength(1);
    const [between, b] = [long.via[0], "b"].map((name) => places.find(({ activity }) => activity === name)!);
    expect([between!.through, b!.through]).toEqual([true, false]);
    expect([between!.layer, between!.of]).toEqual([b!.layer, 2]);
    expect(between!.order).not.toBe(b!.order);
  });
  it("says an edge in words", () => {
    expect(edgeText({ ...edge("cart_updated", "order_placed", 1234, 7_200_000), back: false, via: [] })).toBe(
      "Cart updated → Order placed: 1,234 times, median 2\u00a0h, one in ten over 6\u00a0h",
    );
  });
});

describe("a funnel", () => {
  it("finds the step under a pointer, also at its edges", () => {
    expect([0, 99, 100, 399, 400, -3].map((x) => funnelIndex(x, 400, 4))).toEqual([0, 0, 1, 3, 3, 0]);
    expect(funnelIndex(10, 400, 0)).toBeNull();
  });
  it("shortens a name only where it does not fit", () => {
    expect(fitted("Order placed", 100)).toBe("Order placed");
    expect(fitted("Order placed", 34)).toBe("Order…");
  });
});

describe("the retention map", () => {
  const cell = (n: number): CohortPeriod => ({
    n,
    active: 5,
    complete: true,
    rate: { estimate: 0.5, lower: 0.3, upper: 0.7, n: 10, level: 0.95, method: "wilson", reason: null },
  });
  const cohorts = [
    { cohort: "2026-01-01", people: 10, periods: [cell(0), cell(1), cell(2)] },
    { cohort: "2026-02-01", people: 10, periods: [cell(0), cell(1)] },
  ];
  it("leaves out the first period, which is everybody", () => {
    expect(heatCells(cohorts, 9).map(({ row, cell }) => [row, cell.n])).toEqual([
      [0, 1],
      [0, 2],
      [1, 1],
    ]);
    expect(heatColumns(cohorts, 1000)).toBe(2);
  });
  it("finds the cell under a pointer, and none beside it", () => {
    const cells = heatCells(cohorts, 2);
    expect(heatIndex(cells, 2, 100, 400, 25)).toBe(0);
    expect(heatIndex(cells, 2, 165, 400, 25)).toBe(1);
    expect(heatIndex(cells, 2, 100, 400, 47)).toBe(2);
    expect(heatIndex(cells, 2, 165, 400, 47)).toBeNull();
    expect(heatIndex(cells, 2, 10, 400, 25)).toBeNull();
  });
});
