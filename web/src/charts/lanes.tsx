/** One person's contacts: a lane per channel, time to the right, a dot per event, a ring with its number per given score. */

import type { TimelineItem } from "../api/types";
import * as time from "../format/time";
import { title } from "../format/words";
import type { Palette } from "./palette";
import { linear } from "./scale";

export interface LanesProps {
  items: TimelineItem[];
  width: number;
  palette: Palette;
  active: number | null;
}

const LANE = 24;
const LEFT = 76;

/** Channels in the order of their number of items, then name. */
export function lanes(items: TimelineItem[]): string[] {
  const counts = new Map<string, number>();
  for (const { channel } of items) counts.set(channel ?? "unknown", (counts.get(channel ?? "unknown") ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([channel]) => channel);
}

export function lanesHeight(count: number): number {
  return count * LANE + 24;
}

export function Lanes({ items, width, palette, active }: LanesProps) {
  const names = lanes(items);
  const times = items.map(({ at }) => Date.parse(at));
  const from = Math.min(...times);
  const to = Math.max(...times);
  const x = linear([from, to > from ? to : from + 86_400_000], [LEFT + 10, width - 10]);
  const height = lanesHeight(names.length);
  const many = Math.max(2, Math.min(6, Math.floor((width - LEFT) / 140)));
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="12">
      {names.map((name, i) => (
        <g key={name}>
          <line x1={LEFT} x2={width} y1={i * LANE + LANE / 2} y2={i * LANE + LANE / 2} stroke={palette.rule} />
          <text x={0} y={i * LANE + LANE / 2 + 4} fill={palette.soft}>
            {title(name)}
          </text>
        </g>
      ))}
      {items.map((item, i) => {
        const y = names.indexOf(item.channel ?? "unknown") * LANE + LANE / 2;
        const at = x(times[i]!);
        const colour = active === i ? palette.accent : palette.data;
        if (item.score !== null) {
          return (
            <g key={`${item.source}${item.id}`}>
              <circle cx={at} cy={y} r="9" fill={palette.ground} stroke={colour} strokeWidth="1.5" />
              <text x={at} y={y + 4} textAnchor="middle" fill={palette.ink} fontWeight="600" fontSize="11">
                {item.score}
              </text>
            </g>
          );
        }
        return (
          <circle
            key={`${item.source}${item.id}`}
            cx={at}
            cy={y}
            r={active === i ? 5 : 3}
            fill={colour}
            fillOpacity={active === i ? 1 : 0.65}
          />
        );
      })}
      {Array.from({ length: many }, (_, i) => {
        const at = from + ((to - from) * i) / (many - 1);
        const place = x(at);
        return (
          <text
            key={at}
            x={place}
            y={height - 4}
            textAnchor={i === 0 ? "start" : i === many - 1 ? "end" : "middle"}
            fill={palette.quiet}
            fontSize="11"
          >
            {time.date(new Date(at).toISOString())}
          </text>
        );
      })}
    </svg>
  );
}
