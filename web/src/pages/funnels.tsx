/** How far do people get through steps of one's choice, who gets further, and what did the others do next? */
import { useQuery } from "@tanstack/react-query";
import { type Cell, queries } from "../api/queries";
import type { Funnel, FunnelAsked } from "../api/types";
import { Frame } from "../charts/frame";
import { FunnelBars, funnelIndex } from "../charts/funnel";
import * as number from "../format/number";
import * as time from "../format/time";
import { GLOSSARY, lower, plural, title } from "../format/words";
import { Chips, Choice } from "../ui/choice";
import { Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { More, useFirst } from "../ui/more";
import { Behind, Opens } from "../ui/people";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { Tip } from "../ui/tip";
import { JourneyTabs } from "./journey-parts";

const WINDOWS = ["1h", "1d", "7d", "30d", "90d", "365d"];
/** Steps of a funnel at most. */
const MOST_STEPS = 32;

export default function FunnelsPage() {
  const { filter, search } = useFilter();
  const selection = useSelection();
  const { steps, exclude, window, within, order, by } = search;
  const asked: FunnelAsked = { ...filter, steps, exclude, window, within, order, by };
  const { data, error, refetch } = useQuery(queries.funnel(asked));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const names = data.steps.map(({ step }) => step);
  const [what, cell] = behind(search.who, names, asked);
  return (
    <>
      <div className="head">
        <p className="kicker">Journey · {selection}</p>
        <h1>{headline(data)}</h1>
        <NotApplied applied={data.applied} />
      </div>
      <JourneyTabs />
      {data.activities.length === 0 ? (
        <EmptySelection what="events" />
      ) : (
        <>
          <Builder funnel={data} />
          {error && <ErrorState error={error} retry={() => void refetch()} />}
          <Bars funnel={data} />
          <Steps funnel={data} />
          <Behind cell={cell} what={what} />
          {data.by !== null && <Groups funnel={data} />}
        </>
      )}
    </>
  );
}

/** The worst step. */
function headline({ steps }: Funnel): string {
  const last = steps.at(-1);
  if (!last || steps.length < 2 || last.of_first.estimate === null) return "How far do people get?";
  const worst = steps
    .slice(1)
    .reduce((a, b) => ((b.of_previous.estimate ?? 1) < (a.of_previous.estimate ?? 1) ? b : a));
  const before = steps[steps.indexOf(worst) - 1]!;
  return `${number.value(last.of_first.estimate, "share")} get from ${lower(steps[0]!.step)} to ${lower(last.step)}; most are lost after ${lower(before.step)}`;
}

/** What `who` in the URL means here: `step`, its number, `all` or `stopped`, and the group, as JSON. */
function behind(who: string | undefined, steps: string[], asked: FunnelAsked): [string, Cell | undefined] {
  let parts: unknown = null;
  try {
    parts = JSON.parse(who ?? "null");
  } catch {
    return ["", undefined];
  }
  if (!Array.isArray(parts) || typeof parts[0] !== "number" || steps[parts[0] - 1] === undefined)
    return ["", undefined];
  const [step, which, group] = parts as [number, string, string | null | undefined];
  const query = {
    ...asked,
    steps: JSON.stringify(steps),
    step,
    ...(which === "stopped" ? { stopped: true } : {}),
    ...(group === undefined || !asked.by ? {} : { group: group ?? "" }),
  };
  const place = lower(steps[step - 1]!);
  const of = group === undefined ? "" : `, ${group === null ? "without a value" : title(group)}`;
  return [`${which === "stopped" ? "stopped after" : "got to"} ${place}${of}`, { of: "funnel", query }];
}

function Builder({ funnel }: { funnel: Funnel }) {
  const { search, set } = useFilter();
  const names = funnel.steps.map(({ step }) => step);
  const change = (steps: string[]) => set({ steps: JSON.stringify(steps), who: undefined });
  const options = funnel.activities.map(({ activity }) => [activity, title(activity)] as const);
  const window = search.window ?? `${Math.round(funnel.window_ms / 86_400_000)}d`;
  return (
    <section className="builder" aria-label="The funnel">
      <ol className="builder-steps">
        {names.map((name, i) => (
          <li key={`${i}${name}`}>
            <Choice
              label={`${i + 1}.`}
              value={name}
              options={options.some(([activity]) => activity === name) ? options : [[name, title(name)], ...options]}
              choose={(step) => step && change(names.map((old, k) => (k === i ? step : old)))}
            />
            {i > 0 && (
              <button
                type="button"
                className="text-button small"
                aria-label={`Move step ${i + 1}, ${title(name)}, to the left`}
                onClick={() => change([...names.slice(0, i - 1), name, names[i - 1]!, ...names.slice(i + 1)])}
              >
                ←
              </button>
            )}
            {names.length > 1 && (
              <button
                type="button"
                className="text-button small"
                aria-label={`Remove step ${i + 1}, ${title(name)}`}
                onClick={() => change(names.filter((_, k) => k !== i))}
              >
                ×
              </button>
            )}
          </li>
        ))}
        {names.length < MOST_STEPS && (
          <li>
            <Choice
              label="then"
              value={undefined}
              all="Add a step"
              options={options}
              choose={(step) => step && change([...names, step])}
            />
          </li>
        )}
      </ol>
      <div className="controls">
        <Choice
          label="Within"
          value={window}
          options={[...new Set([...WINDOWS, window])].map((one) => [one, windowName(one)] as const)}
          choose={(window) => set({ window, who: undefined })}
        />
        <Choice
          label="of"
          value={funnel.within}
          options={[
            ["whole", "the first step"],
            ["step", "the step before"],
          ]}
          choose={(within) => set({ within: within === "whole" ? undefined : within, who: undefined })}
        />
        <Choice
          label="Tell apart by"
          value={funnel.by ?? undefined}
          all="nothing"
          options={funnel.groupings.map((by) => [by, title(by.replace(/^attribute\./, ""))] as const)}
          choose={(by) => set({ by, who: undefined })}
        />
        <Choice
          label="Not after"
          value={funnel.exclude[0]}
          all="nothing"
          options={options.filter(([activity]) => !names.includes(activity))}
          choose={(exclude) => set({ exclude: exclude && JSON.stringify([exclude]), who: undefined })}
        />
        <Chips
          label="Order of the steps"
          value={funnel.order}
          options={[
            ["ordered", "In this order"],
            ["strict", "Nothing in between"],
            ["any", "Any order"],
          ]}
          choose={(order) => set({ order: order === "ordered" ? undefined : order, who: undefined })}
        />
      </div>
    </section>
  );
}

const UNITS: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

function windowName(window: string): string {
  const [, n, unit] = /^(\d+)([smhdw])$/.exec(window) ?? [];
  if (!n || !unit) return window;
  return plural(Number(n), UNITS[unit]!, `${UNITS[unit]}s`, n);
}

function Bars({ funnel }: { funnel: Funnel }) {
  const { set } = useFilter();
  const { steps } = funnel;
  const median =
    funnel.median_conversion_ms === null
      ? ""
      : ` From the first step to the last: median ${time.duration(funnel.median_conversion_ms)}, one in ten over ${time.duration(funnel.p90_conversion_ms)}.`;
  return (
    <section className="section">
      <Frame
        id="funnel"
        heading="h2"
        title="People at each step"
        sub="share of the first step, with its interval"
        height={300}
        hit={(x, width) => funnelIndex(x, width, steps.length)}
        choose={(i) => set({ who: JSON.stringify([i + 1, "all"]) })}
        readout={(i) => {
          const step = steps[i]!;
          return `${title(step.step)}: ${number.count(step.people)} people, ${number.whole(step.of_first, "share")} of the first step`;
        }}
        table={{
          columns: ["Step", "People", "Of first", "Lower", "Upper", "Of step before", "Stopped here"],
          rows: steps.map(({ step, people, of_first, of_previous, stopped }) => [
            title(step),
            people,
            of_first.estimate,
            of_first.lower,
            of_first.upper,
            of_previous.estimate,
            stopped,
          ]),
        }}
        note={`${number.count(funnel.people)} people had an event of any step.${median}`}
      >
        {({ width, palette, active }) => (
          <FunnelBars steps={steps} width={width} height={300} palette={palette} active={active} />
        )}
      </Frame>
    </section>
  );
}

function Steps({ funnel: { steps } }: { funnel: Funnel }) {
  return (
    <section className="section">
      <header>
        <h2>Step by step</h2>
        <p>people, who went on, and what those did next who stopped</p>
      </header>
      <ol className="rows" style={{ borderTop: 0 }}>
        {steps.map((step, i) => (
          <li key={`${i}${step.step}`} className="funnel-step">
            <span className="sentence">
              {i + 1}. {title(step.step)}
            </span>
            <span>
              <Opens who={JSON.stringify([i + 1, "all"])} label={`People who got to ${title(step.step)}`}>
                {plural(step.people, "person", "people", number.count(step.people))}
              </Opens>{" "}
              {i > 0 && (
                <Figure
                  estimate={step.of_previous}
                  unit="share"
                  definition="People who got here, of those at the step before"
                />
              )}
            </span>
            <span className="soft">
              {i === steps.length - 1 ? (
                "got to the end"
              ) : (
                <>
                  <Opens
                    who={JSON.stringify([i + 1, "stopped"])}
                    label={`People who stopped after ${title(step.step)}`}
                  >
                    {number.count(step.stopped)} stopped
                  </Opens>
                  {step.next.length > 0 &&
                    `; next: ${step.next
                      .map(
                        ({ activity, people }) =>
                          `${activity === null ? "nothing more" : lower(activity)} ${number.count(people)}`,
                      )
                      .join(", ")}`}
                </>
              )}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Groups({ funnel }: { funnel: Funnel }) {
  const { shown, rest, open } = useFirst("groups", funnel.groups, 12);
  const steps = funnel.steps.length;
  return (
    <section className="section">
      <header>
        <h2>
          By {lower((funnel.by ?? "").replace(/^attribute\./, ""))}
          {funnel.groups.some(({ stands_out }) => stands_out) ? "" : ": no group stands out"}
        </h2>
        <p>
          <Tip term text={GLOSSARY.stands_out}>
            tested against everybody else
          </Tip>
        </p>
      </header>
      <ul className="lines" style={{ marginTop: 0 }}>
        {shown.map((group) => {
          const name = group.group === null ? "Without a value" : title(group.group);
          return (
            <li key={group.group ?? "\u0000"}>
              <span>
                {name} {group.stands_out && <span className="tag accent">stands out</span>}
              </span>
              <span>
                <Opens who={JSON.stringify([steps, "all", group.group])} label={`People of ${name} who got to the end`}>
                  {number.count(group.reached.at(-1) ?? 0)} of {number.count(group.reached[0] ?? 0)}
                </Opens>{" "}
                <Figure estimate={group.conversion} unit="share" definition="From the first step to the last" />
              </span>
              <span className="soft">
                <Figure
                  estimate={group.difference}
                  unit="share_points"
                  sign
                  definition="Less the share of everybody else"
                />
              </span>
            </li>
          );
        })}
      </ul>
      <More name="groups" count={number.count(funnel.groups.length)} what="groups" rest={rest} open={open} />
    </section>
  );
}
