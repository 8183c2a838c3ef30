/** Can I trust this number, and for whom does it differ? */
import { useQuery } from "@tanstack/react-query";
import { queries } from "../api/queries";
import type { Scores } from "../api/types";
import { Distribution } from "../charts/distribution";
import { Dots, dotsHeight } from "../charts/dots";
import { Frame } from "../charts/frame";
import { Trend, trendIndex } from "../charts/trend";
import * as number from "../format/number";
import { scoreHeadline } from "../format/sentences";
import * as time from "../format/time";
import { sentence, title } from "../format/words";
import { Chips } from "../ui/choice";
import { Delta, Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";

export default function ScoresPage() {
  const { filter, search, set } = useFilter();
  const selection = useSelection();
  const { data: meta } = useQuery(queries.meta());
  const { data, error, refetch } = useQuery(queries.scores(search.metric, filter));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  const { metric } = data;
  const text = (i: number) =>
    `${time.period(metric.period, data.trend[i]!.period_start)}: ${number.whole(data.trend[i]!.score, metric.kind)}`;
  return (
    <>
      <div className="head">
        <p className="kicker">Scores · {selection}</p>
        <h1>{scoreHeadline(data)}</h1>
        <NotApplied applied={data.applied} />
        <Chips
          label="Metric"
          margin="8px 0 0"
          value={metric.metric}
          options={meta.metrics.map(({ metric: name }) => [name, title(name)] as const)}
          choose={(name) => set({ metric: name })}
        />
      </div>
      {data.score.n === 0 && data.trend.length === 0 ? (
        <EmptySelection what="answers" />
      ) : (
        <>
          <div className="columns wide-right" style={{ borderTop: "1px solid var(--ink)", paddingTop: 12 }}>
            <div style={{ display: "grid", gap: 8, alignContent: "start" }}>
              <Figure
                estimate={data.score}
                unit={metric.kind}
                large
                definition={metric.definition.replace(/\.$/, "")}
                version={metric.version}
                period={selection}
              />
              <Delta change={data.change} kind={metric.kind} />
              <p className="soft" style={{ maxWidth: "44ch" }}>
                {sentence(metric.definition)}
              </p>
              <dl className="kv" style={{ marginTop: 8 }}>
                <dt>Target</dt>
                <dd>{metric.target === null ? "none set" : number.value(metric.target, metric.kind)}</dd>
                <dt>Asked of</dt>
                <dd>{title(metric.population)}</dd>
                {metric.survey && (
                  <>
                    <dt>Survey</dt>
                    <dd>{title(metric.survey)}</dd>
                  </>
                )}
                <dt>Answers</dt>
                <dd>
                  {number.count(data.health.answers)}
                  {data.health.out_of_scale > 0 &&
                    `, ${number.count(data.health.out_of_scale)} outside the scale not counted`}
                </dd>
                <dt>Response rate</dt>
                <dd>
                  <Figure estimate={data.health.response_rate} unit="share" definition="Answered, of those invited" />
                </dd>
                <dt>Definition</dt>
                <dd>
                  <code>{metric.version}</code>
                </dd>
              </dl>
            </div>
            <Frame
              id="trend"
              title={`${title(metric.metric)} by ${metric.period}`}
              sub={`${unitText(metric.kind)}; band: ${number.percent(data.score.level)} interval`}
              height={280}
              readout={text}
              hit={(x, width) => trendIndex(x, width, data.trend.length)}
              table={{
                columns: [title(metric.period), "Estimate", "Lower", "Upper", "n"],
                rows: data.trend.map(({ period_start, score }) => [
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
                  points={data.trend}
                  grain={metric.period}
                  unit={metric.kind}
                  target={metric.target}
                  width={width}
                  height={280}
                  palette={palette}
                  active={active}
                />
              )}
            </Frame>
          </div>
          <section className="section">
            <header>
              <h2>For whom it differs</h2>
              <p>dot: estimate; line: interval; dashed: the whole</p>
            </header>
            <div className="columns">
              {data.slices.map((dimension) => (
                <Slices key={dimension.slice_by} data={data} dimension={dimension} />
              ))}
              {data.distribution && <Answers data={data} bars={data.distribution} />}
            </div>
          </section>
        </>
      )}
    </>
  );
}

function unitText(kind: Scores["metric"]["kind"]): string {
  if (kind === "nps") return "NPS, −100 to 100";
  return kind === "csat" || kind === "share" ? "percent" : "mean on the scale";
}

function Slices({ data, dimension }: { data: Scores; dimension: Scores["slices"][0] }) {
  const { kind } = data.metric;
  const rows = dimension.slices.slice(0, 14);
  const rest = dimension.slices.length - rows.length;
  return (
    <div style={{ paddingBottom: 24, minWidth: 0 }}>
      <Frame
        id={`by-${dimension.slice_by}`}
        title={`By ${title(dimension.slice_by).toLowerCase()}`}
        height={dotsHeight(rows.length)}
        readout={(i) => `${title(dimension.slices[i]!.slice)}: ${number.whole(dimension.slices[i]!.score, kind)}`}
        hit={(_x, _width, y) => {
          const row = Math.floor((y - 20) / 24);
          return row >= 0 && row < rows.length ? row : null;
        }}
        table={{
          columns: [title(dimension.slice_by), "Estimate", "Lower", "Upper", "n"],
          rows: dimension.slices.map(({ slice, score }) => [
            title(slice),
            score.estimate,
            score.lower,
            score.upper,
            score.n,
          ]),
        }}
        note={rest > 0 ? `${rest} smaller ones in the table` : undefined}
      >
        {({ width, palette, active }) => (
          <Dots
            rows={rows.map(({ slice, score }) => ({ label: title(slice), estimate: score }))}
            unit={kind}
            reference={data.score.estimate}
            width={width}
            palette={palette}
            active={active}
          />
        )}
      </Frame>
    </div>
  );
}

function Answers({ data, bars }: { data: Scores; bars: { score: number; n: number }[] }) {
  const all = bars.reduce((sum, { n }) => sum + n, 0);
  return (
    <div style={{ paddingBottom: 24, minWidth: 0 }}>
      <Frame
        id="answers"
        title="By answer"
        sub={data.metric.question ?? undefined}
        height={160}
        readout={(i) => `${bars[i]!.score}: ${number.count(bars[i]!.n)} of ${number.count(all)} answers`}
        hit={(x, width) => Math.min(bars.length - 1, Math.max(0, Math.floor((x / width) * bars.length)))}
        table={{ columns: ["Answer", "n"], rows: bars.map(({ score, n }) => [score, n]) }}
        note={`n ${number.count(all)}`}
      >
        {({ width, palette, active }) => (
          <Distribution bars={bars} width={width} height={160} palette={palette} active={active} />
        )}
      </Frame>
    </div>
  );
}
