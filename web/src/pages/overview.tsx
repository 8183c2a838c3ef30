/** How is the experience, and what changed? */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "../api/queries";
import type { Change, Overview, ScoreCard } from "../api/types";
import { Frame } from "../charts/frame";
import { Trend, trendIndex } from "../charts/trend";
import { Whisker } from "../charts/whisker";
import * as number from "../format/number";
import { changeSentence, driverSentence, overviewHeadline } from "../format/sentences";
import * as time from "../format/time";
import { GLOSSARY, list, lower, title } from "../format/words";
import { Delta, Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { Empty, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { usePalette } from "../ui/theme";
import { Tip } from "../ui/tip";

/** Scores that are read at a glance; the others follow as lines. */
const FIRST_SCORES = 5;
/** Of the trend in a card, px. */
const CARD_HEIGHT = 104;

export default function OverviewPage() {
  const { filter } = useFilter();
  const selection = useSelection();
  const { data: meta } = useQuery(queries.meta());
  const { data, error, refetch } = useQuery(queries.overview(filter));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  if (data.counts.events + data.counts.responses === 0) {
    return (
      <Empty
        title="Nothing has been imported yet"
        action={
          <Link to="/data" className="button primary">
            Import the sources
          </Link>
        }
      >
        Here you will see your scores with their intervals, what changed, and what moves them. {data.counts.sources}{" "}
        sources are declared; import them to begin.
      </Empty>
    );
  }
  return (
    <>
      <div className="head">
        <p className="kicker">Overview · {selection}</p>
        <h1>{overviewHeadline(data)}</h1>
        <NotApplied applied={data.applied} />
      </div>
      <div className="cards">
        {data.scores.slice(0, FIRST_SCORES).map((card) => (
          <Card key={card.metric} card={card} />
        ))}
      </div>
      <Lines cards={data.scores.slice(FIRST_SCORES)} />
      <div className="columns">
        <Changes
          changes={data.changes.filter((change) => change.kind === "theme" || change.verdict !== "unclear")}
          scores={data.scores}
        />
        <TopDrivers drivers={data.drivers} />
      </div>
      <div className="columns">
        <WeakStages stages={data.weakest_stages} />
        <Behind data={data} />
      </div>
    </>
  );
}

function Card({ card }: { card: ScoreCard }) {
  const { data: meta } = useQuery(queries.meta());
  const selection = useSelection();
  const definition = meta?.metrics.find(({ metric }) => metric === card.metric);
  const grain = definition?.period ?? "month";
  const text = (i: number) => {
    const point = card.trend[i]!;
    return `${time.period(grain, point.period_start)}: ${number.whole(point.score, card.kind)}${point.partial ? ", unfinished" : ""}`;
  };
  return (
    <section className="card">
      <h2>
        <Link to="/scores" search={(old) => ({ ...old, metric: card.metric })}>
          {title(card.metric)}
        </Link>
      </h2>
      <Figure
        estimate={card.score}
        unit={card.kind}
        large
        definition={definition?.definition.replace(/\.$/, "")}
        version={definition?.version}
        period={selection}
      />
      <Delta change={card.change} kind={card.kind} />
      {card.trend.length > 0 ? (
        <Frame
          id={`trend-${card.metric}`}
          title={`${title(card.metric)} by ${grain}`}
          heading="hidden"
          height={CARD_HEIGHT}
          readout={text}
          hit={(x, width) => trendIndex(x, width, card.trend.length)}
          table={{
            columns: [title(grain), "Estimate", "Lower", "Upper", "n"],
            rows: card.trend.map(({ period_start, score }) => [
              period_start,
              score.estimate,
              score.lower,
              score.upper,
              score.n,
            ]),
          }}
        >
          {({ width, palette, active }) => (
            <Trend
              points={card.trend}
              grain={grain}
              unit={card.kind}
              target={card.target}
              width={width}
              height={CARD_HEIGHT}
              palette={palette}
              active={active}
            />
          )}
        </Frame>
      ) : (
        <p className="quiet small">No trend in this selection.</p>
      )}
    </section>
  );
}

/** The other scores, one line each: no picture, but never without interval and change. */
function Lines({ cards }: { cards: ScoreCard[] }) {
  const { data: meta } = useQuery(queries.meta());
  const selection = useSelection();
  if (cards.length === 0) return null;
  return (
    <section aria-label="Further scores">
      <ul className="lines">
        {cards.map((card) => {
          const definition = meta?.metrics.find(({ metric }) => metric === card.metric);
          return (
            <li key={card.metric}>
              <h2>
                <Link to="/scores" search={(old) => ({ ...old, metric: card.metric })}>
                  {title(card.metric)}
                </Link>
              </h2>
              <Figure
                estimate={card.score}
                unit={card.kind}
                definition={definition?.definition.replace(/\.$/, "")}
                version={definition?.version}
                period={selection}
              />
              <Delta change={card.change} kind={card.kind} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** The scores whose own interval leaves out 0 although, among everything that is compared here, that may be chance. */
function alone(scores: ScoreCard[]): string {
  const names = scores
    .filter(({ change }) => change && change.verdict !== "unclear")
    .map(({ metric }) => lower(metric));
  if (names.length === 0) return "Nothing moved beyond chance.";
  return `Nothing moved beyond chance. Taken alone, ${list(names)} did; among as many comparisons as are made here, that may be chance.`;
}

function Changes({ changes, scores }: { changes: Change[]; scores: ScoreCard[] }) {
  const palette = usePalette();
  return (
    <section className="section">
      <header>
        <h2>What changed</h2>
        <p>beyond chance, last full period against the one before</p>
      </header>
      {changes.length === 0 && <p className="soft">{alone(scores)}</p>}
      <ul className="rows" style={{ borderTop: 0 }}>
        {changes.map((change, i) => {
          if (change.kind === "theme") {
            return (
              <li key={change.theme_id}>
                <p className="sentence">
                  <Link to="/voice/$id" params={{ id: change.theme_id }}>
                    {changeSentence(change)}
                  </Link>
                </p>
                <p className="evidence">
                  <span>
                    {number.count(change.n)} comments, {number.pValue(change.surge_p)} (adjusted)
                  </span>
                </p>
              </li>
            );
          }
          const unit = number.differenceUnit(change.metric_kind);
          const reach = Math.max(
            Math.abs(change.difference.lower ?? 0),
            Math.abs(change.difference.upper ?? 0),
            0.0001,
          );
          return (
            <li key={`${change.metric}${i}`}>
              <p className="sentence">
                <Link
                  to="/scores"
                  search={(old) => ({
                    ...old,
                    metric: change.metric,
                    ...(change.kind === "slice" ? { slice_by: change.slice_by, slice: change.slice } : {}),
                  })}
                >
                  {changeSentence(change)}
                </Link>
              </p>
              <p className="evidence">
                <Whisker estimate={change.difference} domain={[-reach, reach]} width={96} palette={palette} />
                <span>
                  <b className={change.verdict === "up" ? "good" : change.verdict === "down" ? "bad" : undefined}>
                    {change.verdict === "up" ? "▲ " : change.verdict === "down" ? "▼ " : ""}
                    {number.signed(change.difference.estimate, unit)}
                  </b>{" "}
                  ({number.signedInterval(change.difference, unit)}, n&nbsp;{number.count(change.now.n)} now,{" "}
                  {number.count(change.before.n)} before)
                </span>
              </p>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function TopDrivers({ drivers }: { drivers: Overview["drivers"] }) {
  const palette = usePalette();
  const widest = Math.max(
    0.1,
    ...(drivers?.top.map(({ importance }) => importance.upper ?? importance.estimate ?? 0) ?? []),
  );
  return (
    <section className="section">
      <header>
        <h2>
          {drivers ? (
            <Link to="/drivers" style={{ textDecoration: "none" }}>
              What moves {title(drivers.metric)}
            </Link>
          ) : (
            "What moves the score"
          )}
        </h2>
        {drivers?.r_squared !== null && drivers && (
          <p>
            <Tip term text={GLOSSARY.r_squared}>
              model explains {number.percent(drivers.r_squared)}
            </Tip>{" "}
            of the differences, n&nbsp;{number.count(drivers.n)}
          </p>
        )}
      </header>
      {!drivers && <p className="soft">No drivers yet. They need a metric with `drivers: true`, answers, and a run.</p>}
      <ol className="rows" style={{ borderTop: 0 }}>
        {drivers?.top.map((driver) => (
          <li key={driver.driver}>
            <p className="sentence">
              <b>{title(driver.driver)}</b> <span className="quiet">· {title(driver.family)}</span>
            </p>
            <p className="soft">{driverSentence(driver)}</p>
            <p className="evidence">
              <Whisker estimate={driver.importance} domain={[0, widest]} width={160} palette={palette} bar />
              <span>
                <Tip term text={GLOSSARY.importance}>
                  importance
                </Tip>{" "}
                <Figure estimate={driver.importance} unit="share" definition={GLOSSARY.importance.replace(/\.$/, "")} />
              </span>
            </p>
          </li>
        ))}
      </ol>
      {drivers && (
        <p className="small" style={{ paddingTop: 8 }}>
          <Link to="/drivers">All drivers, and what was screened out</Link>
        </p>
      )}
    </section>
  );
}

function WeakStages({ stages }: { stages: Overview["weakest_stages"] }) {
  const palette = usePalette();
  return (
    <section className="section">
      <header>
        <h2>Where people stop</h2>
        <p>the weakest stage of each journey</p>
      </header>
      {stages.length === 0 && <p className="soft">No journey has enough people to tell.</p>}
      <ul className="rows" style={{ borderTop: 0 }}>
        {stages.map(({ journey, stage }) => (
          <li key={journey}>
            <p className="sentence">
              <Link to="/journey/$name" params={{ name: journey }}>
                {title(journey)}: {number.count(stage.people - stage.continued)} of {number.count(stage.people)} people
                stop after {lower(stage.stage)}
              </Link>
            </p>
            <p className="evidence">
              <Whisker estimate={stage.conversion} domain={[0, 1]} width={160} palette={palette} bar />
              <span>
                go on:{" "}
                <Figure estimate={stage.conversion} unit="share" definition={GLOSSARY.conversion.replace(/\.$/, "")} />
              </span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Behind({ data }: { data: Overview }) {
  const { counts } = data;
  const rows: [string, number, string][] = [
    ["People", counts.people, "/people"],
    ["Events", counts.events, "/data"],
    ["Answers", counts.responses, "/scores"],
    ["Comments", counts.comments, "/voice"],
  ];
  return (
    <section className="section">
      <header>
        <h2>What stands behind these numbers</h2>
        <p>whole store</p>
      </header>
      <div className="facts" style={{ borderTop: 0, paddingTop: 4 }}>
        {rows.map(([name, n, to]) => (
          <div key={name}>
            <span>{name}</span>
            <b>
              <Link to={to} style={{ textDecoration: "none" }}>
                {number.count(n)}
              </Link>
            </b>
          </div>
        ))}
      </div>
      <p className="soft" style={{ marginTop: 12 }}>
        {data.data.balanced ? "✓ Every row and every fact of " : "✗ The equations do not hold for all of "}
        {number.count(counts.sources)} sources {data.data.balanced ? "is accounted for." : ""}{" "}
        <Link to="/data">
          {number.count(data.data.quarantined)} in quarantine, {number.count(data.data.unreadable)} unreadable
        </Link>
        .
      </p>
    </section>
  );
}
