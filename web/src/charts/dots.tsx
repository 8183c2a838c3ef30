/** Estimates as dots with whiskers, one a row, on one axis: slices of a score, or anything with an interval. */

import type { Estimate } from "../api/types";
import * as number from "../format/number";
import type { Palette } from "./palette";
import { extent, linear, ticks } from "./scale";

export interface DotRow {
  label: string;
  estimate: Estimate;
}

export interface DotsProps {
  rows: DotRow[];
  unit: number.Unit;
  /** The whole, drawn as a thin line. */
  reference: number | null;
  width: number;
  palette: Palette;
  active: number | null;
}

const ROW = 24;
const HEAD = 20;

export function dotsHeight(rows: number): number {
  return HEAD + rows * ROW + 4;
}

/**
 * All estimates and the whole fit; a whisker more than three times as wide as the median one is cut at the edge, so that one tiny
 * group does not press the others into a line (its bounds stand in the readout and the table).
 */
export function dotsDomain(rows: DotRow[], reference: number | null): [number, number] {
  const known = rows.map(({ estimate }) => estimate).filter(({ lower, upper }) => lower !== null && upper !== null);
  const widths = known.map(({ lower, upper }) => upper! - lower!).sort((a, b) => a - b);
  const most = 3 * (widths[Math.floor(widths.length / 2)] ?? 0);
  const bounds = known
    .filter(({ lower, upper }) => upper! - lower! <= most)
    .flatMap(({ lower, upper }) => [lower, upper]);
  return extent([...bounds, ...rows.map(({ estimate }) => estimate.estimate), reference], 0.05);
}

export function Dots({ rows, unit, reference, width, palette, active }: DotsProps) {
  const left = Math.min(110, width * 0.32);
  const right = width - 132;
  const domain = dotsDomain(rows, reference);
  const scale = linear(domain, [left, Math.max(left + 30, right)]);
  const x = (value: number) => scale(Math.min(domain[1], Math.max(domain[0], value)));
  const height = dotsHeight(rows.length);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="12">
      {ticks(domain, Math.max(1, (right - left) / 80)).map((tick) => (
        <g key={tick}>
          <line x1={x(tick)} x2={x(tick)} y1={HEAD - 4} y2={height} stroke={palette.rule} />
          <text x={x(tick)} y={11} textAnchor="middle" fill={palette.quiet} fontSize="11">
            {number.axis(tick, unit)}
          </text>
        </g>
      ))}
      {reference !== null && (
        <line
          x1={x(reference)}
          x2={x(reference)}
          y1={HEAD - 4}
          y2={height}
          stroke={palette.soft}
          strokeDasharray="2 3"
        />
      )}
      {rows.map(({ label, estimate }, i) => {
        const y = HEAD + i * ROW + ROW / 2;
        const colour = active === i ? palette.accent : palette.data;
        return (
          <g key={label}>
            <text x={0} y={y + 4} fill={active === i ? palette.accent : palette.ink}>
              {label.length > 17 ? `${label.slice(0, 16)}…` : label}
            </text>
            {estimate.estimate === null ? (
              <text x={left} y={y + 4} fill={palette.quiet}>
                {number.reason(estimate)}
              </text>
            ) : (
              <>
                {estimate.lower !== null && estimate.upper !== null && (
                  <line x1={x(estimate.lower)} x2={x(estimate.upper)} y1={y} y2={y} stroke={colour} strokeWidth="1.5" />
                )}
                <circle cx={x(estimate.estimate)} cy={y} r="4" fill={colour} />
                <text x={width} y={y + 4} textAnchor="end" fill={palette.quiet} fontSize="11">
                  {`n ${number.shortCount(estimate.n)}`}
                </text>
                <text x={width - 58} y={y + 4} textAnchor="end" fill={palette.ink} fontWeight="600">
                  {number.value(estimate.estimate, unit)}
                </text>
              </>
            )}
          </g>
        );
      })}
    </svg>
  );
}
