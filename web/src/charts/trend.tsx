/** A score over time: line, interval as band, target as a thin line, the last value labelled. A period without a value is a gap. */

import type { TrendPoint } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import type { Palette } from "./palette";
import { extent, labelEvery, linear, nearest, runs, ticks } from "./scale";

export interface TrendProps {
  points: TrendPoint[];
  grain: string;
  unit: number.Unit;
  target: number | null;
  width: number;
  height: number;
  palette: Palette;
  active: number | null;
}

const LEFT = 34;
const RIGHT = 46;
const TOP = 10;
const BOTTOM = 20;

export function Trend({ points, grain, unit, target, width, height, palette, active }: TrendProps) {
  const plot = { right: Math.max(LEFT + 20, width - RIGHT), bottom: height - BOTTOM };
  const domain = extent([...points.flatMap(({ score }) => [score.lower, score.upper, score.estimate]), target]);
  const x = linear([0, Math.max(1, points.length - 1)], [LEFT, plot.right]);
  const y = linear(domain, [plot.bottom, TOP]);
  const lines = runs(points, ({ score }) => score.estimate !== null);
  const at = (i: number) => points[i]!.score;
  const lastIndex = points.findLastIndex(({ score }) => score.estimate !== null);
  const last = points[lastIndex];
  const labelY = last ? y(last.score.estimate!) : 0;
  const targetY = target === null ? null : y(target);
  const every = labelEvery(points.length, plot.right - LEFT, 44);

  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      {ticks(domain, height > 160 ? 4 : 2).map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={plot.right} y1={y(tick)} y2={y(tick)} stroke={palette.rule} />
          <text x={LEFT - 6} y={y(tick) + 4} textAnchor="end" fill={palette.quiet}>
            {number.axis(tick, unit)}
          </text>
        </g>
      ))}
      {lines.map((run) => (
        <path
          key={`band${run[0]}`}
          fill={palette.data3}
          d={`M${run.map((i) => `${x(i)},${y(at(i).upper ?? at(i).estimate!)}`).join("L")}L${[...run]
            .reverse()
            .map((i) => `${x(i)},${y(at(i).lower ?? at(i).estimate!)}`)
            .join("L")}Z`}
        />
      ))}
      {targetY !== null && (
        <g>
          <line x1={LEFT} x2={plot.right} y1={targetY} y2={targetY} stroke={palette.soft} strokeDasharray="2 3" />
          <text
            x={plot.right + 6}
            y={targetY + (Math.abs(targetY - labelY) < 13 ? (targetY < labelY ? -5 : 12) : 4)}
            fill={palette.quiet}
            fontSize="10"
          >
            target
          </text>
        </g>
      )}
      {lines.map((run) => (
        <polyline
          key={`line${run[0]}`}
          fill="none"
          stroke={palette.data}
          strokeWidth="1.75"
          strokeLinejoin="round"
          points={run.map((i) => `${x(i)},${y(at(i).estimate!)}`).join(" ")}
        />
      ))}
      {points.map(({ score, period_start, partial }, i) =>
        score.estimate === null ||
        (points.length > 1 &&
          i !== lastIndex &&
          !partial &&
          lines.every((run) => run.length > 1 || run[0] !== i)) ? null : (
          <circle
            key={period_start}
            cx={x(i)}
            cy={y(score.estimate)}
            r="3.2"
            fill={partial ? palette.ground : palette.data}
            stroke={palette.data}
            strokeWidth="1.5"
          />
        ),
      )}
      {last && (
        <text x={x(lastIndex) + 7} y={labelY + 4} fill={palette.ink} fontWeight="600" fontSize="12">
          {number.short(last.score.estimate!, unit)}
        </text>
      )}
      {points.map(({ period_start }, i) =>
        (points.length - 1 - i) % every === 0 ? (
          <text key={period_start} x={x(i)} y={height - 4} textAnchor="middle" fill={palette.quiet}>
            {time.tick(grain, period_start, i < every)}
          </text>
        ) : null,
      )}
      {active !== null && points[active] && (
        <g>
          <line x1={x(active)} x2={x(active)} y1={TOP} y2={plot.bottom} stroke={palette.accent} />
          {at(active).estimate !== null && (
            <circle cx={x(active)} cy={y(at(active).estimate!)} r="4" fill={palette.accent} />
          )}
        </g>
      )}
    </svg>
  );
}

/** The index of the point nearest to a pointer. */
export const trendIndex = (offset: number, width: number, n: number) => nearest(offset, [LEFT, width - RIGHT], n);
