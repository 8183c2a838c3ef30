/** A funnel: one bar a step, left to right, as high as its share of the first step; the whisker is that share's interval. */
import type { FunnelStep } from "../api/types";
import * as number from "../format/number";
import { title } from "../format/words";
import type { Palette } from "./palette";
import { linear } from "./scale";

const TOP = 22;
const BOTTOM = 40;

interface FunnelProps {
  steps: FunnelStep[];
  width: number;
  height: number;
  palette: Palette;
  active: number | null;
}

/** The step under a pointer. */
export const funnelIndex = (offset: number, width: number, n: number) =>
  n === 0 ? null : Math.min(n - 1, Math.max(0, Math.floor((offset / Math.max(1, width)) * n)));

/** As much of a name as fits. */
export function fitted(text: string, width: number): string {
  const most = Math.max(2, Math.floor(width / 5.6));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export function FunnelBars({ steps, width, height, palette, active }: FunnelProps) {
  const room = width / Math.max(1, steps.length);
  const bar = Math.min(120, room * 0.62);
  const bottom = height - BOTTOM;
  const y = linear([0, 1], [bottom, TOP]);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="12">
      {steps.map((step, i) => {
        const middle = room * (i + 0.5);
        const share = i === 0 ? 1 : (step.of_first.estimate ?? 0);
        const before = steps[i - 1];
        const was = before ? (i === 1 ? 1 : (before.of_first.estimate ?? 0)) : null;
        const { lower, upper } = step.of_first;
        return (
          <g key={`${i}${step.step}`}>
            {was !== null && (
              <path
                d={`M${middle - room + bar / 2},${y(was)} L${middle - bar / 2},${y(share)} V${bottom} H${middle - room + bar / 2} Z`}
                fill={palette.data3}
              />
            )}
            <rect
              x={middle - bar / 2}
              y={y(share)}
              width={bar}
              height={Math.max(1, bottom - y(share))}
              fill={i === active ? palette.accent : palette.data}
            />
            {i > 0 && lower !== null && upper !== null && (
              <path
                d={`M${middle},${y(lower)} V${y(upper)} M${middle - 5},${y(lower)} h10 M${middle - 5},${y(upper)} h10`}
                stroke={palette.ink}
                fill="none"
              />
            )}
            <text
              x={middle}
              y={Math.min(y(share), upper === null ? bottom : y(upper)) - 6}
              textAnchor="middle"
              fill={palette.ink}
              fontWeight="600"
            >
              {i === 0 || step.of_first.estimate === null
                ? number.shortCount(step.people)
                : number.value(step.of_first.estimate, "share")}
            </text>
            <text x={middle} y={bottom + 16} textAnchor="middle" fill={palette.ink}>
              {fitted(title(step.step), room - 4)}
              <title>{title(step.step)}</title>
            </text>
            <text x={middle} y={bottom + 32} textAnchor="middle" fill={palette.quiet} fontSize="11">
              {room < 90 ? number.shortCount(step.people) : `${number.shortCount(step.people)} people`}
            </text>
          </g>
        );
      })}
      <line x1="0" x2={width} y1={bottom} y2={bottom} stroke={palette.rule2} />
    </svg>
  );
}
