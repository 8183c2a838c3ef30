/** Is what comes from this source complete and clean? Its volume, equations by batch, alarms and fields. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { queries } from "../api/queries";
import type { Alarm, BatchEquations, Source, SourceDetail } from "../api/types";
import { Frame } from "../charts/frame";
import { Volume, volumeIndex, volumeLabel } from "../charts/volume";
import * as number from "../format/number";
import { lowerReason, reason } from "../format/reasons";
import { held, sourceHeadline } from "../format/sentences";
import * as time from "../format/time";
import { GLOSSARY, plural, sentence, title } from "../format/words";
import { Chips } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { More, useOpen } from "../ui/more";
import { ErrorState, PageSkeleton, Skeleton } from "../ui/states";
import { Tip } from "../ui/tip";
import { DataHead, doorCounts, Equations, Freshness, HealthWord, origin, volumeTable } from "./data-parts";
import { FieldTable } from "./data-quality";

/** Batches at first, and at most. */
const [FEW, MANY] = [12, 200];

export default function SourcePage() {
  const { source: name = "" } = useParams({ strict: false }) as { source?: string };
  const { search, set } = useFilter();
  const grain = search.grain === "hour" ? "hour" : "day";
  const whole = useOpen("batches");
  const { data, error, refetch } = useQuery(queries.source(name, grain, whole ? MANY : FEW));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const { source } = data;
  return (
    <>
      <DataHead kicker={`Data · ${origin(source)}`} title={sourceHeadline(source)}>
        <p>
          <HealthWord status={source.health.status} /> <span className="soft">{source.health.reason}</span>
        </p>
        <Freshness source={source} />
      </DataHead>
      {source.last_import_at === null ? (
        <p className="soft">
          {source.live ? (
            <>
              Nothing was sent yet.{" "}
              <Link to="/data/test" search={{ source: source.source }}>
                Send a test message
              </Link>
            </>
          ) : source.stream ? (
            "Nothing came from its stream yet."
          ) : (
            "Nothing was imported yet. “Import and run” on the page of all sources reads it."
          )}
        </p>
      ) : (
        <>
          <div className="equations">
            <Equations of={source} />
          </div>
          {source.live && <Door source={source} />}
        </>
      )}
      {!source.lookup && <VolumeChart data={data} grain={grain} choose={(grain) => set({ grain })} />}
      {data.alarms.length > 0 && <Alarms alarms={data.alarms} />}
      <Aside source={source} />
      {source.last_import_at !== null && <Batches batches={data.batches} total={data.batches_total} whole={whole} />}
      {!source.lookup && <Fields source={source.source} />}
    </>
  );
}

function Door({ source }: { source: Source }) {
  return (
    <section className="section">
      <header>
        <h2>At the door</h2>
        <p>messages since the server started</p>
      </header>
      <div className="facts" style={{ borderTop: 0, paddingTop: 0 }}>
        {doorCounts(source).map(([name, n, text]) => (
          <div key={name}>
            <span>{name}</span>
            <b>{number.count(n)}</b>
            <small>{text}</small>
          </div>
        ))}
      </div>
      <p className="links small" style={{ marginTop: 12 }}>
        <Link to="/data/live" search={{ source: source.source }}>
          Watch it live
        </Link>
        <Link to="/data/test" search={{ source: source.source }}>
          Send a test message
        </Link>
      </p>
    </section>
  );
}

function VolumeChart({
  data,
  grain,
  choose,
}: {
  data: SourceDetail;
  grain: "hour" | "day";
  choose: (grain: "hour" | undefined) => void;
}) {
  const points = data.volume;
  const total = points.reduce((sum, { n }) => sum + n, 0);
  const empty = points.filter(({ n }) => n === 0).length;
  const answer =
    empty === 0
      ? `Facts came in every ${grain}`
      : `No facts in ${plural(empty, `${grain}`, `${grain}s`, number.count(empty))} of ${number.count(points.length)}`;
  return (
    <section className="section">
      <header>
        <h2>How much came in</h2>
        <Chips
          label="Grain"
          value={grain}
          options={[
            ["day", "90 days"],
            ["hour", "72 hours"],
          ]}
          choose={(chosen) => choose(chosen === "hour" ? "hour" : undefined)}
        />
      </header>
      {points.length === 0 ? (
        <p className="soft">
          No facts in the last {grain === "hour" ? "72 hours" : "90 days"}
          {data.as_of && ` up to ${time.dateTime(data.as_of)}`}.
        </p>
      ) : (
        <Frame
          id="volume"
          title={answer}
          sub={`facts by the ${grain === "day" ? "local day" : "hour"} in which they happened, up to ${time.dateTime(data.as_of)}`}
          table={volumeTable(points, grain)}
          readout={(row) => `${volumeLabel(points[row]!, grain)}: ${number.count(points[row]!.n)} facts`}
          height={180}
          hit={(x, width) => volumeIndex(x, width, points.length, true)}
          note={`${number.count(total)} facts; the last ${grain} may still be going on`}
        >
          {({ width, palette, active }) => (
            <Volume points={points} grain={grain} width={width} height={180} palette={palette} active={active} large />
          )}
        </Frame>
      )}
    </section>
  );
}

function Alarms({ alarms }: { alarms: Alarm[] }) {
  const open = alarms.filter((alarm) => alarm.open).length;
  return (
    <section className="section" id="alarms">
      <header>
        <h2>
          <Tip term text={GLOSSARY.alarm}>
            Alarms
          </Tip>
        </h2>
        <p>{open === 0 ? "none open" : `${number.count(open)} open`}, newest first</p>
      </header>
      <ul className="rows" style={{ borderTop: 0 }}>
        {alarms.map((alarm) => (
          <li key={alarm.alarm_id}>
            <p className="sentence">
              <span className={alarm.open ? "tag warn" : "tag"}>{alarm.open ? "open" : "closed"}</span>{" "}
              {sentence(alarm.detail)}
            </p>
            <p className="soft">{sentence(alarm.remedy)}</p>
            <p className="evidence">
              <span>
                {title(alarm.rule)}
                {alarm.field && ` on ${alarm.target ? `${alarm.target}.` : ""}${alarm.field}`}
              </span>
              <span>
                {plural(alarm.n, "row", "rows", number.count(alarm.n))}
                {alarm.share !== null && `, ${number.countedPercent(alarm.share)} of the batch`}
              </span>
              <span>{alarm.severity === "quarantine" ? "sets rows aside" : "only warns"}</span>
              <span>{time.dateTime(alarm.at)}</span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Aside({ source }: { source: Source }) {
  const total = held(source);
  if (total === 0) return null;
  return (
    <section className="section">
      <header>
        <h2>
          <Tip term text={GLOSSARY.quarantine}>
            In quarantine
          </Tip>
        </h2>
        <p>{plural(total, "row waits", "rows wait", number.count(total))}</p>
      </header>
      <ul className="rows" style={{ borderTop: 0 }}>
        {source.quarantine.map((row) => (
          <li key={row.reason} style={{ padding: "8px 0" }}>
            <p>
              <Link to="/data/quarantine" search={{ source: source.source, reason: row.reason }}>
                <b>{number.count(row.n)}</b> {lowerReason(row.reason)}
              </Link>
            </p>
            <p className="small quiet">{reason(row.reason).remedy}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Batches({ batches, total, whole }: { batches: BatchEquations[]; total: number; whole: boolean }) {
  const most = Math.min(MANY, total);
  return (
    <section className="section" id="batches">
      <header>
        <h2>
          <Tip term text={GLOSSARY.batch}>
            Batches
          </Tip>
        </h2>
        <p>
          newest first, {number.count(batches.length)} of {number.count(total)}
        </p>
      </header>
      <ul className="rows" style={{ borderTop: 0 }}>
        {batches.map((batch) => (
          <li key={batch.batch} className="batch">
            <div>
              <p>{time.dateTime(batch.last_at)}</p>
              <p className="small quiet" style={{ overflowWrap: "anywhere" }}>
                <code>{batch.batch}</code>
                <br />
                {batch.files.join(", ")}
                {batch.files_total > batch.files.length &&
                  ` and ${number.count(batch.files_total - batch.files.length)} more`}
              </p>
            </div>
            <div>
              <Equations of={batch} />
            </div>
          </li>
        ))}
      </ul>
      <More
        name="batches"
        count={number.count(most)}
        what={total > most ? "newest batches" : "batches"}
        rest={whole ? 0 : most - batches.length}
        open={whole && total > FEW}
      />
    </section>
  );
}

function Fields({ source }: { source: string }) {
  const { data, error } = useQuery(queries.quality(source));
  return (
    <section className="section" id="fields">
      <header>
        <h2>Fields</h2>
        <p>
          <Link to="/data/quality" search={{ source }}>
            Quality in depth
          </Link>
        </p>
      </header>
      {error && !data ? (
        <ErrorState error={error} />
      ) : !data ? (
        <Skeleton rows={5} />
      ) : data.reason ? (
        <p className="soft">{data.reason}</p>
      ) : (
        <FieldTable fields={data.fields.filter((field) => field.source === source)} />
      )}
    </section>
  );
}
