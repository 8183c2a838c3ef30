/** Is what comes in complete and clean? Every source with its health, worst first. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ApiError, post } from "../api/client";
import { ANSWERS, queries } from "../api/queries";
import type { DataPage, HealthStatus, Job, Meta, Run, Source } from "../api/types";
import * as number from "../format/number";
import { lowerReason } from "../format/reasons";
import { dataHeadline, held } from "../format/sentences";
import * as time from "../format/time";
import { GLOSSARY, list, plural, title } from "../format/words";
import { isFinished, Progress } from "../ui/progress";
import { AFTER_WRITE, Empty, ErrorState, PageSkeleton, Skeleton } from "../ui/states";
import { Tip } from "../ui/tip";
import { DataHead, doorCounts, Equations, Freshness, HealthWord, origin, SourceLink, VolumeSpark } from "./data-parts";

export default function DataPageView() {
  const { data: meta } = useQuery(queries.meta());
  const { data, error, refetch } = useQuery(queries.data());
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  return (
    <>
      <DataHead
        kicker={`Data · ${plural(data.sources.length, "source", "sources", number.count(data.sources.length))}`}
        title={dataHeadline(data)}
      />
      <Work data={data} meta={meta} />
      {data.sources.length === 0 ? (
        <Empty title="No sources declared">
          A source is a file <code>sources/NAME.yaml</code> and one SELECT beside it. <code>clew init</code> writes
          commented examples; <code>clew check</code> tells what is wrong with them.
        </Empty>
      ) : (
        <Sources data={data} />
      )}
      <div className="columns">
        <RunList />
        <Tables data={data} />
      </div>
    </>
  );
}

/** Start work, watch it, leave it. */
function Work({ data, meta }: { data: DataPage; meta: Meta }) {
  const client = useQueryClient();
  const [started, setStarted] = useState<string | undefined>();
  const id = started ?? meta.job?.job_id;
  const { data: job } = useQuery(queries.job(id));
  const begin = useMutation({
    mutationFn: (kind: "run" | "import") =>
      kind === "run"
        ? post<"POST /run">("/run", { only: null, full: false })
        : post<"POST /import">("/import", { sources: [], run: true }),
    onSuccess: (made: Job) => setStarted(made.job_id),
    onError: (error) => {
      const running = error instanceof ApiError ? error.details?.job_id : null;
      if (typeof running === "string") setStarted(running);
    },
  });
  const finished = job !== undefined && isFinished(job);
  useEffect(() => {
    if (finished) void client.invalidateQueries(ANSWERS);
  }, [finished, client]);
  const busy = job !== undefined && !finished;
  return (
    <section style={{ display: "grid", gap: 12 }} aria-label="Runs">
      <div style={{ display: "flex", flexWrap: "wrap", gap: "12px 40px", alignItems: "center" }}>
        <p>
          <span className="quiet">Last run</span>{" "}
          <b>{data.last_run ? time.dateTime(data.last_run.started_at) : "never"}</b>
          {data.last_run && (
            <span className={data.last_run.status === "failed" ? "bad" : "quiet"}>
              {" "}
              {data.last_run.status}, {time.duration(data.last_run.seconds * 1000)}
            </span>
          )}
        </p>
        <p>
          <span className="quiet">Next</span>{" "}
          <b>{data.next_run_at ? time.dateTime(data.next_run_at) : "no schedule"}</b>
        </p>
        <div style={{ display: "flex", gap: 8, marginLeft: "auto" }}>
          <button
            type="button"
            className="button"
            disabled={busy || begin.isPending}
            onClick={() => begin.mutate("run")}
          >
            Run now
          </button>
          <button
            type="button"
            className="button primary"
            disabled={busy || begin.isPending}
            onClick={() => begin.mutate("import")}
          >
            Import and run
          </button>
        </div>
      </div>
      {begin.error && !(begin.error instanceof ApiError && begin.error.code === "busy") && (
        <ErrorState error={begin.error} safe={AFTER_WRITE} />
      )}
      {job && <Progress job={job} done="Done; every page now shows the new state" />}
    </section>
  );
}

/** What needs somebody comes first. */
const ORDER: HealthStatus[] = ["failing", "late", "healthy", "idle"];

function Sources({ data }: { data: DataPage }) {
  const counts = ORDER.map(
    (status) => [status, data.sources.filter(({ health }) => health.status === status).length] as const,
  );
  const sorted = [...data.sources].sort(
    (a, b) => ORDER.indexOf(a.health.status) - ORDER.indexOf(b.health.status) || a.source.localeCompare(b.source),
  );
  return (
    <section className="section">
      <header>
        <h2>Sources</h2>
        <p>
          {counts
            .filter(([, n]) => n > 0)
            .map(([status, n]) => `${number.count(n)} ${status}`)
            .join(", ")}
          {data.as_of && ` · as of ${time.dateTime(data.as_of)}`} ·{" "}
          <Tip term text={`${GLOSSARY.rows_equation} ${GLOSSARY.facts_equation}`}>
            two equations each
          </Tip>
        </p>
      </header>
      <ul className="rows sources" style={{ borderTop: 0 }}>
        {sorted.map((source) => (
          <SourceRow key={source.source} source={source} />
        ))}
      </ul>
    </section>
  );
}

function SourceRow({ source }: { source: Source }) {
  const aside = held(source);
  return (
    <li>
      <div>
        <h3>
          <SourceLink source={source.source} /> <HealthWord status={source.health.status} />{" "}
          {source.lookup && <span className="tag">lookup</span>}
        </h3>
        <p className="small soft">{source.health.reason}</p>
        <p className="small quiet" style={{ overflowWrap: "anywhere" }}>
          {origin(source)}
        </p>
        <Freshness source={source} />
      </div>
      <div>
        {source.lookup ? <p className="small quiet">Gives no facts of its own.</p> : <VolumeSpark source={source} />}
      </div>
      <div className="came">
        {source.last_import_at ? <Equations of={source} /> : <p className="quiet">Nothing came in yet.</p>}
        {source.live && (
          <p className="small quiet">
            At the door since the start:{" "}
            {doorCounts(source)
              .map(([name, n]) => `${number.count(n)} ${name.toLowerCase()}`)
              .join(", ")}
          </p>
        )}
        {(aside > 0 || source.open_alarms > 0) && (
          <p className="links small">
            {aside > 0 && (
              <Link to="/data/quarantine" search={{ source: source.source }} className="bad">
                {number.count(aside)} in quarantine: {list(source.quarantine.map(({ reason }) => lowerReason(reason)))}
              </Link>
            )}
            {source.open_alarms > 0 && (
              <SourceLink source={source.source}>
                {plural(source.open_alarms, "open alarm", "open alarms", number.count(source.open_alarms))}
              </SourceLink>
            )}
          </p>
        )}
      </div>
    </li>
  );
}

function RunList() {
  const { data, error } = useQuery(queries.runs());
  return (
    <section className="section">
      <header>
        <h2>Runs</h2>
        <p>newest first</p>
      </header>
      {error && !data ? (
        <ErrorState error={error} />
      ) : !data ? (
        <Skeleton />
      ) : data.runs.length === 0 ? (
        <p className="soft">None yet.</p>
      ) : (
        <ul className="rows" style={{ borderTop: 0 }}>
          {data.runs.map((run) => (
            <RunRow key={run.run_id} run={run} />
          ))}
        </ul>
      )}
    </section>
  );
}

function RunRow({ run }: { run: Run }) {
  const failed = run.steps.find(({ status }) => status === "failed");
  return (
    <li style={{ padding: "8px 0" }}>
      <details className="line">
        <summary>
          {time.dateTime(run.started_at)}{" "}
          <span className={run.status === "failed" ? "tag warn" : "tag"}>{run.status}</span>{" "}
          <span className="small quiet">{time.duration(run.seconds * 1000)}</span>
          {failed?.detail && <div className="small bad">{failed.detail}</div>}
        </summary>
        <table className="plain" style={{ marginTop: 4 }}>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Mode</th>
              <th scope="col" className="num">
                Rows
              </th>
              <th scope="col" className="num">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {run.steps.map((step) => (
              <tr key={step.step}>
                <td>{title(step.step)}</td>
                <td className="soft">{step.mode}</td>
                <td className="num">{number.count(step.rows)}</td>
                <td className="num">{time.duration(step.seconds * 1000)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </li>
  );
}

function Tables({ data }: { data: DataPage }) {
  return (
    <section className="section">
      <header>
        <h2>Tables</h2>
        <p>Delta tables, readable without Clew</p>
      </header>
      {data.tables.length === 0 ? (
        <p className="soft">None written yet.</p>
      ) : (
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Table</th>
              <th scope="col">Kind</th>
              <th scope="col" className="num">
                Rows
              </th>
              <th scope="col" className="num">
                Version
              </th>
            </tr>
          </thead>
          <tbody>
            {data.tables.map(({ table, kind, rows, version }) => (
              <tr key={table}>
                <td>
                  <code>{table}</code>
                </td>
                <td className="soft">{kind}</td>
                <td className="num">{number.count(rows)}</td>
                <td className="num">{version ?? "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
