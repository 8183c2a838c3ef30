/** A process map as a picture: left to right, on a small screen from top to bottom. Wide edges are frequent, dark ones take long. */
import * as number from "../format/number";
import * as time from "../format/time";
import { title } from "../format/words";
import { fitted } from "./funnel";
import type { Palette } from "./palette";
import { type Drawn, END, type Layout, type Place, START } from "./process";

interface MapProps {
  layout: Layout;
  width: number;
  height: number;
  palette: Palette;
  /** Index of an edge. */
  active: number | null;
}

const BOX = 36;
/** Edges that have their wait beside them. */
const LABELLED = 10;

const lies = (width: number) => width >= 640;

/** As high as its layers, or as its widest layer, need. */
export const mapHeight = ({ layers, widest }: Layout, width: number) =>
  lies(width) ? Math.max(220, widest * 76 + 40) : layers * 84 + 24;

export const stepName = (step: string) => (step === START ? "Start" : step === END ? "End" : title(step));

/** An edge in words. */
export function edgeText({ from, to, n, median_wait_ms, p90_wait_ms }: Drawn): string {
  const wait =
    median_wait_ms === null
      ? ""
      : `, median ${time.duration(median_wait_ms)}, one in ten over ${time.duration(p90_wait_ms)}`;
  return `${stepName(from)} → ${stepName(to)}: ${number.count(n)} times${wait}`;
}

function boxes({ places, layers }: Layout, width: number, height: number) {
  const flat = lies(width);
  const along = (flat ? width : height) / layers;
  return new Map(
    places.map((place: Place) => {
      const across = (flat ? height : width) / place.of;
      const size = flat ? Math.min(132, along * 0.78) : Math.min(124, across - 8);
      const [a, b] = [along * (place.layer + 0.5), across * (place.order + 0.5)];
      return [place.activity, { ...place, x: flat ? a : b, y: flat ? b : a, w: size, h: BOX }];
    }),
  );
}

type Box = ReturnType<typeof boxes> extends Map<string, infer B> ? B : never;

/** The curve of an edge: forward through the gap, backward around. */
function curve(edge: Drawn, places: Map<string, Box>, flat: boolean): { d: string; x: number; y: number } {
  const { back } = edge;
  const [from, to] = [places.get(edge.from)!, places.get(edge.to)!];
  if (from === to) {
    const [x, y] = [from.x, from.y - from.h / 2];
    return { d: `M${x - 12},${y} C${x - 20},${y - 24} ${x + 20},${y - 24} ${x + 12},${y}`, x, y: y - 20 };
  }
  const [fx, fy, tx, ty] = flat
    ? [from.x + from.w / 2, from.y, to.x - to.w / 2 - 5, to.y]
    : [from.x, from.y + from.h / 2, to.x, to.y - to.h / 2 - 5];
  const middle = { x: (fx + tx) / 2, y: (fy + ty) / 2 };
  if (!back) {
    const stops = [...edge.via.map((name) => places.get(name)!), { x: tx, y: ty }];
    let [x, y] = [fx, fy];
    const parts = stops.map((stop) => {
      const [cx, cy] = flat ? [(stop.x - x) / 2, 0] : [0, (stop.y - y) / 2];
      const part = `C${x + cx},${y + cy} ${stop.x - cx},${stop.y - cy} ${stop.x},${stop.y}`;
      [x, y] = [stop.x, stop.y];
      return part;
    });
    const through = edge.via.length ? stops[Math.floor((stops.length - 1) / 2)]! : middle;
    return { d: `M${fx},${fy} ${parts.join(" ")}`, x: through.x, y: through.y };
  }
  // Around: out of one side of the boxes and into the same side.
  if (flat) {
    const [sx, sy, ex, ey] = [from.x, from.y + from.h / 2, to.x, to.y + to.h / 2 + 5];
    const low = Math.max(sy, ey) + 22;
    return { d: `M${sx},${sy} C${sx},${low} ${ex},${low} ${ex},${ey}`, x: (sx + ex) / 2, y: low - 6 };
  }
  const [sx, sy, ex, ey] = [from.x + from.w / 2, from.y, to.x + to.w / 2 + 5, to.y];
  const right = Math.max(sx, ex) + 18;
  return { d: `M${sx},${sy} C${right},${sy} ${right},${ey} ${ex},${ey}`, x: right - 4, y: (sy + ey) / 2 };
}

export function ProcessPicture({ layout, width, height, palette, active }: MapProps) {
  const flat = lies(width);
  const places = boxes(layout, width, height);
  const most = Math.max(1, ...layout.edges.map(({ n }) => n));
  const waits = layout.edges.map(({ median_wait_ms }) => median_wait_ms ?? 0).filter((wait) => wait > 0);
  const [short, long] = [Math.log(Math.min(...waits, 1e3)), Math.log(Math.max(...waits, 2e3))];
  const slow = (wait: number | null) =>
    wait === null || wait <= 0 ? 0 : (Math.log(wait) - short) / Math.max(0.001, long - short);
  const labelled = layout.edges.filter(({ median_wait_ms }) => median_wait_ms !== null).slice(0, flat ? LABELLED : 5);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="presentation" fontSize="11">
      <defs>
        <marker
          id="tip"
          viewBox="0 0 6 6"
          refX="3"
          refY="3"
          markerWidth="7"
          markerHeight="7"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0,0 L6,3 L0,6 Z" fill={palette.soft} />
        </marker>
      </defs>
      {layout.edges.map((edge, i) => {
        const { d } = curve(edge, places, flat);
        return (
          <path
            key={`${edge.from}\u0000${edge.to}`}
            d={d}
            fill="none"
            stroke={i === active ? palette.accent : edge.median_wait_ms === null ? palette.rule2 : palette.data}
            strokeOpacity={i === active || edge.median_wait_ms === null ? 1 : 0.25 + 0.75 * slow(edge.median_wait_ms)}
            strokeWidth={edge.median_wait_ms === null ? 1.2 : 1 + 7 * Math.sqrt(edge.n / most)}
            strokeDasharray={edge.median_wait_ms === null ? "2 3" : undefined}
            markerEnd="url(#tip)"
          />
        );
      })}
      {[...places.values()].map((box) => {
        if (box.through) return null;
        const end = box.activity === START || box.activity === END;
        return (
          <g key={box.activity}>
            <rect
              x={box.x - box.w / 2}
              y={box.y - box.h / 2}
              width={box.w}
              height={box.h}
              rx={end ? box.h / 2 : 3}
              fill={palette.ground}
              stroke={end ? palette.rule2 : palette.soft}
            />
            <text x={box.x} y={box.y + (end ? 4 : -3)} textAnchor="middle" fill={palette.ink}>
              {fitted(stepName(box.activity), box.w - 6)}
              <title>{stepName(box.activity)}</title>
            </text>
            {!end && (
              <text x={box.x} y={box.y + 12} textAnchor="middle" fill={palette.quiet}>
                {number.shortCount(box.n)}
              </text>
            )}
          </g>
        );
      })}
      {labelled.map((edge) => {
        const { x, y } = curve(edge, places, flat);
        return (
          <text
            key={`${edge.from}\u0000${edge.to}`}
            x={x}
            y={y - 3}
            textAnchor="middle"
            fill={palette.soft}
            stroke={palette.ground}
            strokeWidth="3"
            paintOrder="stroke"
            fontSize="10"
          >
            {time.duration(edge.median_wait_ms)}
          </text>
        );
      })}
    </svg>
  );
}
