/** Answers by score as columns; the share stands above each. */
import * as number from "../format/number";
import type { Palette } from "./palette";

export interface DistributionProps {
  bars: { score: number; n: number }[];
  width: number;
  height: number;
  palette: Palette;
  active: number | null;
}

export function Distribution({ bars, width, height, palette, active }: DistributionProps) {
  const all = bars.reduce((sum, { n }) => sum + n, 0) || 1;
  const most = Math.max(1, ...bars.map(({ n }) => n));
  const slot = width / Math.max(1, bars.length);
  const room = height - 38;
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      {bars.map(({ score, n }, i) => {
        const tall = (n / most) * room;
        return (
          <g key={score}>
            <rect
              x={i * slot + 2}
              width={Math.max(1, slot - 4)}
              y={18 + room - tall}
              height={tall}
              fill={active === i ? palette.accent : palette.data}
            />
            <text x={i * slot + slot / 2} y={13 + room - tall} textAnchor="middle" fill={palette.soft}>
              {number.percent(n / all).replace("\u202f%", slot < 34 ? "" : "\u202f%")}
            </text>
            <text x={i * slot + slot / 2} y={height - 4} textAnchor="middle" fill={palette.quiet}>
              {number.plain(score, 0)}
            </text>
          </g>
        );
      })}
      <line x1={0} x2={width} y1={18 + room} y2={18 + room} stroke={palette.rule2} />
    </svg>
  );
}
