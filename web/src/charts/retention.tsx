/**
 * Retention as a heat map (a row a cohort, a column a period later) and as one curve with its band. A period that was not observed to
 * its end has a dashed outline and no colour: what has not come yet is not what did not come back.
 */
import type { CohortPeriod, Retention } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import type { Palette } from "./palette";
import { labelEvery, linear, nearest, ticks } from "./scale";

const LEFT = 96;
const HEAD = 20;
const ROW = 22;

export interface HeatCell {
  row: number;
  column: number;
  cohort: Retention["cohorts"][number];
  cell: CohortPeriod;
}

/** The cells of the periods after the first, row by row; at most so many columns. */
export function heatCells(cohorts: Retention["cohorts"], columns: number): HeatCell[] {
  return cohorts.flatMap((cohort, row) =>
    cohort.periods.filter(({ n }) => n >= 1 && n <= columns).map((cell) => ({ row, column: cell.n - 1, cohort, cell })),
  );
}

/** Columns that fit. */
export const heatColumns = (cohorts: Retention["cohorts"], width: number) =>
  Math.min(
    Math.max(0, ...cohorts.map(({ periods }) => periods.length - 1)),
    Math.max(3, Math.floor((width - LEFT) / 38)),
  );

export const heatHeight = (cohorts: Retention["cohorts"]) => HEAD + cohorts.length * ROW + 4;

/** The cell under a pointer. */
export function heatIndex(cells: HeatCell[], columns: number, x: number, width: number, y: number): number | null {
  const size = Math.min(64, (width - LEFT) / Math.max(1, columns));
  const [column, row] = [Math.floor((x - LEFT) / size), Math.floor((y - HEAD) / ROW)];
  const found = cells.findIndex((cell) => cell.row === row && cell.column === column);
  return found < 0 ? null : found;
}

interface HeatProps {
  cells: HeatCell[];
  cohorts: Retention["cohorts"];
  unit: string;
  columns: number;
  width: number;
  palette: Palette;
  active: number | null;
}

export function Heat({ cells, cohorts, unit, columns, width, palette, active }: HeatProps) {
  const size = Math.min(64, (width - LEFT) / Math.max(1, columns));
  const most = Math.max(0.01, ...cells.map(({ cell }) => cell.rate.estimate ?? 0));
  const height = heatHeight(cohorts);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      {Array.from({ length: columns }, (_, i) => (
        <text key={i} x={LEFT + size * (i + 0.5)} y={12} textAnchor="middle" fill={palette.quiet}>
          {`+${i + 1}`}
        </text>
      ))}
      {cohorts.map(({ cohort, people }, row) => (
        <text key={cohort} x={0} y={HEAD + row * ROW + 15} fill={palette.soft}>
          {unit === "month" || unit === "quarter" || unit === "year"
            ? time.period(unit, cohort, undefined, false).replace(/(\p{L}{3})\p{L}+ (\d{4})/u, "$1 $2")
            : time.dayMonth(cohort)}
          <tspan fill={palette.quiet}>{`  ${number.shortCount(people)}`}</tspan>
        </text>
      ))}
      {cells.map(({ row, column, cell }, i) => {
        const part = (cell.rate.estimate ?? 0) / most;
        const [x, y] = [LEFT + column * size, HEAD + row * ROW];
        const known = cell.rate.estimate !== null;
        return (
          <g key={`${row}-${column}`}>
            <rect
              x={x + 1}
              y={y + 1}
              width={size - 2}
              height={ROW - 2}
              fill={known ? palette.data : "none"}
              fillOpacity={known ? 0.08 + part * 0.92 : 1}
              stroke={i === active ? palette.accent : known ? "none" : palette.rule2}
              strokeWidth={i === active ? 2 : 1}
              strokeDasharray={known || i === active ? undefined : "3 2"}
            />
            {known && size >= 34 && (
              <text x={x + size / 2} y={y + 15} textAnchor="middle" fill={part > 0.72 ? palette.ground : palette.ink}>
                {number.plain((cell.rate.estimate ?? 0) * 100, 0)}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

interface CurveProps {
  points: CohortPeriod[];
  width: number;
  height: number;
  palette: Palette;
  active: number | null;
}

const CURVE = { left: 44, right: 12, top: 10, bottom: 22 };

export const curveIndex = (offset: number, width: number, n: number) =>
  nearest(offset, [CURVE.left, width - CURVE.right], n);

export function Curve({ points, width, height, palette, active }: CurveProps) {
  const bottom = height - CURVE.bottom;
  const known = points.filter(({ rate }) => rate.estimate !== null);
  const most = Math.min(1, Math.max(0.05, ...known.map(({ rate }) => rate.upper ?? rate.estimate ?? 0)) * 1.08);
  const x = linear([0, Math.max(1, points.length - 1)], [CURVE.left, width - CURVE.right]);
  const y = linear([0, most], [bottom, CURVE.top]);
  const index = new Map(points.map((point, i) => [point, i]));
  const at = (point: CohortPeriod) => x(index.get(point) ?? 0);
  const every = labelEvery(points.length, width, 40);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      {ticks([0, most], 4).map((tick) => (
        <g key={tick}>
          <line x1={CURVE.left} x2={width - CURVE.right} y1={y(tick)} y2={y(tick)} stroke={palette.rule} />
          <text x={CURVE.left - 6} y={y(tick) + 4} textAnchor="end" fill={palette.quiet}>
            {number.percent(tick)}
          </text>
        </g>
      ))}
      <polygon
        fill={palette.data3}
        points={[
          ...known.map((point) => `${at(point)},${y(point.rate.upper ?? 0)}`),
          ...[...known].reverse().map((point) => `${at(point)},${y(point.rate.lower ?? 0)}`),
        ].join(" ")}
      />
      <polyline
        fill="none"
        stroke={palette.data}
        strokeWidth="1.75"
        points={known.map((point) => `${at(point)},${y(point.rate.estimate ?? 0)}`).join(" ")}
      />
      {known.map((point) => {
        const here = index.get(point) === active;
        return (
          <circle
            key={point.n}
            cx={at(point)}
            cy={y(point.rate.estimate ?? 0)}
            r={here ? 4 : 2.4}
            fill={here ? palette.accent : palette.data}
          />
        );
      })}
      {points.map(({ n }, i) =>
        i % every === 0 ? (
          <text key={n} x={x(i)} y={height - 6} textAnchor="middle" fill={palette.quiet}>
            {`+${n}`}
          </text>
        ) : null,
      )}
    </svg>
  );
}
