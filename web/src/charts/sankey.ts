/**
 * Transitions as a Sankey of at most {@link MOST} flows; what is left out is counted, never dropped silently.
 *
 * A Sankey cannot draw cycles, journeys have them. Flows are taken by size; one that would close a cycle goes to `back`, where the
 * page lists it in words. (Unrolling by step number was rejected: it doubles the nodes and splits the numbers people look for.)
 */
import type { EChartsCoreOption } from "echarts/core";
import type { Transition } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { title } from "../format/words";
import { FONT, type Palette } from "./palette";

export const MOST = 20;
/** Flows kept by name; the rest of the room is for "other". */
const NAMED = 16;
const OTHER = "(other)";

export interface Flow {
  from: string;
  to: string;
  n: number;
  people: number | null;
  median_wait_ms: number | null;
}

export interface Flows {
  /** Drawn, by n descending, at most {@link MOST}. */
  flows: Flow[];
  /** Not drawn by name: folded into `(other)` or too small. */
  other: Transition[];
  /** Not drawn because they go back. */
  back: Transition[];
}

/** Which transitions are drawn. */
export function chooseFlows(transitions: Transition[], most = MOST, named = NAMED): Flows {
  const sorted = [...transitions]
    .filter(({ n }) => n > 0)
    .sort((a, b) => b.n - a.n || a.from_step.localeCompare(b.from_step) || a.to_step.localeCompare(b.to_step));
  const next = new Map<string, Set<string>>();
  const reaches = (from: string, to: string): boolean => {
    const seen = new Set<string>();
    const open = [from];
    while (open.length) {
      const step = open.pop()!;
      if (step === to) return true;
      if (seen.has(step)) continue;
      seen.add(step);
      for (const after of next.get(step) ?? []) open.push(after);
    }
    return false;
  };
  const forward: Transition[] = [];
  const back: Transition[] = [];
  for (const transition of sorted) {
    const { from_step, to_step } = transition;
    if (from_step === to_step || reaches(to_step, from_step)) back.push(transition);
    else {
      forward.push(transition);
      if (!next.has(from_step)) next.set(from_step, new Set());
      next.get(from_step)!.add(to_step);
    }
  }
  const shown = forward.length <= most ? forward : forward.slice(0, named);
  const other = forward.slice(shown.length);
  const flows: Flow[] = shown.map((t) => ({
    from: t.from_step,
    to: t.to_step,
    n: t.n,
    people: t.people,
    median_wait_ms: t.median_wait_ms,
  }));
  const drawn = new Set(flows.flatMap(({ from, to }) => [from, to]));
  const rest = new Map<string, number>();
  for (const { from_step, n } of other) if (drawn.has(from_step)) rest.set(from_step, (rest.get(from_step) ?? 0) + n);
  const folded = [...rest].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, most - shown.length);
  for (const [from, n] of folded) flows.push({ from, to: OTHER, n, people: null, median_wait_ms: null });
  return { flows, other, back };
}

function stepTitle(step: string): string {
  return step === OTHER ? "Other" : title(step);
}

/** One flow in words. */
export function flowText(flow: Flow): string {
  const wait = flow.median_wait_ms === null ? "" : `, median wait ${time.duration(flow.median_wait_ms)}`;
  const people = flow.people === null ? "" : ` by ${number.count(flow.people)} people`;
  return `${stepTitle(flow.from)} → ${stepTitle(flow.to)}: ${number.count(flow.n)}${people}${wait}`;
}

export function sankeyOption(
  { flows }: Flows,
  palette: Palette,
  active: number | null,
  narrow: boolean,
): EChartsCoreOption {
  const names = [...new Set(flows.flatMap(({ from, to }) => [from, to]))];
  const leaves = new Set(names.filter((name) => !flows.some(({ from }) => from === name)));
  return {
    animation: false,
    textStyle: { fontFamily: FONT },
    tooltip: {
      trigger: "item",
      confine: true,
      backgroundColor: palette.ink,
      borderWidth: 0,
      textStyle: { color: palette.ground, fontSize: 12 },
      formatter: (item: unknown) => {
        const { dataType, dataIndex, name, value } = item as {
          dataType: string;
          dataIndex: number;
          name: string;
          value: number;
        };
        return dataType === "edge" ? flowText(flows[dataIndex]!) : `${stepTitle(name)}: ${number.count(value)}`;
      },
    },
    series: [
      {
        type: "sankey",
        orient: narrow ? "vertical" : "horizontal",
        left: narrow ? 16 : 4,
        right: narrow ? 16 : 100,
        top: narrow ? 20 : 6,
        bottom: narrow ? 20 : 6,
        nodeWidth: 10,
        nodeGap: narrow ? 10 : 14,
        nodeAlign: "left",
        layoutIterations: 64,
        draggable: false,
        emphasis: { focus: "none", disabled: true },
        data: names.map((name) => ({
          name,
          itemStyle: { color: name === OTHER || leaves.has(name) ? palette.rule2 : palette.data, borderWidth: 0 },
          label: { color: palette.ink },
        })),
        links: flows.map(({ from, to, n }, i) => ({
          source: from,
          target: to,
          value: n,
          lineStyle: {
            color: i === active ? palette.accent : to === "(end)" || to === OTHER ? palette.rule2 : palette.data2,
            opacity: i === active ? 0.85 : 0.5,
            curveness: 0.5,
          },
        })),
        label: {
          fontSize: narrow ? 10 : 12,
          formatter: ({ name }: { name: string }) => stepTitle(name),
          position: narrow ? "bottom" : "right",
          distance: narrow ? 3 : 5,
          textBorderColor: palette.ground,
          textBorderWidth: 3,
        },
        labelLayout: { hideOverlap: true },
      },
    ],
  };
}
