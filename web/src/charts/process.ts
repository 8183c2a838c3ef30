/**
 * The layout of a process map. Pure: edges in, places out.
 *
 * The largest edges are taken until they cover the wanted part of all moves. An edge that would close a cycle is drawn as a way back; by
 * the others each activity gets its layer (longest way from a beginning). An edge over several layers has a place of its own in each, so that it
 * leads past what is there; within layers places are ordered by the mean place of their neighbours (Sugiyama's barycentre, some sweeps).
 */
import type { Edge, ProcessMap } from "../api/types";

/** Edges that can be read at first sight. */
export const READABLE = 14;
export const START = "(start)";
export const END = "(end)";
const SWEEPS = 6;

export interface Drawn {
  from: string;
  to: string;
  n: number;
  /** null at the ends of cases. */
  median_wait_ms: number | null;
  p90_wait_ms: number | null;
  back: boolean;
  /** Places that it leads through, one in each layer between its ends. */
  via: string[];
}

export interface Place {
  /** Name, or that of a place which an edge leads through. */
  activity: string;
  through: boolean;
  n: number;
  layer: number;
  /** Place within the layer, and how many are there. */
  order: number;
  of: number;
}

export interface Layout {
  places: Place[];
  edges: Drawn[];
  layers: number;
  widest: number;
  /** Part of all moves that is drawn. */
  coverage: number;
}

/** The part of all moves that the largest edges cover which can be read at first sight. */
export function readable({ edges, moves }: Pick<ProcessMap, "edges" | "moves">): number {
  const sum = edges.slice(0, READABLE).reduce((sum, { n }) => sum + n, 0);
  return moves === 0 ? 1 : sum / moves;
}

/** The largest edges that cover this part of all moves: at least one. */
export function covering({ edges, moves }: Pick<ProcessMap, "edges" | "moves">, coverage: number): Edge[] {
  let sum = 0;
  const found: Edge[] = [];
  for (const edge of edges) {
    if (found.length && sum >= coverage * moves - 1e-6) break;
    found.push(edge);
    sum += edge.n;
  }
  return found;
}

export function layout(map: ProcessMap, coverage: number): Layout {
  const taken = covering(map, coverage);
  const shown = new Set(taken.flatMap(({ from, to }) => [from, to]));
  // The ends of cases, where they are no rarities.
  const often = ({ activity, n }: { activity: string; n: number }) => shown.has(activity) && n >= map.cases * 0.05;
  const end = (from: string, to: string, n: number): Drawn => ({
    from,
    to,
    n,
    median_wait_ms: null,
    p90_wait_ms: null,
    back: false,
    via: [],
  });
  const edges: Drawn[] = [
    ...taken.map((edge) => ({ ...edge, back: false, via: [] })),
    ...map.start.filter(often).map(({ activity, n }) => end(START, activity, n)),
    ...map.end.filter(often).map(({ activity, n }) => end(activity, END, n)),
  ].sort((a, b) => b.n - a.n);
  const next = new Map<string, string[]>();
  const reaches = (from: string, to: string): boolean => {
    const seen = new Set<string>();
    const open = [from];
    while (open.length) {
      const here = open.pop()!;
      if (here === to) return true;
      if (seen.has(here)) continue;
      seen.add(here);
      open.push(...(next.get(here) ?? []));
    }
    return false;
  };
  for (const edge of edges) {
    edge.back = edge.from === edge.to || reaches(edge.to, edge.from);
    if (!edge.back) next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to]);
  }
  const forward = edges.filter(({ back, from, to }) => !back && from !== to);
  const names = [...new Set(edges.flatMap(({ from, to }) => [from, to]))];
  const layerOf = new Map(names.map((name) => [name, 0]));
  for (let moved = true; moved; ) {
    moved = false;
    for (const { from, to } of forward) {
      if (layerOf.get(to)! <= layerOf.get(from)!) {
        layerOf.set(to, layerOf.get(from)! + 1);
        moved = true;
      }
    }
  }
  // What begins somewhere else than cases do stands just before what it leads to.
  for (const name of names) {
    const after = forward.filter(({ from }) => from === name).map(({ to }) => layerOf.get(to)!);
    if (name !== START && after.length && !forward.some(({ to }) => to === name))
      layerOf.set(name, Math.min(...after) - 1);
  }
  const layers = Math.max(0, ...layerOf.values()) + 1;
  if (layerOf.has(END)) layerOf.set(END, layers - 1);
  const rows: string[][] = Array.from({ length: layers }, () => []);
  for (const name of names) rows[layerOf.get(name)!]!.push(name);
  // Neighbours, from layer to layer.
  const links: [string, string][] = [];
  for (const edge of forward) {
    let last = edge.from;
    for (let between = layerOf.get(edge.from)! + 1; between < layerOf.get(edge.to)!; between++) {
      const through = `${edge.from}\u0000${edge.to}\u0000${between}`;
      rows[between]!.push(through);
      edge.via.push(through);
      links.push([last, through]);
      last = through;
    }
    links.push([last, edge.to]);
  }
  const place = new Map<string, number>();
  const note = (row: string[]) => {
    for (const [i, name] of row.entries()) place.set(name, (i + 0.5) / row.length);
  };
  for (const row of rows) note(row);
  const mean = (name: string, pick: (link: [string, string]) => string | null) => {
    const near = links.map(pick).filter((other): other is string => other !== null);
    return near.length ? near.reduce((sum, other) => sum + place.get(other)!, 0) / near.length : place.get(name)!;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const pull = new Map(
        row.map((name) => [
          name,
          mean(name, ([from, to]) => (down ? (to === name ? from : null) : from === name ? to : null)),
        ]),
      );
      row.sort((a, b) => pull.get(a)! - pull.get(b)!);
      note(row);
    }
  }
  const count = new Map(map.activities.map(({ activity, n }) => [activity, n]));
  const covered = taken.reduce((sum, { n }) => sum + n, 0);
  return {
    places: rows.flatMap((row, layer) =>
      row.map((activity, order) => ({
        activity,
        through: !layerOf.has(activity),
        n: count.get(activity) ?? map.cases,
        layer,
        order,
        of: row.length,
      })),
    ),
    edges,
    layers,
    widest: Math.max(1, ...rows.map((row) => row.length)),
    coverage: map.moves === 0 ? 1 : covered / map.moves,
  };
}
