/** Where do people get lost, wait, give up? */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { createColumnHelper } from "@tanstack/react-table";
import { Fragment, useMemo } from "react";
import { queries } from "../api/queries";
import type { Friction, Journey, Transition } from "../api/types";
import { Frame } from "../charts/frame";
import { LazyChart } from "../charts/lazy";
import { chooseFlows, flowText, sankeyOption } from "../charts/sankey";
import * as number from "../format/number";
import { journeyHeadline, worstStage } from "../format/sentences";
import * as time from "../format/time";
import { GLOSSARY, lower, plural, title } from "../format/words";
import { Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { DataTable } from "../ui/table";
import { Tip } from "../ui/tip";
import { JourneyTabs } from "./journey-parts";

export default function JourneyPage() {
  const { name } = useParams({ strict: false }) as { name?: string };
  const { filter } = useFilter();
  const selection = useSelection();
  const { data: meta } = useQuery(queries.meta());
  const all = useQuery(queries.journeys(filter));
  const chosen = name ?? meta?.journeys[0];
  const { data, error, refetch } = useQuery({
    ...queries.journey(chosen ?? "", filter),
    enabled: chosen !== undefined,
  });
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (meta && meta.journeys.length === 0) return <EmptySelection what="journeys" />;
  if (!data || !meta) return <PageSkeleton />;
  const row = all.data?.journeys.find(({ journey }) => journey === data.journey);
  return (
    <>
      <div className="head">
        <p className="kicker">Journey · {selection}</p>
        <h1>{journeyHeadline(data)}</h1>
        <NotApplied applied={data.applied} />
        {meta.journeys.length > 1 && (
          <nav className="chips" aria-label="Journey" style={{ marginTop: 8 }}>
            {meta.journeys.map((journey) => (
              <Link
                key={journey}
                to="/journey/$name"
                params={{ name: journey }}
                className="chip"
                aria-current={journey === data.journey ? "true" : undefined}
              >
                {title(journey)}
              </Link>
            ))}
          </nav>
        )}
        <p className="soft">
          {number.count(data.people)} people;{" "}
          {plural(
            data.completed + data.dropped + data.open,
            "journey",
            "journeys",
            number.count(data.completed + data.dropped + data.open),
          )}
          : {number.count(data.completed)} completed, {number.count(data.dropped)} dropped, {number.count(data.open)}{" "}
          still open.
          {row && (
            <>
              {" "}
              Completed, of those that ended:{" "}
              <Figure
                estimate={row.completion}
                unit="share"
                definition="Completed journeys, of completed and dropped ones"
              />
            </>
          )}
        </p>
      </div>
      <JourneyTabs />
      {data.people === 0 ? (
        <EmptySelection what="people" />
      ) : (
        <>
          <Stages journey={data} />
          <Flow transitions={data.transitions} />
          <FrictionList items={data.friction} />
        </>
      )}
    </>
  );
}

function Stages({ journey }: { journey: Journey }) {
  const most = Math.max(1, ...journey.stages.map(({ people }) => people));
  const worst = worstStage(journey.stages);
  return (
    <section aria-label="Stages">
      <div className="stages">
        {journey.stages.map((stage, i) => {
          const before = journey.stages[i - 1];
          const lost = before ? Math.max(0, before.people - stage.people) : 0;
          return (
            <Fragment key={stage.stage}>
              {before && (
                <div className={before === worst ? "between worst" : "between"}>
                  <b>
                    {before.conversion.estimate === null
                      ? number.reason(before.conversion)
                      : number.value(before.conversion.estimate, "share")}
                  </b>
                  <span className="arrow" />
                  <Tip text={`${GLOSSARY.conversion} n ${number.count(before.conversion.n)}.`}>
                    {number.interval(before.conversion, "share")} go on
                  </Tip>
                  <br />
                  {before.median_ms === null ? "time unknown" : `median ${time.duration(before.median_ms)}`}
                </div>
              )}
              <div className="stage">
                <div className="column" aria-hidden="true">
                  {lost > 0 && <div className="lost" style={{ height: `${Math.min(100, (lost / most) * 100)}%` }} />}
                  <div className="fill" style={{ height: `${(stage.people / most) * 100}%` }} />
                </div>
                <dl>
                  <dt>{title(stage.stage)}</dt>
                  <dd className="people">{number.count(stage.people)}</dd>
                  <dd className="small quiet">
                    {stage.conversion.reason === "last_stage" ? (
                      "people reached the end"
                    ) : (
                      <>
                        people;{" "}
                        <Tip term text={GLOSSARY.drop_off}>
                          {number.count(stage.people - stage.continued)} stop here
                        </Tip>
                      </>
                    )}
                  </dd>
                </dl>
              </div>
            </Fragment>
          );
        })}
      </div>
    </section>
  );
}

const column = createColumnHelper<Transition>();

function Flow({ transitions }: { transitions: Transition[] }) {
  const chosen = useMemo(() => chooseFlows(transitions), [transitions]);
  const { flows, other, back } = chosen;
  const first = flows.find(({ from, to }) => from !== "(start)" && to !== "(end)" && to !== "(other)");
  const rest = useMemo(() => [...other, ...back].sort((a, b) => b.n - a.n), [other, back]);
  const columns = useMemo(
    () => [
      column.accessor("from_step", { header: "From", cell: ({ getValue }) => title(getValue()) }),
      column.accessor("to_step", { header: "To", cell: ({ getValue }) => title(getValue()) }),
      column.accessor("n", { header: "Times", meta: { num: true }, cell: ({ getValue }) => number.count(getValue()) }),
      column.accessor("people", {
        header: "People",
        meta: { num: true },
        cell: ({ getValue }) => number.count(getValue()),
      }),
      column.accessor((row) => row.median_wait_ms ?? -1, {
        id: "median",
        header: "Median wait",
        meta: { num: true },
        cell: ({ row }) => time.duration(row.original.median_wait_ms),
      }),
      column.accessor((row) => row.p90_wait_ms ?? -1, {
        id: "p90",
        header: "One in ten waits over",
        meta: { num: true },
        cell: ({ row }) => time.duration(row.original.p90_wait_ms),
      }),
    ],
    [],
  );
  if (flows.length === 0) return null;
  const count = (items: Transition[]) => number.count(items.reduce((sum, { n }) => sum + n, 0));
  return (
    <section className="section">
      <Frame
        id="flows"
        heading="h2"
        title={
          first ? `The widest path leads from ${lower(first.from)} to ${lower(first.to)}` : "Which step follows which"
        }
        sub={`the ${number.count(flows.length)} largest flows, width: how often`}
        height={440}
        readout={(i) => flowText(flows[i]!)}
        table={{
          columns: ["From", "To", "Times", "People", "Median wait"],
          rows: flows.map(({ from, to, n, people, median_wait_ms }) => [
            title(from),
            title(to),
            n,
            people,
            median_wait_ms === null ? null : time.duration(median_wait_ms),
          ]),
        }}
        note={`Not drawn: ${count(other)} moves in ${number.count(other.length)} small flows; ${count(back)} moves that go back or repeat.`}
      >
        {({ width, palette, active }) => (
          <LazyChart
            option={sankeyOption(chosen, palette, active, width < 560)}
            width={width}
            height={width < 560 ? 620 : 440}
          />
        )}
      </Frame>
      {rest.length > 0 && (
        <details className="line" style={{ marginTop: 8 }}>
          <summary>Open the {number.count(rest.length)} flows that are not drawn</summary>
          <div style={{ paddingTop: 8 }}>
            <DataTable
              label="Flows that are not drawn"
              rows={rest}
              columns={columns}
              first={{ name: "flows", limit: 30, what: "flows" }}
            />
          </div>
        </details>
      )}
    </section>
  );
}

const KIND = { drop_off: "gives up", wait: "waits", repeat: "repeats" } as const;

function frictionSentence({ kind, from_step, to_step, n, median_wait_ms, p90_wait_ms }: Friction): string {
  if (kind === "drop_off") return `After ${lower(from_step)}, ${number.count(n)} went no further`;
  if (kind === "repeat") return `${title(from_step)} happened again ${number.count(n)} times`;
  const long = p90_wait_ms === null ? "" : `, one in ten over ${time.duration(p90_wait_ms)}`;
  return `From ${lower(from_step)} to ${lower(to_step ?? "")} takes ${time.duration(median_wait_ms)} (median${long})`;
}

function FrictionList({ items }: { items: Friction[] }) {
  return (
    <section className="section">
      <header>
        <h2>Friction, worst first</h2>
        <p>giving up, waiting, doing it again</p>
      </header>
      {items.length === 0 && <p className="soft">No step stands out in this selection.</p>}
      <ol className="rows" style={{ borderTop: 0 }}>
        {items.map((item) => (
          <li
            key={item.kind + item.from_step + item.to_step}
            style={{ display: "flex", flexWrap: "wrap", gap: "4px 16px", alignItems: "baseline" }}
          >
            <span className="tag" style={{ minWidth: 64, textAlign: "center" }}>
              {KIND[item.kind]}
            </span>
            <span className="sentence" style={{ flex: "1 1 320px" }}>
              {frictionSentence(item)}
            </span>
            <span className="soft">
              <Figure
                estimate={item.share}
                unit="share"
                definition={
                  item.kind === "wait"
                    ? "Share of those at this step who take this way"
                    : item.kind === "repeat"
                      ? "Share of the step's occurrences"
                      : "Share of those who came here"
                }
              />
            </span>
            <span className="quiet small">{plural(item.people, "person", "people", number.count(item.people))}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
