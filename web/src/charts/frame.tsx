/**
 * The frame of every chart: the answer as title, keyboard focus with a readout in words, a table view, copying as CSV, SVG and PNG,
 * and a link that reproduces it. What is inside draws itself for a width and an active row; it knows nothing of this.
 */
import { type KeyboardEvent, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { usePalette } from "../ui/theme";
import { copyImage, copyText, csv, png, svgText } from "./export";
import type { Palette } from "./palette";

export interface ChartRows {
  columns: string[];
  /** One row a mark, in the order in which the arrow keys walk. */
  rows: (string | number | null)[][];
}

export interface Drawing {
  width: number;
  palette: Palette;
  /** Row that the reader is at, or null. */
  active: number | null;
}

export interface FrameProps {
  /** Anchor of the chart's own link; unique on the page. */
  id: string;
  /** The answer. */
  title: string;
  /** What is shown, unit. */
  sub?: string;
  /** Heading level; `hidden` where the page's heading above says it. */
  heading?: "h2" | "h3" | "hidden";
  table: ChartRows;
  /** A row in words. */
  readout: (row: number) => string;
  height: number;
  /** Row under a pointer, for charts that can be hit at any place. */
  hit?: (x: number, width: number, y: number) => number | null;
  /** Opens what is behind a row: Enter, or a click at a place that can be hit. */
  choose?: (row: number) => void;
  children: (drawing: Drawing) => ReactNode;
  note?: ReactNode;
}

export function Frame({
  id,
  title,
  sub,
  heading = "h3",
  table,
  readout,
  height,
  hit,
  choose,
  children,
  note,
}: FrameProps) {
  const palette = usePalette();
  const plot = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const [said, setSaid] = useState("");

  // biome-ignore lint/correctness/useExhaustiveDependencies: the plot is a new element after the table was shown
  useEffect(() => {
    const box = plot.current;
    if (!box) return;
    setWidth(box.clientWidth);
    const watch = new ResizeObserver(() => setWidth(box.clientWidth));
    watch.observe(box);
    return () => watch.disconnect();
  }, [asTable]);

  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), 2_500);
    return () => clearTimeout(timer);
  }, [said]);

  const last = table.rows.length - 1;
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowRight: (active ?? -1) + 1,
      ArrowDown: (active ?? -1) + 1,
      ArrowLeft: (active ?? last + 1) - 1,
      ArrowUp: (active ?? last + 1) - 1,
      Home: 0,
      End: last,
    };
    if (event.key === "Escape") return setActive(null);
    if (event.key === "Enter" && choose && active !== null && active <= last) return choose(active);
    const to = moves[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    setActive(Math.min(last, Math.max(0, to)));
  };

  const source = () => `${location.host}${location.pathname}${location.search}`;
  const picture = () => {
    const svg = plot.current?.querySelector("svg");
    return svg ? svgText(svg, palette.ground, title, source()) : null;
  };
  const copies: [name: string, copy: () => Promise<string>][] = [
    ["CSV", () => copyText(csv(table.columns, table.rows), `${id}.csv`)],
    [
      "SVG",
      async () => {
        const svg = picture();
        return svg ? copyText(svg, `${id}.svg`) : "Close the table first";
      },
    ],
    [
      "PNG",
      async () => {
        const svg = picture();
        return svg ? copyImage(await png(svg), `${id}.png`) : "Close the table first";
      },
    ],
    ["Link", () => copyText(`${location.href.split("#")[0]}#${id}`, `${id}.txt`)],
  ];

  const Heading = heading === "hidden" ? "h3" : heading;
  return (
    <figure className="chart" id={id} aria-label={title}>
      <div className="chart-head">
        <div className={heading === "hidden" ? "hidden" : undefined}>
          <Heading>{title}</Heading>
          {sub && <p className="sub">{sub}</p>}
        </div>
        <div className="chart-tools">
          {said && <output>{said}</output>}
          <button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? "Chart" : "Table"}
            <span className="hidden">: {title}</span>
          </button>
          <details
            onToggle={(event) => {
              const box = event.currentTarget;
              if (!box.open) return;
              const close = (other: Event) => {
                if (other.type === "keydown" && (other as unknown as KeyboardEvent).key !== "Escape") return;
                if (
                  other.type === "click" &&
                  box.contains(other.target as Node) &&
                  (other.target as HTMLElement).tagName !== "BUTTON"
                )
                  return;
                box.open = false;
                document.removeEventListener("click", close);
                document.removeEventListener("keydown", close);
              };
              setTimeout(() => document.addEventListener("click", close));
              document.addEventListener("keydown", close);
            }}
          >
            <summary>
              Copy ▾<span className="hidden">: {title}</span>
            </summary>
            <div>
              {copies.map(([name, copy]) => (
                <button
                  key={name}
                  type="button"
                  onClick={() => {
                    copy().then(setSaid, (error: Error) => setSaid(error.message));
                  }}
                >
                  {name}
                </button>
              ))}
            </div>
          </details>
        </div>
      </div>
      {asTable ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <section className="scroll" tabIndex={0} aria-label={`Table: ${title}`}>
          <table className="plain">
            <thead>
              <tr>
                {table.columns.map((column, i) => (
                  <th key={column} scope="col" className={typeof table.rows[0]?.[i] === "number" ? "num" : undefined}>
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row, i) => (
                <tr key={i}>
                  {row.map((value, j) => (
                    <td key={j} className={typeof value === "number" ? "num" : undefined}>
                      {value === null
                        ? "–"
                        : typeof value === "number"
                          ? Number(value.toPrecision(5)).toLocaleString(undefined, { maximumFractionDigits: 4 })
                          : value}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : (
        // biome-ignore lint/a11y/useSemanticElements: a chart has no element of its own
        <div
          ref={plot}
          className="plot"
          role="group"
          aria-roledescription="chart"
          aria-label={`${title}. ${last + 1} values; arrow keys read them${choose ? ", Enter opens the people" : ""}.`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the values
          tabIndex={0}
          style={{ minHeight: height }}
          onKeyDown={onKey}
          onBlur={() => setActive(null)}
          onPointerMove={(event) => {
            if (!hit || event.pointerType === "touch") return;
            const box = event.currentTarget.getBoundingClientRect();
            setActive(hit(event.clientX - box.left, width, event.clientY - box.top));
          }}
          onPointerDown={(event) => {
            if (!hit) return;
            const box = event.currentTarget.getBoundingClientRect();
            setActive(hit(event.clientX - box.left, width, event.clientY - box.top));
          }}
          onPointerLeave={() => hit && setActive(null)}
          onClick={(event) => {
            if (!hit || !choose) return;
            const box = event.currentTarget.getBoundingClientRect();
            const row = hit(event.clientX - box.left, width, event.clientY - box.top);
            if (row !== null) choose(row);
          }}
        >
          {width > 0 && (
            <Suspense fallback={<div className="skeleton" style={{ height }} />}>
              {children({ width, palette, active })}
            </Suspense>
          )}
        </div>
      )}
      {!asTable && (
        <p className="readout" aria-live="polite">
          {active !== null && active <= last ? readout(active) : (note ?? "")}
        </p>
      )}
    </figure>
  );
}
