/** Scales and ticks. Pure. */

/** Maps a domain to pixels. */
export function linear(domain: readonly [number, number], range: readonly [number, number]): (value: number) => number {
  const span = domain[1] - domain[0] || 1;
  return (value) => range[0] + ((value - domain[0]) / span) * (range[1] - range[0]);
}

/** Ticks at round steps (1, 2, 5 × 10ⁿ) inside the domain: the step whose number of ticks comes nearest to `about`, the finer of two. */
export function ticks(domain: readonly [number, number], about: number): number[] {
  const span = domain[1] - domain[0];
  if (!(span > 0) || !Number.isFinite(span)) return [domain[0]];
  const power = 10 ** Math.floor(Math.log10(span / Math.max(1, about)));
  const many = (size: number) => Math.floor(domain[1] / size + 1e-9) - Math.ceil(domain[0] / size - 1e-9) + 1;
  const step = [0.5, 1, 2, 5, 10]
    .map((factor) => factor * power)
    .reduce((best, size) => (Math.abs(many(size) - about) < Math.abs(many(best) - about) ? size : best));
  const found: number[] = [];
  for (let i = Math.ceil(domain[0] / step - 1e-9); i * step <= domain[1] + step * 1e-9; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** The extent of all given numbers, widened by a share of itself; a single value gets a little room. */
export function extent(values: (number | null | undefined)[], pad = 0.08): [number, number] {
  const known = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  if (known.length === 0) return [0, 1];
  const low = Math.min(...known);
  const high = Math.max(...known);
  const room = (high - low || Math.abs(high) * 0.1 || 1) * pad;
  return [low - room, high + room];
}

/** The index, of `n` points that lie evenly between two places, that is nearest to a pointer. */
export function nearest(offset: number, [from, to]: readonly [number, number], n: number): number | null {
  if (n === 0) return null;
  return Math.min(n - 1, Math.max(0, Math.round(((offset - from) / Math.max(1, to - from)) * (n - 1))));
}

/** Every how many of `n` points have a label below, where a label takes `room` of the `width`: at least two of them. */
export function labelEvery(n: number, width: number, room: number): number {
  return Math.max(1, Math.ceil(n / Math.max(2, Math.floor(width / room))));
}

/** Runs of consecutive indexes that pass: lines and bands break where there is no value. */
export function runs<T>(items: T[], has: (item: T) => boolean): number[][] {
  const found: number[][] = [];
  let open: number[] = [];
  items.forEach((item, i) => {
    if (has(item)) open.push(i);
    else if (open.length) {
      found.push(open);
      open = [];
    }
  });
  if (open.length) found.push(open);
  return found;
}
