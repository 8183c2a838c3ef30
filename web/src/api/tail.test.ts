import { describe, expect, it } from "vitest";
import { line } from "../../mock/intake.ts";
import { newestFirst } from "./tail";

describe("the tail", () => {
  it("puts the newest on top and lets the oldest go", () => {
    const told = [0, 1, 2, 3, 4].map((i) => line(i, 0));
    const first = newestFirst([], told.slice(0, 2), 3);
    expect(first.map(({ offset }) => offset - told[0]!.offset)).toEqual([1, 0]);
    expect(newestFirst(first, told.slice(2), 4).map(({ offset }) => offset - told[0]!.offset)).toEqual([4, 3, 2, 1]);
    expect(newestFirst(first, told, 2).map(({ offset }) => offset - told[0]!.offset)).toEqual([4, 3]);
  });
});
