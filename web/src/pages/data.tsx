/** Is what comes in complete and clean? */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ApiError, post } from "../api/client";
import { queries } from "../api/queries";
import type { DataPage, Job, Meta, Run, Source } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { GLOSSARY, list, lower, plural, title } from "../format/words";
import { useFilter } from "../ui/filter";
import { Empty, ErrorState, PageSkeleton, Skeleton } from "../ui/states";
import { Tip } from "../ui/tip";

export default function DataPageView() {
  const { search } = useFilter();
  const { data: meta } = useQuery(queries.meta());
  const { data, error, refetch } = useQuery(queries.data());
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  return (
    <>
      <div className="head">
        <p className="kicker">
          Data · {plural(data.sources.length, "source", "sources", number.count(data.sources.length))}
        </p>
        <h1>{headline(data)}</h1>
      </div>
      <Work data={data} meta={meta} />
      {data.sources.length === 0 ? (
        <Empty title="No sources declared">
          A source is a file <code>sources/NAME.yaml</code> and one SELECT beside it. <code>clew init</code> writes
          commented examples; <code>clew check</code> tells what is wrong with them.
        </Empty>
      ) : (
        <Sources data={data} />
      )}
      <QuarantineSection source={search.source} reason={search.reason} data={data} />
      <div className="columns">
        <RunList />
        <Tables data={data} />
      </div>
    </>
  );
}

const held = (source: Source) => source.quarantine.reduce((sum, { n }) => sum + n, 0);
const balanced = (source: Source) => source.rows.balanced && source.targets.every((target) => target.balanced);

function headline(data: DataPage): string {
  if (data.sources.every(({ last_import_at }) => last_import_at === null)) return "Nothing has been imported yet";
  const broken = data.sources.filter((source) => !balanced(source));
  if (broken.length > 0) return `The equations do not hold for ${list(broken.map(({ source }) => lower(source)))}`;
  const aside = data.sources.reduce((sum, source) => sum + held(source), 0);
  if (aside === 0) return "Everything that came in is accounted for and clean";
  const worst = [...data.sources].sort((a, b) => held(b) - held(a))[0]!;
  return `Everything is accounted for; ${number.count(aside)} rows wait in quarantine, most from ${lower(worst.source)}`;
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
  const finished = job?.status === "done" || job?.status === "failed";
  useEffect(() => {
    if (finished) void client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "job" });
  }, [finished, client]);
  const busy = job !== undefined && !finished;
  return (
    <section style={{ borderTop: "1px solid var(--ink)", paddingTop: 12, display: "grid", gap: 12 }} aria-label="Runs">
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
        <ErrorState error={begin.error} />
      )}
      {job && (
        <div aria-live="polite">
          <div style={{ display: "flex", gap: 16, alignItems: "center" }}>
            <div
              className="progress"
              role="progressbar"
              aria-label={job.kind === "run" ? "Run" : "Import and run"}
              aria-valuenow={job.progress === null ? undefined : Math.round(job.progress * 100)}
              aria-valuemin={0}
              aria-valuemax={100}
              style={{ flex: 1 }}
            >
              <div style={{ width: `${(job.progress ?? (finished ? 1 : 0.5)) * 100}%` }} />
            </div>
            <span className="small soft nowrap">
              {job.status === "done"
                ? "Done; every page now shows the new state"
                : job.status === "failed"
                  ? "Failed"
                  : `${title(job.steps.find(({ status }) => status === "running")?.step ?? "Waiting")} …`}
            </span>
          </div>
          <p className="small quiet" style={{ marginTop: 4 }}>
            {job.error ??
              job.steps
                .filter(({ status }) => status !== "waiting")
                .map(({ step, rows }) => `${title(step)} ${number.count(rows)}`)
                .join(" · ")}
            {busy && " You can leave this page; the work goes on."}
          </p>
        </div>
      )}
    </section>
  );
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

/** Both conservation equations of one source, written out. */
function Equations({ source }: { source: Source }) {
  const { rows } = source;
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
      {source.targets.map((target) => (
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

/** A source is late when its newest fact is more than three days behind the newest of all. */
const LATE_MS = 3 * 86_400_000;

function Sources({ data }: { data: DataPage }) {
  const { set } = useFilter();
  const newest = Math.max(
    ...data.sources.map(({ newest_fact_at }) => (newest_fact_at ? Date.parse(newest_fact_at) : 0)),
  );
  return (
    <section className="section">
      <header>
        <h2>Sources</h2>
        <p>
          <Tip term text={`${GLOSSARY.rows_equation} ${GLOSSARY.facts_equation}`}>
            two equations each
          </Tip>
        </p>
      </header>
      <ul className="rows" style={{ borderTop: 0 }}>
        {data.sources.map((source) => {
          const late = source.newest_fact_at !== null && newest - Date.parse(source.newest_fact_at) > LATE_MS;
          const aside = held(source);
          return (
            <li
              key={source.source}
              style={{
                display: "grid",
                gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 260px), 1fr))",
                gap: "4px 32px",
              }}
            >
              <div>
                <h3>
                  {title(source.source)} {source.lookup && <span className="tag">lookup</span>}{" "}
                  {late && <span className="tag accent">behind</span>}
                </h3>
                <p className="small quiet" style={{ overflowWrap: "anywhere" }}>
                  {source.files.join(", ")}
                  {source.mode && ` · ${source.mode}`}
                  {!source.watch && !source.lookup && " · not watched"}
                </p>
                <p className="small quiet">
                  {source.last_import_at ? `Imported ${time.dateTime(source.last_import_at)}` : "Never imported"}
                  {source.newest_fact_at && `; newest fact ${time.date(source.newest_fact_at)}`}
                </p>
                {aside > 0 && (
                  <button
                    type="button"
                    className="text-button small bad"
                    onClick={() => set({ source: source.source, reason: undefined })}
                  >
                    {number.count(aside)} in quarantine: {list(source.quarantine.map(({ reason }) => lower(reason)))}
                  </button>
                )}
              </div>
              <div style={{ gridColumn: "span 2", minWidth: 0 }}>
                {source.last_import_at ? <Equations source={source} /> : <p className="quiet">Nothing came in yet.</p>}
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function QuarantineSection({
  source,
  reason,
  data,
}: {
  source: string | undefined;
  reason: string | undefined;
  data: DataPage;
}) {
  const { set } = useFilter();
  const total = data.sources.reduce((sum, one) => sum + held(one), 0);
  const rows = useInfiniteQuery({ ...queries.quarantine(source, reason), enabled: total > 0 });
  const items = rows.data?.pages.flatMap((page) => page.items) ?? [];
  const reasons = [
    ...new Set(
      data.sources
        .filter((one) => !source || one.source === source)
        .flatMap((one) => one.quarantine.map((row) => row.reason)),
    ),
  ].sort();
  return (
    <section className="section" id="quarantine">
      <header>
        <h2>
          <Tip term text={GLOSSARY.quarantine}>
            Quarantine
          </Tip>
        </h2>
        {total > 0 && (
          <div style={{ display: "flex", gap: 16, flexWrap: "wrap" }}>
            <label className="field">
              Source
              <select
                value={source ?? ""}
                className={source ? "set" : undefined}
                onChange={(event) => set({ source: event.target.value || undefined })}
              >
                <option value="">All</option>
                {data.sources
                  .filter((one) => held(one) > 0)
                  .map((one) => (
                    <option key={one.source} value={one.source}>
                      {title(one.source)}
                    </option>
                  ))}
              </select>
            </label>
            <label className="field">
              Reason
              <select
                value={reason ?? ""}
                className={reason ? "set" : undefined}
                onChange={(event) => set({ reason: event.target.value || undefined })}
              >
                <option value="">All</option>
                {reasons.map((one) => (
                  <option key={one} value={one}>
                    {title(one)}
                  </option>
                ))}
              </select>
            </label>
          </div>
        )}
      </header>
      {total === 0 ? (
        <p className="soft">
          Empty. Rows that cannot be stored would be kept here with their reason and their raw text.
        </p>
      ) : rows.error && !rows.data ? (
        <ErrorState error={rows.error} retry={() => void rows.refetch()} />
      ) : !rows.data ? (
        <Skeleton rows={5} />
      ) : (
        <>
          <p className="small quiet">
            {plural(rows.data.pages[0]!.total, "row", "rows", number.count(rows.data.pages[0]!.total))}. Mend the source
            or its mapping and import again.
          </p>
          <ul className="rows" style={{ borderTop: 0 }}>
            {items.map((item) => (
              <li key={item.quarantine_id} style={{ padding: "8px 0" }}>
                <details className="line">
                  <summary>
                    <span className="tag warn">{lower(item.reason)}</span> {item.detail}{" "}
                    <span className="small quiet">
                      {title(item.source)}
                      {item.file && `, ${item.file}`}
                      {item.row_no !== null && ` row ${number.count(item.row_no)}`}
                    </span>
                  </summary>
                  <pre className="raw">{item.raw ?? "No raw row is kept."}</pre>
                  <p className="small quiet" style={{ marginTop: 4 }}>
                    Batch <code>{item.batch}</code>, {time.dateTime(item.at)}, id <code>{item.quarantine_id}</code>
                  </p>
                </details>
              </li>
            ))}
          </ul>
          {rows.hasNextPage && (
            <button
              type="button"
              className="button"
              disabled={rows.isFetchingNextPage}
              onClick={() => void rows.fetchNextPage()}
            >
              Show more
            </button>
          )}
        </>
      )}
    </section>
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
