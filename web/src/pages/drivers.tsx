/** What moves the score? */
import { useQuery } from "@tanstack/react-query";
import { createColumnHelper } from "@tanstack/react-table";
import { useMemo } from "react";
import { queries } from "../api/queries";
import type { Driver, Drivers, ScreenedOut } from "../api/types";
import { type Across, across, betterAxis, driverText, mapOption, paretoHeight, paretoOption } from "../charts/drivers";
import { Frame } from "../charts/frame";
import { LazyChart } from "../charts/lazy";
import * as number from "../format/number";
import { driversHeadline } from "../format/sentences";
import { GLOSSARY, list, lower, title } from "../format/words";
import { Chips, Choice } from "../ui/choice";
import { Figure } from "../ui/figure";
import { useFilter } from "../ui/filter";
import { Empty, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { DataTable } from "../ui/table";
import { Tip } from "../ui/tip";

export default function DriversPage() {
  const { search, set } = useFilter();
  const { data, error, refetch } = useQuery(queries.drivers(search.metric, search.segment));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  if (!data.metric) {
    return (
      <Empty title="No drivers yet">
        Here you will see what moves a score, ranked, with intervals. Set <code>drivers: true</code> on a metric in{" "}
        <code>metrics.yaml</code>, then run the pipeline.
      </Empty>
    );
  }
  const name = title(data.metric.metric);
  return (
    <>
      <div className="head">
        <p className="kicker">
          Drivers · {name}
          {data.segment !== "all" && ` · ${title(data.segment)}`}
        </p>
        <h1>{driversHeadline(data)}</h1>
        <p className="lede">
          Together they explain{" "}
          <Tip term text={GLOSSARY.r_squared}>
            {data.r_squared === null ? "an unknown share" : number.percent(data.r_squared)}
          </Tip>{" "}
          of the differences between {number.count(data.n)} answers. Everything was measured before the answer was
          given; going with a score is not yet causing it.
        </p>
        <NotApplied applied={data.applied} />
        {(data.metrics.length > 1 || data.segments.length > 1) && (
          <div className="chips" style={{ gap: 16 }}>
            {data.metrics.length > 1 && (
              <Chips
                label="Metric"
                value={data.metric.metric}
                options={data.metrics.map((metric) => [metric, title(metric)] as const)}
                choose={(metric) => set({ metric })}
              />
            )}
            {data.segments.length > 1 && (
              <Choice
                label="Segment"
                value={data.segment}
                options={data.segments.map((segment) => [segment, title(segment)] as const)}
                choose={(segment) => set({ segment: segment === "all" ? undefined : segment })}
              />
            )}
          </div>
        )}
      </div>
      {data.drivers.length > 0 && (
        <div className="columns">
          <MapChart data={data} />
          <Pareto data={data} />
        </div>
      )}
      <div className="columns">
        <Families families={data.families} />
        <Effects drivers={data.drivers} />
      </div>
      <Screened rows={data.screened_out} />
    </>
  );
}

function MapChart({ data }: { data: Drivers }) {
  const { search, set } = useFilter();
  const axis: Across =
    search.across === "association" || search.across === "performance" ? search.across : betterAxis(data.drivers);
  const placed = data.drivers.filter((driver) => across(driver, axis) !== null && driver.importance.estimate !== null);
  const absent = data.drivers.filter((driver) => across(driver, axis) === null);
  const act = placed[0];
  return (
    <section className="section">
      <Frame
        id="map"
        heading="h2"
        title={act ? `Where to act first: ${lower(act.driver)}` : "Importance and performance"}
        sub="higher: weighs more; line: bootstrap interval"
        height={400}
        readout={(i) => driverText(placed[i]!)}
        table={{
          columns: [
            "Driver",
            axis === "performance" ? "Performance" : "Association",
            "Importance",
            "Lower",
            "Upper",
            "n",
          ],
          rows: placed.map((driver) => [
            title(driver.driver),
            across(driver, axis),
            driver.importance.estimate,
            driver.importance.lower,
            driver.importance.upper,
            driver.importance.n,
          ]),
        }}
        note={absent.length > 0 ? `Not on this axis: ${list(absent.map(({ driver }) => lower(driver)))}.` : undefined}
      >
        {({ width, palette, active }) => (
          <LazyChart option={mapOption(data.drivers, axis, palette, active, width < 480)} width={width} height={400} />
        )}
      </Frame>
      <Chips
        label="Horizontal axis"
        margin="8px 0 0"
        value={axis}
        options={[
          ["performance", "Performance"],
          ["association", "Hurts or helps"],
        ]}
        choose={(across) => set({ across }, true)}
      />
    </section>
  );
}

function Pareto({ data }: { data: Drivers }) {
  const few = data.drivers.filter(({ vital_few }) => vital_few);
  const share = few.at(-1)?.cumulative ?? null;
  return (
    <section className="section">
      <Frame
        id="pareto"
        heading="h2"
        title={
          share === null
            ? "By importance"
            : `The vital few: ${number.count(few.length)} of ${number.count(data.drivers.length)} hold ${number.percent(share)}`
        }
        sub="share of what the model explains, and the running sum"
        height={paretoHeight(data.drivers.length)}
        readout={(i) => driverText(data.drivers[i]!)}
        table={{
          columns: ["Driver", "Family", "Importance", "Lower", "Upper", "Running sum", "n"],
          rows: data.drivers.map((driver) => [
            title(driver.driver),
            title(driver.family),
            driver.importance.estimate,
            driver.importance.lower,
            driver.importance.upper,
            driver.cumulative,
            driver.importance.n,
          ]),
        }}
        note="Blue: the vital few. Grey: the useful many."
      >
        {({ width, palette, active }) => (
          <LazyChart
            option={paretoOption(data.drivers, palette, active, width < 480)}
            width={width}
            height={paretoHeight(data.drivers.length)}
          />
        )}
      </Frame>
    </section>
  );
}

function Families({ families }: { families: Driver[] }) {
  if (families.length === 0) return null;
  const most = Math.max(...families.map(({ importance }) => importance.upper ?? importance.estimate ?? 0), 0.01);
  return (
    <section className="section">
      <header>
        <h2>{title(families[0]!.driver)} is the first family</h2>
        <p>drivers that belong together, summed</p>
      </header>
      <table className="plain">
        <tbody>
          {families.map((family) => (
            <tr key={family.driver}>
              <td className="nowrap">{title(family.driver)}</td>
              <td style={{ width: "36%" }} aria-hidden="true">
                <span className="bar-cell" style={{ width: `${((family.importance.estimate ?? 0) / most) * 100}%` }} />
              </td>
              <td className="num">
                <Figure estimate={family.importance} unit="share" definition={GLOSSARY.importance.replace(/\.$/, "")} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const driverColumn = createColumnHelper<Driver>();

function Effects({ drivers }: { drivers: Driver[] }) {
  const columns = useMemo(
    () => [
      driverColumn.accessor("driver", { header: "Driver", cell: ({ getValue }) => title(getValue()) }),
      driverColumn.accessor("family", {
        header: "Family",
        cell: ({ getValue }) => <span className="soft">{title(getValue())}</span>,
      }),
      driverColumn.accessor((row) => row.performance ?? Number.NEGATIVE_INFINITY, {
        id: "performance",
        header: "Level",
        meta: { num: true },
        cell: ({ row: { original } }) =>
          original.performance === null
            ? "–"
            : original.kind === "boolean"
              ? number.percent(original.performance, 1)
              : number.plain(original.performance),
      }),
      driverColumn.accessor((row) => row.effect ?? 0, {
        id: "effect",
        header: "Score points",
        meta: { num: true },
        cell: ({ row: { original } }) => (original.effect === null ? "–" : number.signed(original.effect, "points")),
      }),
      driverColumn.accessor((row) => row.importance.n, {
        id: "n",
        header: "n",
        meta: { num: true },
        cell: ({ getValue }) => number.count(getValue()),
      }),
    ],
    [],
  );
  if (drivers.length === 0) return null;
  return (
    <section className="section">
      <header>
        <h2>How much the score differs</h2>
        <p>
          <Tip term text={GLOSSARY.effect}>
            where present, or per standard deviation
          </Tip>
        </p>
      </header>
      <DataTable label="Effects" rows={drivers} columns={columns} />
    </section>
  );
}

const screenedColumn = createColumnHelper<ScreenedOut>();

function Screened({ rows }: { rows: ScreenedOut[] }) {
  const columns = useMemo(
    () => [
      screenedColumn.accessor("driver", { header: "Candidate", cell: ({ getValue }) => title(getValue()) }),
      screenedColumn.accessor("family", {
        header: "Family",
        cell: ({ getValue }) => <span className="soft">{title(getValue())}</span>,
      }),
      screenedColumn.accessor((row) => row.statistic ?? -1, {
        id: "statistic",
        header: "r²",
        meta: { num: true },
        cell: ({ row: { original } }) => (original.statistic === null ? "–" : number.plain(original.statistic, 4)),
      }),
      screenedColumn.accessor((row) => row.p_value ?? 2, {
        id: "p",
        header: "Adjusted p",
        meta: { num: true },
        cell: ({ row: { original } }) =>
          original.p_value === null ? "–" : number.pValue(original.p_value).replace(/^p /, ""),
      }),
      screenedColumn.accessor("n", {
        header: "n",
        meta: { num: true },
        cell: ({ getValue }) => number.count(getValue()),
      }),
      screenedColumn.accessor("reason", { header: "Why it was left out", cell: ({ getValue }) => title(getValue()) }),
    ],
    [],
  );
  return (
    <section className="section">
      <header>
        <h2>Screened out</h2>
        <p>looked at and left out: at most 16 candidates enter the model</p>
      </header>
      {rows.length === 0 ? (
        <p className="soft">Every candidate entered the model.</p>
      ) : (
        <DataTable
          label="Screened out"
          rows={rows}
          columns={columns}
          first={{ name: "screened", limit: 12, what: "candidates" }}
        />
      )}
    </section>
  );
}
