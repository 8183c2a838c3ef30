/** What follows what, how long does it take, and which ways do whole cases go? */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Cell, queries } from "../api/queries";
import type { ProcessMap, Variants } from "../api/types";
import { Frame } from "../charts/frame";
import { END, layout, readable, START } from "../charts/process";
import { edgeText, mapHeight, ProcessPicture, stepName } from "../charts/process-map";
import * as number from "../format/number";
import * as time from "../format/time";
import { lower, plural, title } from "../format/words";
import { Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { More, useFirst } from "../ui/more";
import { Behind, Opens } from "../ui/people";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { CasesChoice, casesOf, JourneyTabs, PEOPLE } from "./journey-parts";

export default function ProcessPage() {
  const { filter, search } = useFilter();
  const selection = useSelection();
  const { data: meta } = useQuery(queries.meta());
  const chosen = search.journey ?? meta?.journeys[0] ?? PEOPLE;
  const asked = { ...filter, ...casesOf(chosen) };
  const map = useQuery({ ...queries.process(asked), enabled: meta !== undefined });
  const variants = useQuery({ ...queries.variants({ ...asked, top: 100 }), enabled: meta !== undefined });
  const { data, error, refetch } = map;
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  const [what, cell] = behind(search.who, asked);
  return (
    <>
      <div className="head">
        <p className="kicker">Journey · {selection}</p>
        <h1>{headline(data)}</h1>
        <NotApplied applied={data.applied} />
        <p className="soft">
          {number.count(data.events)} events of {plural(data.people, "person", "people", number.count(data.people))}
          {data.journey !== null && ` in ${number.count(data.cases)} journeys`};{" "}
          {plural(data.variants, "way", "different ways", number.count(data.variants))} from beginning to end.
        </p>
      </div>
      <JourneyTabs />
      <div className="controls">
        <CasesChoice meta={meta} chosen={chosen} />
      </div>
      {data.cases === 0 ? (
        <EmptySelection what="events" />
      ) : (
        <>
          <MapView map={data} />
          <Behind cell={cell} what={what} />
          {variants.data && <VariantList variants={variants.data} />}
        </>
      )}
    </>
  );
}

/** The slowest of the edges that are drawn at first. */
function headline(map: ProcessMap): string {
  const drawn = layout(map, readable(map)).edges.filter(
    ({ from, to, median_wait_ms }) => median_wait_ms !== null && from !== to,
  );
  const slow = drawn.reduce<(typeof drawn)[number] | null>(
    (worst, edge) => (worst === null || edge.median_wait_ms! * edge.n > worst.median_wait_ms! * worst.n ? edge : worst),
    null,
  );
  if (!slow || slow.median_wait_ms === 0) return "What follows what";
  return `Most time goes from ${lower(slow.from)} to ${lower(slow.to)}: ${time.duration(slow.median_wait_ms)} in the median`;
}

/** What `who` in the URL means here: `edge` and two names, or `way` and the names of a variant, as JSON. */
function behind(who: string | undefined, asked: object): [string, Cell | undefined] {
  let names: string[] = [];
  try {
    names = JSON.parse(who ?? "[]");
  } catch {
    return ["", undefined];
  }
  if (!Array.isArray(names)) return ["", undefined];
  const [kind, ...rest] = names.map(String);
  if (kind === "edge" && rest.length === 2)
    return [
      `${stepName(rest[0]!)} → ${stepName(rest[1]!)}`,
      { of: "process", query: { ...asked, from: rest[0]!, to: rest[1]! } },
    ];
  if (kind === "activity" && rest.length === 1)
    return [title(rest[0]!), { of: "process", query: { ...asked, activity: rest[0]! } }];
  if (kind === "way" && rest.length > 0)
    return [
      rest.length > 6 ? `a way of ${number.count(rest.length)} steps` : rest.map(title).join(" → "),
      { of: "variants", query: { ...asked, way: JSON.stringify(rest) } },
    ];
  return ["", undefined];
}

function MapView({ map }: { map: ProcessMap }) {
  const { search, set } = useFilter();
  const asked = Number(search.coverage);
  const coverage = asked >= 1 && asked <= 100 ? asked / 100 : readable(map);
  const drawn = useMemo(() => layout(map, coverage), [map, coverage]);
  const wide = typeof window === "undefined" || window.innerWidth >= 900;
  const height = mapHeight(drawn, wide ? 1000 : 300);
  const shown = drawn.edges.filter(({ from, to }) => from !== START && to !== END).length;
  return (
    <section className="section">
      <Frame
        id="map"
        heading="h2"
        title="What follows what"
        sub="wide: often; dark: takes long (median); dashed: cases begin or end"
        height={height}
        readout={(i) => (drawn.edges[i] ? edgeText(drawn.edges[i]) : "")}
        choose={(i) => {
          const edge = drawn.edges[i];
          if (edge) set({ who: JSON.stringify(["edge", edge.from, edge.to]) });
        }}
        table={{
          columns: ["From", "To", "Times", "Median wait", "One in ten waits over"],
          rows: drawn.edges.map(({ from, to, n, median_wait_ms, p90_wait_ms }) => [
            stepName(from),
            stepName(to),
            n,
            median_wait_ms === null ? null : time.duration(median_wait_ms),
            p90_wait_ms === null ? null : time.duration(p90_wait_ms),
          ]),
        }}
        note={`${number.count(shown)} of ${number.count(map.edges.length)} edges are drawn: ${number.countedPercent(drawn.coverage)} of ${number.count(map.moves)} moves.`}
      >
        {({ width, palette, active }) => (
          <ProcessPicture
            layout={drawn}
            width={width}
            height={mapHeight(drawn, width)}
            palette={palette}
            active={active}
          />
        )}
      </Frame>
      <label className="slider">
        Share of moves drawn
        <input
          type="range"
          min="1"
          max="100"
          value={Math.round(coverage * 100)}
          onChange={(event) => set({ coverage: event.target.value }, true)}
        />
        <output>{number.percent(coverage)}</output>
      </label>
      <EdgeList drawn={drawn.edges} />
    </section>
  );
}

/** The edges in words, each with its people. */
function EdgeList({ drawn }: { drawn: ReturnType<typeof layout>["edges"] }) {
  const { shown, rest, open } = useFirst("edges", drawn, 8);
  return (
    <>
      <ul className="rows" aria-label="Edges of the map">
        {shown.map((edge) => (
          <li key={`${edge.from}\u0000${edge.to}`} className="edge-row">
            <span>
              {stepName(edge.from)} → {stepName(edge.to)}
            </span>
            <Opens
              who={JSON.stringify(["edge", edge.from, edge.to])}
              label={`People: ${stepName(edge.from)} to ${stepName(edge.to)}`}
            >
              {plural(edge.n, "time", "times", number.count(edge.n))}
            </Opens>
            <span className="soft">
              {edge.median_wait_ms === null
                ? ""
                : `median ${time.duration(edge.median_wait_ms)}, one in ten over ${time.duration(edge.p90_wait_ms)}`}
            </span>
          </li>
        ))}
      </ul>
      <More name="edges" count={number.count(drawn.length)} what="edges" rest={rest} open={open} />
    </>
  );
}

/** Steps of a variant that are shown. */
const MOST_STEPS = 14;

function VariantList({ variants }: { variants: Variants }) {
  const { shown, rest, open } = useFirst("variants", variants.top, 10);
  const last = shown.at(-1);
  const unit = variants.journey === null ? ["person", "people"] : ["journey", "journeys"];
  return (
    <section className="section">
      <header>
        <h2>
          {variants.top[0] && variants.top[0].share.estimate !== null
            ? `The most frequent way covers ${number.percent(variants.top[0].share.estimate, 1)}`
            : "Ways from beginning to end"}
        </h2>
        <p>
          {number.count(variants.variants)} ways of {number.count(variants.cases)} {unit[1]}
          {last && `; those below cover ${number.countedPercent(last.coverage)}`}
        </p>
      </header>
      <ol className="rows">
        {shown.map((variant) => (
          <li key={variant.activities.join("\u0000")} className="variant">
            <p className="way">
              {variant.activities.slice(0, MOST_STEPS).map((step, i) => (
                <span key={i} className="tag">
                  {title(step)}
                </span>
              ))}
              {variant.activities.length > MOST_STEPS && (
                <span className="quiet">… {number.count(variant.activities.length - MOST_STEPS)} more</span>
              )}
            </p>
            <p className="evidence">
              <Opens
                who={JSON.stringify(["way", ...variant.activities])}
                label={`People who went ${variant.activities.slice(0, MOST_STEPS).map(title).join(", ")}`}
              >
                {plural(variant.cases, unit[0]!, unit[1]!, number.count(variant.cases))}
              </Opens>
              <Figure estimate={variant.share} unit="share" definition="Cases that went exactly so, of all cases" />
              <span>covered so far: {number.countedPercent(variant.coverage)}</span>
            </p>
          </li>
        ))}
      </ol>
      <More name="variants" count={number.count(variants.top.length)} what="ways" rest={rest} open={open} />
    </section>
  );
}
