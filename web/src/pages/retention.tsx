/** Who comes back, how long, and do newer people come back more? */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Cell, queries } from "../api/queries";
import type { Retention, RetentionAsked } from "../api/types";
import { Frame } from "../charts/frame";
import { Curve, curveIndex, Heat, heatCells, heatColumns, heatHeight, heatIndex } from "../charts/retention";
import * as number from "../format/number";
import * as time from "../format/time";
import { list, lower, title } from "../format/words";
import { Chips, Choice } from "../ui/choice";
import { Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { Behind } from "../ui/people";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { JourneyTabs } from "./journey-parts";

const UNITS = ["day", "week", "month", "quarter"] as const;
/** Cohorts that are drawn. */
const MOST = 30;

export default function RetentionPage() {
  const { filter, search, set } = useFilter();
  const selection = useSelection();
  const asked: RetentionAsked = { ...filter, unit: search.unit ?? "month", of: search.of };
  const { data, error, refetch } = useQuery(queries.retention(asked));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const [what, cell] = behind(search.who, asked);
  return (
    <>
      <div className="head">
        <p className="kicker">Journey · {selection}</p>
        <h1>{headline(data)}</h1>
        <NotApplied applied={data.applied} />
        {data.curve[1] && (
          <p className="soft">
            One {data.unit} later:{" "}
            <Figure
              estimate={data.curve[1].rate}
              unit="share"
              definition={`People who came again in the next ${data.unit}, of all cohorts for which it was observed to its end`}
            />
          </p>
        )}
      </div>
      <JourneyTabs />
      <div className="controls">
        <Chips
          label="Length of periods"
          value={data.unit}
          options={UNITS.map((unit) => [unit, `By ${unit}`] as const)}
          choose={(unit) => set({ unit: unit === "month" ? undefined : unit, who: undefined })}
        />
        <Choice
          label="What counts"
          value={data.of[0]}
          all="anything they do"
          options={data.activities.map(({ activity }) => [activity, title(activity)] as const)}
          choose={(of) => set({ of: of && JSON.stringify([of]), who: undefined })}
        />
      </div>
      {data.people === 0 ? (
        <EmptySelection what="people" />
      ) : (
        <>
          <Cohorts retention={data} />
          <Behind cell={cell} what={what} />
          <Curves retention={data} />
        </>
      )}
    </>
  );
}

function headline({ curve, unit, of }: Retention): string {
  const later = [3, 2, 1].map((n) => curve[n]).find((point) => point?.rate.estimate !== null && point !== undefined);
  const what = of.length ? ` to ${list(of.map(lower))}` : "";
  if (!later || later.rate.estimate === null) return `Who comes back${what}?`;
  return `${number.value(later.rate.estimate, "share")} come back${what} ${later.n === 1 ? `one ${unit}` : `${later.n} ${unit}s`} later`;
}

/** What `who` in the URL means here: the cohort's first day and how many periods later, as JSON. */
function behind(who: string | undefined, asked: RetentionAsked): [string, Cell | undefined] {
  try {
    const [cohort, later] = JSON.parse(who ?? "[]") as [string, number];
    if (typeof cohort !== "string" || typeof later !== "number") return ["", undefined];
    return [
      `${cohortName(asked.unit ?? "month", cohort)}, ${later} later`,
      { of: "retention", query: { ...asked, cohort, later } },
    ];
  } catch {
    return ["", undefined];
  }
}

const cohortName = (unit: string, cohort: string) => time.period(unit, cohort);

function Cohorts({ retention }: { retention: Retention }) {
  const { filter, set } = useFilter();
  const { unit } = retention;
  const cohorts = useMemo(() => retention.cohorts.slice(-MOST), [retention]);
  const all = useMemo(() => heatCells(cohorts, 60), [cohorts]);
  const left = retention.cohorts.length - cohorts.length;
  const height = heatHeight(cohorts);
  const shown = (width: number) => heatColumns(cohorts, width);
  return (
    <section className="section">
      <Frame
        id="cohorts"
        heading="h2"
        title="Of those who came first in a period, who came again"
        sub="percent; a row is a cohort with its people, a column so many periods later"
        height={height}
        hit={(x, width, y) => {
          const columns = shown(width);
          const drawn = all.filter(({ column }) => column < columns);
          const i = heatIndex(drawn, columns, x, width, y);
          return i === null ? null : all.indexOf(drawn[i]!);
        }}
        choose={(i) => {
          const { cohort, cell } = all[i]!;
          set({ who: JSON.stringify([cohort.cohort, cell.n]) });
        }}
        readout={(i) => {
          const { cohort, cell } = all[i]!;
          const rate = cell.complete
            ? number.whole(cell.rate, "share")
            : `${number.count(cell.active)} so far; the ${unit} is not over`;
          return `${title(cohortName(unit, cohort.cohort))}, ${cell.n} ${unit}${cell.n === 1 ? "" : "s"} later: ${rate}`;
        }}
        table={{
          columns: ["Cohort", "People", "Later", "Came", "Rate", "Lower", "Upper", "Observed to its end"],
          rows: all.map(({ cohort, cell }) => [
            cohort.cohort,
            cohort.people,
            cell.n,
            cell.active,
            cell.rate.estimate,
            cell.rate.lower,
            cell.rate.upper,
            cell.complete ? "yes" : "no",
          ]),
        }}
        note={`Dashed: not over yet. ${left > 0 ? `${number.count(left)} older cohorts are not drawn. ` : filter.period ? "" : "The first row also holds everybody who was there before the data begins. "}A click, or Enter, opens the people.`}
      >
        {({ width, palette, active }) => {
          const columns = shown(width);
          const cells = all.filter(({ column }) => column < columns);
          const here = active === null ? -1 : cells.indexOf(all[active]!);
          return (
            <Heat
              cells={cells}
              cohorts={cohorts}
              unit={unit}
              columns={columns}
              width={width}
              palette={palette}
              active={here < 0 ? null : here}
            />
          );
        }}
      </Frame>
    </section>
  );
}

function Curves({ retention }: { retention: Retention }) {
  // The first point is everybody.
  const points = retention.curve.filter(({ n }) => n >= 1);
  if (points.length < 2) return null;
  return (
    <section className="section">
      <Frame
        id="curve"
        heading="h2"
        title="All cohorts together"
        sub={`share that came in that ${retention.unit}; the band is the interval`}
        height={220}
        hit={(x, width) => curveIndex(x, width, points.length)}
        readout={(i) => {
          const { n, rate } = points[i]!;
          return `${n} ${retention.unit}${n === 1 ? "" : "s"} later: ${number.whole(rate, "share")}`;
        }}
        table={{
          columns: ["Later", "Came", "Rate", "Lower", "Upper", "n"],
          rows: points.map(({ n, active, rate }) => [n, active, rate.estimate, rate.lower, rate.upper, rate.n]),
        }}
        note="Each point counts the cohorts for which that period was observed to its end."
      >
        {({ width, palette, active }) => (
          <Curve points={points} width={width} height={220} palette={palette} active={active} />
        )}
      </Frame>
    </section>
  );
}
