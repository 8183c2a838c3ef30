/** Where do two groups go apart: detractors and promoters, a channel and the others, before and after a day? */
import { useQuery } from "@tanstack/react-query";
import { queries } from "../api/queries";
import type { Comparison, WayDifference } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { GLOSSARY, lower, plural, title } from "../format/words";
import { Choice } from "../ui/choice";
import { useFilter, useSelection } from "../ui/filter";
import { More, useFirst } from "../ui/more";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { Tip } from "../ui/tip";
import { CasesChoice, casesOf, JourneyTabs, PEOPLE } from "./journey-parts";

const WITHIN = ["1d", "7d", "30d"] as const;

export default function ComparePage() {
  const { filter, search, set } = useFilter();
  const selection = useSelection();
  const { data: meta } = useQuery(queries.meta());
  const chosen = search.journey ?? PEOPLE;
  const split = search.split ?? "nps";
  const asked = { ...filter, ...casesOf(chosen), split, within: search.within };
  const { data, error, refetch } = useQuery({ ...queries.compare(asked), enabled: meta !== undefined });
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  const [by, value] = split.includes(":") ? split.split(/:(.*)/s) : [split, ""];
  const day = by === "date" ? (value ?? "") : "";
  return (
    <>
      <div className="head">
        <p className="kicker">Journey · {selection}</p>
        <h1>{headline(data)}</h1>
        <NotApplied applied={data.applied} />
        <p className="soft">
          {title(data.a)}: {number.count(data.cases_a)}. {title(data.b)}: {number.count(data.cases_b)}.{" "}
          <Tip term text={GLOSSARY.stands_out}>
            {plural(data.found, "difference stands out", "differences stand out", number.count(data.found))}
          </Tip>{" "}
          of {number.count(data.tests)} tested.
        </p>
      </div>
      <JourneyTabs />
      <div className="controls">
        <CasesChoice meta={meta} chosen={chosen} />
        <Choice
          label="Compare"
          value={by === "date" ? "date" : split}
          options={[
            ["nps", "Detractors and promoters"],
            ["date", "Before and after a day"],
            {
              heading: "A channel and the others",
              options: meta.channels.map((channel) => [`channel:${channel}`, title(channel)] as const),
            },
            ...meta.slices
              .filter(({ slice_by }) => slice_by.startsWith("attribute."))
              .map(({ slice_by, values }) => ({
                heading: title(slice_by.replace(/^attribute\./, "")),
                options: values.map(({ slice }) => [`${slice_by}:${slice}`, title(slice)] as const),
              })),
          ]}
          choose={(split) =>
            set({ split: split === "date" ? `date:${middle(meta.data_from, meta.data_until)}` : split })
          }
        />
        {by === "date" && (
          <label className="field">
            Day
            <input
              type="date"
              value={day}
              onChange={(event) => event.target.value && set({ split: `date:${event.target.value}` })}
            />
          </label>
        )}
        <Choice
          label="What comes within"
          value={search.within ?? "7d"}
          options={WITHIN.map((within) => [within, within === "1d" ? "1 day" : `${within.slice(0, -1)} days`] as const)}
          choose={(within) => set({ within: within === "7d" ? undefined : within })}
        />
      </div>
      {data.cases_a === 0 || data.cases_b === 0 ? (
        <EmptySelection what={data.cases_a === 0 ? data.a : data.b} />
      ) : (
        <Differences comparison={data} />
      )}
    </>
  );
}

/** The day in the middle of the data. */
function middle(from: string | null, until: string | null): string {
  const [start, end] = [Date.parse(from ?? "2026-01-01"), Date.parse(until ?? "2026-12-31")];
  return new Date((start + end) / 2).toISOString().slice(0, 10);
}

function headline({ a, b, found, differences }: Comparison): string {
  const top = differences[0];
  if (found === 0 || !top) return `${title(a)} and ${b} go the same ways`;
  return `${title(b)}: ${lower(what(top))}, ${figure(top, "b")} instead of ${figure(top, "a")}`;
}

function what({ kind, activities }: WayDifference): string {
  const [from, to] = activities;
  if (kind === "wait") return `Wait from ${lower(from!)} to ${lower(to!)}`;
  if (kind === "step") return `${title(from!)}, of all events`;
  if (kind === "variant") return `Exactly ${activities.map(lower).join(" → ")}`;
  return to === undefined ? `After ${lower(from!)} nothing more` : `After ${lower(from!)} comes ${lower(to)}`;
}

const figure = (difference: WayDifference, side: "a" | "b") => {
  const { estimate } = difference[side];
  return difference.kind === "wait" ? time.duration(estimate) : number.value(estimate, "share");
};

function Differences({ comparison }: { comparison: Comparison }) {
  const { differences, a, b } = comparison;
  const { shown, rest, open } = useFirst("differences", differences, 15);
  return (
    <section className="section">
      <header>
        <h2>What differs, the largest effect first</h2>
        <p>
          {lower(a)} → {lower(b)}
        </p>
      </header>
      <ol className="rows" style={{ borderTop: 0 }}>
        {shown.map((difference) => (
          <li key={difference.kind + difference.activities.join("\u0000")} className="difference">
            <span className="sentence">
              {what(difference)} {difference.stands_out && <span className="tag accent">stands out</span>}
            </span>
            <span>
              {figure(difference, "a")} → <b>{figure(difference, "b")}</b>
              <Interval difference={difference} />
            </span>
            <span className="soft">
              {difference.stands_out &&
                `${plural(Math.round(Math.abs(difference.effect)), "case", "cases", number.count(Math.round(Math.abs(difference.effect))))} otherwise; `}
              {number.pValue(difference.p_value)}
            </span>
          </li>
        ))}
      </ol>
      <More name="differences" count={number.count(differences.length)} what="differences" rest={rest} open={open} />
    </section>
  );
}

/** The difference with its interval. */
function Interval({ difference: { kind, difference } }: { difference: WayDifference }) {
  const { estimate, lower: low, upper } = difference;
  if (estimate === null) return <span className="quiet"> ({number.reason(difference)})</span>;
  if (kind === "wait")
    return low === null || upper === null ? null : (
      <span className="quiet">
        {" "}
        ({signedDuration(low)} to {signedDuration(upper)})
      </span>
    );
  return (
    <span className="quiet">
      {" "}
      ({number.signed(estimate, "share_points")}
      {low !== null && `, ${number.signedInterval(difference, "share_points")}`}, n {number.count(difference.n)})
    </span>
  );
}

const signedDuration = (ms: number) => `${ms < 0 ? "−" : "+"}${time.duration(Math.abs(ms))}`;
