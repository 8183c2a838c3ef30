/** One or two shares of a counted whole over batches, on the whole width of 0 to 1 or what of it is used. Counted, so there is no interval. */
import * as number from "../format/number";
import * as time from "../format/time";
import type { Palette } from "./palette";
import { labelEvery, linear, nearest, runs, ticks } from "./scale";

export interface ShareLine {
  name: string;
  values: (number | null)[];
}

export interface SharesProps {
  at: string[];
  lines: ShareLine[];
  width: number;
  height: number;
  palette: Palette;
  active: number | null;
}

const LEFT = 44;
const RIGHT = 104;
const TOP = 10;
const BOTTOM = 20;

/** From a round number below the smallest value up to 1. */
export function sharesDomain(lines: ShareLine[]): [number, number] {
  const known = lines.flatMap(({ values }) => values).filter((value): value is number => value !== null);
  const low = Math.min(1, ...known);
  const step = low > 0.9 ? 0.02 : 0.1;
  return [Math.max(0, Math.floor((low - step / 2) / step) * step), 1];
}

/** Labels at the ends of lines, moved apart where they would cover each other. */
export function endLabels(places: number[], gap = 14): number[] {
  const order = places.map((place, i) => ({ place, i })).sort((a, b) => a.place - b.place);
  for (let k = 1; k < order.length; k++) order[k]!.place = Math.max(order[k]!.place, order[k - 1]!.place + gap);
  const moved = [...places];
  for (const { place, i } of order) moved[i] = place;
  return moved;
}

export const sharesIndex = (offset: number, width: number, n: number) => nearest(offset, [LEFT, width - RIGHT], n);

export function Shares({ at, lines, width, height, palette, active }: SharesProps) {
  const right = Math.max(LEFT + 40, width - RIGHT);
  const bottom = height - BOTTOM;
  const domain = sharesDomain(lines);
  const x = linear([0, Math.max(1, at.length - 1)], [LEFT, right]);
  const y = linear(domain, [bottom, TOP]);
  const colours = [palette.data, palette.soft];
  const last = lines.map(({ values }) => values.findLastIndex((value) => value !== null));
  const labels = endLabels(lines.map(({ values }, i) => (last[i]! < 0 ? bottom : y(values[last[i]!]!) + 4)));
  const every = labelEvery(at.length, right - LEFT, 64);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      {ticks(domain, 4).map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={right} y1={y(tick)} y2={y(tick)} stroke={palette.rule} />
          <text x={LEFT - 6} y={y(tick) + 4} textAnchor="end" fill={palette.quiet}>
            {number.percent(tick)}
          </text>
        </g>
      ))}
      {lines.map(({ name, values }, i) => (
        <g key={name}>
          {runs(values, (value) => value !== null).map((run) => (
            <polyline
              key={run[0]}
              fill="none"
              stroke={colours[i]}
              strokeWidth="1.75"
              strokeDasharray={i === 0 ? undefined : "4 2"}
              points={run.map((k) => `${x(k)},${y(values[k]!)}`).join(" ")}
            />
          ))}
          {values.map((value, k) =>
            value === null ? null : (
              <circle
                key={k}
                cx={x(k)}
                cy={y(value)}
                r={k === active ? 4 : 2.4}
                fill={k === active ? palette.accent : colours[i]}
              />
            ),
          )}
          {last[i]! >= 0 && (
            <text x={right + 8} y={labels[i]} fill={colours[i]}>
              {name}
            </text>
          )}
        </g>
      ))}
      {at.map((when, i) =>
        (at.length - 1 - i) % every === 0 ? (
          <text key={`${when}${i}`} x={x(i)} y={height - 4} textAnchor="middle" fill={palette.quiet}>
            {time.dayMonth(when)}
          </text>
        ) : null,
      )}
      {active !== null && at[active] !== undefined && (
        <line x1={x(active)} x2={x(active)} y1={TOP} y2={bottom} stroke={palette.accent} />
      )}
    </svg>
  );
}
