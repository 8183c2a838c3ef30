/** What could not be stored, why, and how it is repaired: mend a row, try it, replay it, or discard it with a reason. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { ANSWERS, queries } from "../api/queries";
import { jobOf, type RepairRequest, repair, reportOf } from "../api/repair";
import type { DataPage, QuarantineChoice, QuarantineItem, ReplayReport } from "../api/types";
import * as number from "../format/number";
import { reason as reasonOf } from "../format/reasons";
import { quarantineHeadline, replaySentence, replayTotals } from "../format/sentences";
import * as time from "../format/time";
import { GLOSSARY, plural, sentence, title } from "../format/words";
import { Choice } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { isFinished, Progress } from "../ui/progress";
import { AFTER_WRITE, Empty, ErrorState, PageSkeleton, Skeleton } from "../ui/states";
import { Tip } from "../ui/tip";
import { DataHead, SourceLink } from "./data-parts";
import { RawEditor } from "./raw-editor";

const TARGETS = ["events", "records", "responses"];

export default function QuarantinePage() {
  const { search } = useFilter();
  const { data, error, refetch } = useQuery(queries.data());
  const state = search.state === "closed" ? "closed" : "open";
  const wanted = { source: search.source, reason: search.reason, target: search.target, state } as const;
  const rows = useInfiniteQuery(queries.quarantine(wanted));
  const [said, setSaid] = useState("");
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const items = rows.data?.pages.flatMap((page) => page.items) ?? [];
  const total = rows.data?.pages[0]?.total ?? 0;
  const chosen = Boolean(search.source || search.reason || search.target);
  return (
    <>
      <DataHead kicker="Data · Quarantine" title={quarantineHeadline(data)} />
      <section className="section" id="quarantine">
        <header>
          <h2>
            <Tip term text={GLOSSARY.quarantine}>
              {state === "open" ? "Waiting" : "Closed"}
            </Tip>
          </h2>
          <Filters data={data} />
        </header>
        <output className="said">{said}</output>
        {rows.error && !rows.data ? (
          <ErrorState error={rows.error} retry={() => void rows.refetch()} />
        ) : !rows.data ? (
          <Skeleton rows={5} />
        ) : total === 0 ? (
          <Nothing chosen={chosen} state={state} />
        ) : (
          <>
            {state === "open" && (
              <All
                key={`${search.source}|${search.reason}|${search.target}`}
                which={{
                  source: search.source ?? null,
                  reason: search.reason ?? null,
                  target: search.target ?? null,
                  ids: [],
                }}
                total={total}
                chosen={chosen}
                done={setSaid}
              />
            )}
            <ul className="rows" style={{ borderTop: 0 }}>
              {items.map((item) => (
                <Row key={item.quarantine_id} item={item} done={setSaid} />
              ))}
            </ul>
            {rows.hasNextPage && (
              <button
                type="button"
                className="button"
                style={{ marginTop: 12 }}
                disabled={rows.isFetchingNextPage}
                onClick={() => void rows.fetchNextPage()}
              >
                Show more
              </button>
            )}
          </>
        )}
      </section>
    </>
  );
}

function Nothing({ chosen, state }: { chosen: boolean; state: "open" | "closed" }) {
  const { set } = useFilter();
  if (!chosen)
    return (
      <p className="soft">
        {state === "open"
          ? "Empty. Rows that cannot be stored would be kept here with their reason and their raw text."
          : "Nothing was repaired or discarded yet."}
      </p>
    );
  return (
    <Empty
      title="No row fits"
      action={
        <button
          type="button"
          className="button"
          onClick={() => set({ source: undefined, reason: undefined, target: undefined })}
        >
          Show everything
        </button>
      }
    >
      {state === "open" ? "Nothing of this selection waits any more." : "Nothing of this selection was closed."}
    </Empty>
  );
}

function Filters({ data }: { data: DataPage }) {
  const { search, set } = useFilter();
  const reasons = [
    ...new Set(
      data.sources
        .filter((one) => !search.source || one.source === search.source)
        .flatMap((one) => one.quarantine.map((row) => row.reason)),
    ),
  ].sort();
  const choices: [label: string, key: "source" | "reason" | "target", options: [string, string][]][] = [
    ["Source", "source", data.sources.map(({ source }) => [source, title(source)])],
    ["Reason", "reason", reasons.map((code) => [code, reasonOf(code).name])],
    [
      "Table",
      "target",
      [...TARGETS.map((target): [string, string] => [target, title(target)]), ["rows", "None: raw rows"]],
    ],
  ];
  return (
    <div className="fields">
      {choices.map(([label, key, options]) => {
        const value = search[key];
        const known = value === undefined || options.some(([one]) => one === value);
        return (
          <Choice
            key={key}
            label={label}
            value={value}
            all="All"
            options={known ? options : [[value, title(value)], ...options]}
            choose={(chosen) => set({ [key]: chosen })}
          />
        );
      })}
      <Choice
        label="State"
        value={search.state === "closed" ? "closed" : "open"}
        options={[
          ["open", "Open"],
          ["closed", "Closed"],
        ]}
        choose={(state) => set({ state: state === "closed" ? "closed" : undefined })}
      />
    </div>
  );
}

/**
 * Dry run, then the real one; both through one door, so that what was shown is what is done. What takes long is a job: it is followed
 * while somebody looks, and goes on when nobody does.
 */
function useRepair(done: (said: string) => void) {
  const client = useQueryClient();
  const act = useMutation({ mutationFn: (request: RepairRequest) => repair(request) });
  const begun = jobOf(act.data);
  const { data: job = begun ?? undefined, error: lost } = useQuery(queries.job(begun?.job_id));
  const report = reportOf(act.data, job);
  const failed =
    job?.status === "failed"
      ? new ApiError(500, "internal", job.error ?? "The repair ended early.", job.job_id, null)
      : null;
  const error = act.error ?? failed ?? lost;
  const dry = act.variables?.dry_run ?? true;
  const acted = !dry && (report !== null || failed !== null);
  useEffect(() => {
    if (!acted) return;
    if (report) done(replaySentence(report));
    void client.invalidateQueries(ANSWERS);
  }, [acted, report, done, client]);
  return {
    act,
    /** What would happen. */
    told: dry ? report : null,
    error,
    safe: dry ? undefined : AFTER_WRITE,
    busy: act.isPending || (begun !== null && report === null && error === null),
    /** The job that is being done. */
    job: job && !isFinished(job) ? job : null,
  };
}

/** How a repair goes: its progress, its failure, or what would happen. */
function Course({ of, confirm }: { of: ReturnType<typeof useRepair>; confirm: () => void }) {
  return (
    <>
      {of.job && <Progress job={of.job} done="Done" />}
      {of.error && <ErrorState error={of.error} safe={of.safe} />}
      {of.told && <Beforehand report={of.told} busy={of.busy} confirm={confirm} cancel={of.act.reset} />}
    </>
  );
}

/** What would happen, before it does. */
function Beforehand({
  report,
  confirm,
  cancel,
  busy,
}: {
  report: ReplayReport;
  confirm: () => void;
  cancel: () => void;
  busy: boolean;
}) {
  const sums = replayTotals(report);
  // A row that the mapping's filter leaves out is closed, too.
  const changes = sums.stored + sums.duplicate + sums.replaced + sums.discarded;
  return (
    <section className="beforehand" aria-label="What would happen" aria-live="polite">
      <p className="sentence">{replaySentence(report)}</p>
      {report.sources.flatMap(({ source, reasons, left_because }) => [
        ...reasons.slice(0, 5).map(({ reason, detail, n }) => (
          <p key={`${source}${reason}${detail}`} className="small soft">
            {number.count(n)} × {sentence(detail || reasonOf(reason).name)}
          </p>
        )),
        left_because && (
          <p key={`${source}-left`} className="small soft">
            {sentence(left_because)}
          </p>
        ),
      ])}
      <p className="links">
        {changes > 0 ? (
          <>
            <button type="button" className="button primary" disabled={busy} onClick={confirm}>
              Replay {plural(sums.rows, "row", "rows", number.count(sums.rows))}
            </button>
            <span className="small quiet">What is stored stays: a replay cannot be taken back.</span>
          </>
        ) : (
          <span className="small soft">Nothing would change. Mend the row, its source or the mapping first.</span>
        )}
        <button type="button" className="text-button" onClick={cancel}>
          Cancel
        </button>
      </p>
    </section>
  );
}

function Discard({ rows, discard, busy }: { rows: number; discard: (reason: string) => void; busy: boolean }) {
  const [open, setOpen] = useState(false);
  const [why, setWhy] = useState("");
  if (!open)
    return (
      <button type="button" className="text-button" onClick={() => setOpen(true)}>
        {rows === 1 ? "Discard …" : `Discard all ${number.count(rows)} …`}
      </button>
    );
  return (
    <form
      className="beforehand"
      aria-label="Discard"
      onSubmit={(event) => {
        event.preventDefault();
        discard(why.trim());
      }}
    >
      <p className="soft">
        {rows === 1 ? "The row is" : `All ${number.count(rows)} rows are`} closed and never stored. The raw text and
        your reason stay; this cannot be taken back.
      </p>
      <label className="labelled">
        Why
        <input
          className="text-input"
          value={why}
          required
          maxLength={400}
          onChange={(event) => setWhy(event.target.value)}
        />
      </label>
      <p className="links">
        <button type="submit" className="button" disabled={busy || why.trim() === ""}>
          Discard {plural(rows, "row", "rows", number.count(rows))}
        </button>
        <button type="button" className="text-button" onClick={() => setOpen(false)}>
          Cancel
        </button>
      </p>
    </form>
  );
}

/** The whole selection at once. */
function All({
  which,
  total,
  chosen,
  done,
}: {
  which: QuarantineChoice;
  total: number;
  chosen: boolean;
  done: (said: string) => void;
}) {
  const work = useRepair(done);
  const run = (dry_run: boolean) => work.act.mutate({ which, edits: {}, dry_run });
  return (
    <div className="all">
      <p className="links">
        <span className="quiet">{plural(total, "row", "rows", number.count(total))}</span>
        <button type="button" className="button" disabled={work.busy} onClick={() => run(true)}>
          {chosen ? `Try all ${number.count(total)} as they are` : `Try all ${number.count(total)} rows as they are`}
        </button>
        {chosen && (
          <Discard
            rows={total}
            busy={work.busy}
            discard={(reason) => work.act.mutate({ which, reason, dry_run: false })}
          />
        )}
      </p>
      <p className="small quiet">
        After a source or its mapping was mended, what waits is taken in as if it came today. Trying stores nothing.
      </p>
      <Course of={work} confirm={() => run(false)} />
    </div>
  );
}

const OUTCOMES: Record<string, string> = {
  stored: "stored",
  duplicate: "was there already",
  replaced: "refused for another reason",
  quarantined: "refused again",
  discarded: "discarded",
};

function Row({ item, done }: { item: QuarantineItem; done: (said: string) => void }) {
  const [open, setOpen] = useState(false);
  const { name } = reasonOf(item.reason);
  return (
    <li style={{ padding: "8px 0" }}>
      <details className="line" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span className="tag warn">{name}</span> {sentence(item.detail)}{" "}
          <span className="small quiet">
            {title(item.source)}
            {item.file && `, ${item.file}`}
            {item.row_no !== null && ` row ${number.count(item.row_no)}`}
          </span>
          {item.repair && (
            <span className="tag">
              {OUTCOMES[item.repair.outcome]}
              {item.repair.edited && ", edited"}, {time.date(item.repair.at)}
            </span>
          )}
        </summary>
        {open && <Repair item={item} done={done} />}
      </details>
    </li>
  );
}

function Repair({ item, done }: { item: QuarantineItem; done: (said: string) => void }) {
  const [edit, setEdit] = useState<string | null>(null);
  const work = useRepair(done);
  const which: QuarantineChoice = { source: null, reason: null, target: null, ids: [item.quarantine_id] };
  const edits = edit === null ? {} : { [item.quarantine_id]: edit };
  const run = (dry_run: boolean) => work.act.mutate({ which, edits, dry_run });
  const closed = Boolean(item.repair) && item.repair?.outcome !== "quarantined";
  return (
    <div className="repair">
      <p className="soft">{reasonOf(item.reason).remedy}</p>
      {item.raw === null ? (
        <p className="raw">No raw row is kept.</p>
      ) : (
        <RawEditor
          raw={item.raw}
          edit={edit}
          detail={item.detail}
          locked={closed}
          change={(next) => {
            // What was tried is not what stands there now.
            work.act.reset();
            setEdit(next === item.raw ? null : next);
          }}
        />
      )}
      {!closed && item.raw !== null && (
        <p className="links">
          <button type="button" className="button" disabled={work.busy} onClick={() => run(true)}>
            {edit === null ? "Try it as it is" : "Try it as mended"}
          </button>
          {edit !== null && (
            <button
              type="button"
              className="text-button"
              onClick={() => {
                work.act.reset();
                setEdit(null);
              }}
            >
              Undo the edit
            </button>
          )}
          <Discard rows={1} busy={work.busy} discard={(reason) => work.act.mutate({ which, reason, dry_run: false })} />
        </p>
      )}
      <Course of={work} confirm={() => run(false)} />
      <p className="small quiet">
        <SourceLink source={item.source} />, batch <code>{item.batch}</code>, {time.dateTime(item.at)}, id{" "}
        <code>{item.quarantine_id}</code>
      </p>
    </div>
  );
}
