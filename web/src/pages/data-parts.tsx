/** What the Data pages share: their tabs, the word of a source's health, its equations, its volume. */
import { Link, useRouterState } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { BatchEquations, HealthStatus, Source, StreamState, VolumePoint } from "../api/types";
import { Frame } from "../charts/frame";
import { Volume, volumeIndex, volumeLabel } from "../charts/volume";
import * as number from "../format/number";
import * as time from "../format/time";
import { GLOSSARY, title } from "../format/words";
import { useFilter } from "../ui/filter";
import { NotApplied } from "../ui/states";
import { Tip } from "../ui/tip";

const TABS = [
  ["/data", "Sources"],
  ["/data/quality", "Quality"],
  ["/data/quarantine", "Quarantine"],
  ["/data/live", "Live"],
  ["/data/test", "Test a message"],
] as const;

/** Kicker, the answer as title, and the tabs. A tab keeps the chosen source where it is about one. */
export function DataHead({ kicker, title: answer, children }: { kicker: string; title: string; children?: ReactNode }) {
  const { search } = useFilter();
  const path = useRouterState({ select: (state) => state.location.pathname });
  // A source's own page lies under the first tab.
  const here = TABS.slice(1).find(([to]) => to === path)?.[0] ?? "/data";
  return (
    <>
      <div className="head data-head">
        <p className="kicker">{kicker}</p>
        <h1>{answer}</h1>
        {children}
        <NotApplied applied={{ period: false, slice: false, channel: false }} />
      </div>
      <nav className="tabs" aria-label="Data">
        {TABS.map(([to, name]) => (
          <Link
            key={to}
            to={to}
            search={to === "/data" ? {} : { source: search.source }}
            activeOptions={{ exact: true, includeSearch: false }}
            activeProps={{}}
            aria-current={to === here ? "page" : undefined}
          >
            {name}
          </Link>
        ))}
      </nav>
    </>
  );
}

/** A source's own page. Sources may be called as they like, so those that are called like a tab have a longer address. */
export function SourceLink({ source, children }: { source: string; children?: ReactNode }) {
  const taken = TABS.some(([to]) => to === `/data/${source}`) || source === "source";
  return (
    <Link to={taken ? "/data/source/$source" : "/data/$source"} params={{ source }}>
      {children ?? title(source)}
    </Link>
  );
}

const WORDS: Record<HealthStatus, [mark: string, word: string]> = {
  healthy: ["●", "Healthy"],
  late: ["◐", "Late"],
  failing: ["✕", "Failing"],
  idle: ["○", "Idle"],
};

/** Shape and word; the colour only repeats them. */
export function HealthWord({ status }: { status: HealthStatus }) {
  const [mark, word] = WORDS[status];
  return (
    <span className={`health ${status}`}>
      <span aria-hidden="true">{mark}</span> {word}
    </span>
  );
}

/** `read 14 files · upsert`: where a source comes from, in one line. */
export function origin(source: Source): string {
  const kinds: Partial<Record<Source["kind"], string>> = {
    tracking: "tracking calls over HTTP",
    rows: "rows over HTTP",
    s3: "bucket",
    postgres: "PostgreSQL",
    mysql: "MySQL",
    nats: "stream of NATS",
    kafka: "topic of Kafka",
  };
  return [
    source.files.join(", ") || kinds[source.kind] || source.kind,
    source.mode,
    source.watch || source.lookup || source.live ? null : "not watched",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** `following; 3 messages wait at the broker` */
function streamWords({ state, lag }: StreamState): string {
  const waits = lag === 1 ? "1 message waits" : lag !== null && `${number.count(lag)} messages wait`;
  return waits ? `${state}; ${waits} at the broker` : state;
}

/** What became of the messages since the server started: name, how many, and what it means. */
export function doorCounts({ live }: Source): [name: string, n: number, meaning: string][] {
  if (!live) return [];
  return [
    ["Accepted", live.accepted, "stored"],
    ["Duplicate", live.duplicate, "there already"],
    ["Quarantined", live.quarantined, "waits with its reason"],
    ["Rejected", live.rejected, "refused for good"],
    ["Skipped", live.skipped, "said nothing to store"],
  ];
}

/** Stream, newest fact, last import, next look: when things came and will come. */
export function Freshness({ source }: { source: Source }) {
  const came = source.live || source.stream ? "Last message" : "Imported";
  const following = source.stream && <p className="small quiet">{`Stream: ${streamWords(source.stream)}`}</p>;
  if (!source.last_import_at) return following;
  return (
    <>
      {following}
      {source.newest_fact_at && <p className="small quiet">Newest fact {time.dateTime(source.newest_fact_at)}</p>}
      <p className="small quiet">
        {`${came} ${time.dateTime(source.last_import_at)}`}
        {source.expected_at && `; next at ${time.clock(source.expected_at)}`}
      </p>
    </>
  );
}

/** Thirty days at a glance: axes while it is read, and a table. */
export function VolumeSpark({ source }: { source: Source }) {
  const points = source.volume;
  if (points.length === 0) return <p className="small quiet">No facts in the last 30 days.</p>;
  return (
    <div className="spark">
      <Frame
        id={`volume-${source.source}`}
        title={`Facts of ${title(source.source)} by day`}
        heading="hidden"
        table={volumeTable(points, "day")}
        readout={(row) => `${volumeLabel(points[row]!, "day")}: ${number.count(points[row]!.n)} facts`}
        height={40}
        hit={(x, width) => volumeIndex(x, width, points.length)}
        note={`${number.count(points.reduce((sum, { n }) => sum + n, 0))} facts in 30 days`}
      >
        {({ width, palette, active }) => (
          <Volume points={points} grain="day" width={width} height={40} palette={palette} active={active} />
        )}
      </Frame>
    </div>
  );
}

export function volumeTable(points: VolumePoint[], grain: "hour" | "day") {
  return {
    columns: [title(grain), "Facts"],
    rows: points.map((point) => [volumeLabel(point, grain), point.n] as [string, number]),
  };
}

function Term({ n, name, text }: { n: number; name: string; text: string }) {
  return (
    <Tip text={text}>
      <span className="term">
        <b>{number.count(n)}</b>
        <i>{name}</i>
      </span>
    </Tip>
  );
}

/** Both conservation equations of one source or batch, written out. */
export function Equations({ of }: { of: Pick<BatchEquations, "rows" | "targets"> }) {
  const { rows, targets } = of;
  const mark = (holds: boolean) => (
    <span className={holds ? "good" : "bad"} title={holds ? "The equation holds" : "The equation does not hold"}>
      {holds ? "✓ holds" : "✗ does not hold"}
    </span>
  );
  return (
    <>
      <div className="equation">
        <Term n={rows.read} name="rows read" text="Rows in the files, without headers." /> =
        <Term n={rows.mapped} name="mapped" text="Rows that gave at least one fact." /> +
        <Term n={rows.skipped} name="skipped" text="Rows that the mapping's stated filter left out." /> +
        <Term
          n={rows.unreadable}
          name="unreadable"
          text="Rows that could not be read; they are in quarantine with their raw text."
        />{" "}
        {mark(rows.balanced)}
      </div>
      {targets.map((target) => (
        <div className="equation" key={target.target}>
          <Term
            n={target.produced}
            name={`${target.target} made`}
            text="Facts that the mapping made from these rows."
          />{" "}
          =
          <Term n={target.stored} name="stored" text="New facts, written." /> +
          <Term n={target.duplicate} name="duplicate" text="Already there with the same content." /> +
          <Term n={target.quarantined} name="quarantined" text={GLOSSARY.quarantine} /> +
          <Term n={target.rejected} name="rejected" text="Refused for good: no consent, or an erased person." />{" "}
          {mark(target.balanced)}
        </div>
      ))}
    </>
  );
}
