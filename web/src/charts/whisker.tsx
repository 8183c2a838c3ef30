/** One estimate with its interval on a fixed domain with a zero line: the small picture beside a sentence. */
import type { Estimate } from "../api/types";
import type { Palette } from "./palette";
import { linear } from "./scale";

export function Whisker({
  estimate,
  domain,
  width,
  palette,
  bar = false,
}: {
  estimate: Estimate;
  domain: readonly [number, number];
  width: number;
  palette: Palette;
  bar?: boolean;
}) {
  const height = 16;
  const inside = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  const x = linear(domain, [4, width - 4]);
  const { estimate: value, lower, upper } = estimate;
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden="true"
      style={{ display: "block" }}
    >
      <line x1={4} x2={width - 4} y1={8} y2={8} stroke={palette.rule} />
      {domain[0] <= 0 && <line x1={x(0)} x2={x(0)} y1={1} y2={15} stroke={palette.rule2} />}
      {value !== null && bar && (
        <rect
          x={Math.min(x(0), x(inside(value)))}
          width={Math.abs(x(inside(value)) - x(0))}
          y={4}
          height={8}
          fill={palette.data2}
        />
      )}
      {value !== null && lower !== null && upper !== null && (
        <line x1={x(inside(lower))} x2={x(inside(upper))} y1={8} y2={8} stroke={palette.data} strokeWidth="1.75" />
      )}
      {value !== null && <circle cx={x(inside(value))} cy={8} r="3.5" fill={palette.data} />}
    </svg>
  );
}
