/** How much came in when: a bar a day or hour. Small ones draw their axes only while they are read; an empty stretch is a mark below the line. */
import type { VolumePoint } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import type { Palette } from "./palette";
import { labelEvery, linear, ticks } from "./scale";

export interface VolumeProps {
  points: VolumePoint[];
  grain: "hour" | "day";
  width: number;
  height: number;
  palette: Palette;
  active: number | null;
  /** Axes are always drawn; else only while a bar is read. */
  large?: boolean;
}

const LEFT = 44;
const AXIS = 18;

const frame = (large: boolean, height: number) => ({
  left: large ? LEFT : 0,
  top: large ? 8 : 2,
  bottom: height - (large ? AXIS : 4),
});

/** The bar under a pointer. */
export function volumeIndex(offset: number, width: number, n: number, large = false): number | null {
  const { left } = frame(large, 0);
  if (n === 0) return null;
  return Math.min(n - 1, Math.max(0, Math.floor(((offset - left) / Math.max(1, width - left)) * n)));
}

/** `12 Jun 2026`, or `12 Jun 2026, 14:00`. */
export function volumeLabel(point: VolumePoint, grain: "hour" | "day"): string {
  return grain === "day" ? time.date(point.start) : time.dateTime(point.start);
}

export function Volume({ points, grain, width, height, palette, active, large = false }: VolumeProps) {
  const { left, top, bottom } = frame(large, height);
  const most = Math.max(1, ...points.map(({ n }) => n));
  const y = linear([0, most], [bottom, top]);
  const step = (width - left) / Math.max(1, points.length);
  const gap = step > 5 ? 1.5 : 0.5;
  const shown = active !== null ? points[active] : undefined;
  const every = labelEvery(points.length, width - left, 76);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      {large &&
        ticks([0, most], 3).map((tick) => (
          <g key={tick}>
            <line x1={left} x2={width} y1={y(tick)} y2={y(tick)} stroke={palette.rule} />
            <text x={left - 6} y={y(tick) + 4} textAnchor="end" fill={palette.quiet}>
              {number.shortCount(tick)}
            </text>
          </g>
        ))}
      <line x1={left} x2={width} y1={bottom} y2={bottom} stroke={palette.rule2} />
      {points.map(({ start, n }, i) => (
        <rect
          key={start}
          x={left + i * step + gap / 2}
          width={Math.max(0.75, step - gap)}
          y={n === 0 ? bottom + 1.5 : Math.min(bottom - 1, y(n))}
          height={n === 0 ? 2 : Math.max(1, bottom - y(n))}
          fill={i === active ? palette.accent : n === 0 ? palette.rule2 : palette.data}
        />
      ))}
      {large &&
        points.map((point, i) =>
          (points.length - 1 - i) % every === 0 && i * step > 24 ? (
            <text key={point.start} x={left + (i + 0.5) * step} y={height - 3} textAnchor="middle" fill={palette.quiet}>
              {grain === "day" ? time.dayMonth(point.start) : time.clock(point.start)}
            </text>
          ) : null,
        )}
      {!large && shown && (
        <g>
          <line x1={0} x2={width} y1={top} y2={top} stroke={palette.rule2} strokeDasharray="2 3" />
          <rect
            x={0}
            y={top}
            width={String(number.count(most)).length * 6.4 + 4}
            height={13}
            fill={palette.ground}
            fillOpacity="0.85"
          />
          <text x={1} y={top + 10} fill={palette.quiet} fontSize="10">
            {number.count(most)}
          </text>
        </g>
      )}
    </svg>
  );
}
