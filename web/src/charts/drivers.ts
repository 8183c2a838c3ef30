/** Options of the two driver charts: the map (where to act) and the Pareto order (what matters most). */
import type { EChartsCoreOption } from "echarts/core";
import type { Driver } from "../api/types";
import * as number from "../format/number";
import { title } from "../format/words";
import { FONT, type Palette } from "./palette";

/** What stands on the horizontal axis of the map. */
export type Across = "performance" | "association";

/**
 * Where a driver stands on the map, or null where the axis does not know it. Performance is read so that right is better: a
 * driver that hurts (negative association) counts by its absence. Only shares (booleans) have a common axis.
 */
export function across(driver: Driver, axis: Across): number | null {
  if (axis === "association") return driver.association;
  if (driver.kind !== "boolean" || driver.performance === null) return null;
  const hurts = (driver.association ?? driver.effect ?? 0) < 0;
  return hurts ? 1 - driver.performance : driver.performance;
}

/** The axis on which more drivers can be seen; performance where both can. */
export function betterAxis(drivers: Driver[]): Across {
  const known = (axis: Across) => drivers.filter((driver) => across(driver, axis) !== null).length;
  return known("performance") * 2 > known("association") ? "performance" : "association";
}

const tooltip = (palette: Palette, text: (index: number) => string) => ({
  trigger: "item",
  confine: true,
  backgroundColor: palette.ink,
  borderWidth: 0,
  textStyle: { color: palette.ground, fontSize: 12 },
  formatter: (item: unknown) => text((item as { dataIndex: number }).dataIndex),
});

/** The next whole tenth (of a hundredth of it where all is small), so that the last tick closes the axis. */
function roundUp(most: number): number {
  const step = most > 0.2 ? 0.1 : most > 0.1 ? 0.05 : 0.02;
  return Math.ceil(most / step - 1e-9) * step;
}

/** One driver in words. */
export function driverText(driver: Driver): string {
  const effect = driver.effect === null ? "" : `, ${number.signed(driver.effect, "points")} score points`;
  return `${title(driver.driver)}: importance ${number.whole(driver.importance, "share")}${effect}`;
}

interface Custom {
  value: (dimension: number) => number;
  coord: (point: [number, number]) => [number, number];
}

/** Importance (up) against performance or association (across), whiskers for the importance. */
export function mapOption(
  drivers: Driver[],
  axis: Across,
  palette: Palette,
  active: number | null,
  narrow: boolean,
): EChartsCoreOption {
  const placed = drivers.filter((driver) => across(driver, axis) !== null && driver.importance.estimate !== null);
  const xs = placed.map((driver) => across(driver, axis)!);
  const colour = (driver: Driver, i: number) =>
    i === active ? palette.accent : driver.vital_few ? palette.data : palette.rule2;
  const middle = placed.length
    ? placed.reduce((sum, { importance }) => sum + importance.estimate!, 0) / placed.length
    : 0;
  const most = Math.max(0.05, ...placed.map(({ importance }) => importance.upper ?? importance.estimate!));
  const span = Math.max(0.05, ...xs.map(Math.abs)) * 1.25;
  const text = { color: palette.quiet, fontSize: 11 };
  return {
    animation: false,
    textStyle: { fontFamily: FONT },
    grid: { left: 44, right: narrow ? 16 : 28, top: 24, bottom: 44 },
    tooltip: tooltip(palette, (index) => driverText(placed[index]!)),
    xAxis: {
      type: "value",
      min: axis === "performance" ? 0 : -Number(span.toPrecision(1)),
      max: axis === "performance" ? 1 : Number(span.toPrecision(1)),
      name:
        axis === "performance" ? "Performance: share of answers, right is better" : "Association: ← hurts · helps →",
      nameLocation: "middle",
      nameGap: 28,
      nameTextStyle: text,
      axisLabel: {
        ...text,
        formatter: (tick: number) => (axis === "performance" ? number.percent(tick) : number.axis(tick, "points")),
      },
      axisLine: { show: true, lineStyle: { color: palette.rule2 } },
      axisTick: { show: false },
      splitLine: { show: false },
      splitNumber: narrow ? 3 : 5,
    },
    yAxis: {
      type: "value",
      min: 0,
      max: roundUp(most),
      name: "Importance",
      nameTextStyle: { ...text, align: "left", padding: [0, 0, 0, -40] },
      nameGap: 8,
      axisLabel: { ...text, formatter: (tick: number) => number.percent(tick) },
      splitLine: { lineStyle: { color: palette.rule } },
      splitNumber: 4,
    },
    series: [
      {
        type: "custom",
        silent: true,
        z: 1,
        data: placed.map((driver, i) => [xs[i], driver.importance.lower, driver.importance.upper]),
        renderItem: (params: { dataIndex: number }, api: Custom) => {
          const top = api.coord([api.value(0), api.value(2)]);
          const bottom = api.coord([api.value(0), api.value(1)]);
          return {
            type: "line",
            shape: { x1: top[0], y1: top[1], x2: bottom[0], y2: bottom[1] },
            style: { stroke: colour(placed[params.dataIndex]!, params.dataIndex), lineWidth: 1.5 },
          };
        },
      },
      {
        type: "scatter",
        z: 2,
        symbolSize: 10,
        data: placed.map((driver, i) => ({
          value: [xs[i], driver.importance.estimate],
          itemStyle: { color: colour(driver, i) },
        })),
        label: {
          show: true,
          position: "right",
          distance: 7,
          fontSize: narrow ? 11 : 12,
          color: palette.ink,
          textBorderColor: palette.ground,
          textBorderWidth: 3,
          formatter: ({ dataIndex }: { dataIndex: number }) => title(placed[dataIndex]!.driver),
        },
        labelLayout: (item: { dataIndex: number; rect: { x: number; width: number } }) => ({
          moveOverlap: "shiftY",
          hideOverlap: true,
          ...((xs[item.dataIndex] ?? 0) > (axis === "performance" ? 0.66 : span * 0.3)
            ? { align: "right", dx: -24 }
            : {}),
        }),
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { color: palette.rule2, type: [2, 3] },
          label: { show: false },
          data: [{ yAxis: middle }, { xAxis: axis === "performance" ? 0.5 : 0 }],
        },
      },
    ],
  };
}

/** Horizontal bars in Pareto order with whiskers, cumulative share at the right. */
export function paretoOption(
  drivers: Driver[],
  palette: Palette,
  active: number | null,
  narrow: boolean,
): EChartsCoreOption {
  const most = Math.max(0.05, ...drivers.map(({ importance }) => importance.upper ?? importance.estimate ?? 0));
  const text = { color: palette.quiet, fontSize: 11 };
  return {
    animation: false,
    textStyle: { fontFamily: FONT },
    grid: { left: narrow ? 118 : 148, right: 92, top: 24, bottom: 4 },
    tooltip: tooltip(palette, (index) => driverText(drivers[index]!)),
    xAxis: {
      type: "value",
      position: "top",
      min: 0,
      max: roundUp(most),
      axisLabel: { ...text, formatter: (tick: number) => number.percent(tick) },
      splitLine: { lineStyle: { color: palette.rule } },
      splitNumber: narrow ? 2 : 4,
    },
    yAxis: [
      {
        type: "category",
        inverse: true,
        data: drivers.map(({ driver }) => title(driver)),
        axisLabel: {
          color: palette.ink,
          fontSize: 12,
          margin: narrow ? 114 : 144,
          align: "left",
          width: narrow ? 108 : 140,
          overflow: "truncate",
        },
        axisLine: { lineStyle: { color: palette.rule2 } },
        axisTick: { show: false },
      },
      {
        type: "category",
        inverse: true,
        position: "right",
        data: drivers.map(
          ({ importance, cumulative }) =>
            `{value|${number.value(importance.estimate, "share")}}{sum|${cumulative === null ? "" : number.percent(cumulative)}}`,
        ),
        axisLabel: {
          margin: 6,
          rich: {
            value: { color: palette.ink, fontSize: 12, fontWeight: 600, width: 44, align: "right" },
            sum: { color: palette.quiet, fontSize: 11, width: 40, align: "right" },
          },
        },
        axisLine: { show: false },
        axisTick: { show: false },
      },
    ],
    series: [
      {
        type: "bar",
        barWidth: 12,
        data: drivers.map((driver, i) => ({
          value: driver.importance.estimate,
          itemStyle: { color: i === active ? palette.accent : driver.vital_few ? palette.data : palette.rule2 },
        })),
      },
      {
        type: "custom",
        silent: true,
        z: 3,
        data: drivers.map((driver, i) => [driver.importance.lower, driver.importance.upper, i]),
        renderItem: (_: unknown, api: Custom) => {
          const from = api.coord([api.value(0), api.value(2)]);
          const to = api.coord([api.value(1), api.value(2)]);
          return {
            type: "line",
            shape: { x1: from[0], y1: from[1], x2: to[0], y2: to[1] },
            style: { stroke: palette.ink, lineWidth: 1.25 },
          };
        },
      },
    ],
  };
}

export function paretoHeight(drivers: number): number {
  return 32 + drivers * 26;
}
