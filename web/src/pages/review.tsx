/** Are these two one person? One pair at a time, the one from whose answer most is learnt first; every answer can be taken back. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { post } from "../api/client";
import { queries } from "../api/queries";
import type { Decided, Doubt, DoubtSide } from "../api/types";
import { Waterfall } from "../charts/waterfall";
import * as number from "../format/number";
import { doubt as doubtInWords } from "../format/sentences";
import { title } from "../format/words";
import { AFTER_WRITE, Empty, ErrorState, PageSkeleton } from "../ui/states";

type Verdict = "link" | "apart";

const DONE: Record<Verdict, string> = { link: "One person", apart: "Two people" };
const KEYS: Record<string, Verdict | "skip" | "undo"> = { a: "link", d: "apart", s: "skip", u: "undo" };
/** Why, where the reader says no more than the button does. */
const REASON: Record<Verdict, string> = {
  link: "Looked at side by side in the review queue: one person",
  apart: "Looked at side by side in the review queue: two people",
};

const keyOf = ({ a, b }: Doubt) => `${a.subject} ${b.subject}`;

export default function ReviewPage() {
  const { data, error, refetch } = useQuery(queries.review());
  const [skipped, setSkipped] = useState<string[]>([]);
  const [done, setDone] = useState<{ key: string; decided: Decided; verdict: Verdict }[]>([]);
  const settled = new Set([...skipped, ...done.map(({ key }) => key)]);
  const open = data?.pairs.filter((pair) => !settled.has(keyOf(pair))) ?? [];
  const pair = open[0];
  const last = done.at(-1);

  const decide = useMutation({
    mutationFn: ({ pair: { a, b }, verdict }: { pair: Doubt; verdict: Verdict }) =>
      post<"POST /identity/decisions">("/identity/decisions", {
        kind: verdict,
        a: a.subject,
        b: b.subject,
        reason: REASON[verdict],
      }),
    onSuccess: (decided, { pair, verdict }) => setDone((all) => [...all, { key: keyOf(pair), decided, verdict }]),
  });
  const undo = useMutation({
    mutationFn: ({ decided }: { key: string; decided: Decided }) =>
      post<"POST /identity/decisions/{decision_id}/revoke">(
        "/identity/decisions/{decision_id}/revoke",
        { reason: "Taken back in the review queue" },
        decided.decision_id,
      ),
    // What was decided before the page was opened is not in its list: it is asked for anew.
    onSuccess: (_, { key }) => {
      setDone((all) => all.filter((one) => one.key !== key));
      setSkipped((all) => all.filter((one) => one !== key));
      void refetch();
    },
  });
  const busy = decide.isPending || undo.isPending;

  const act = (what: Verdict | "skip" | "undo") => {
    if (busy) return;
    if (what === "undo") {
      if (last) undo.mutate(last);
    } else if (pair) {
      if (what === "skip") setSkipped((all) => [...all, keyOf(pair)]);
      else decide.mutate({ pair, verdict: what });
    }
  };
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog");
      const what = KEYS[event.key];
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !what) return;
      event.preventDefault();
      latest.current(what);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const failure = decide.error ?? undo.error;
  return (
    <>
      <div className="head">
        <p className="kicker">
          <Link to="/people">People</Link> · Review queue
          {data.total > 0 && ` · ${number.count(Math.max(0, data.total - done.length))} open`}
        </p>
        <h1>{pair ? "Are these two one person?" : "Nothing to review"}</h1>
      </div>
      {failure && <ErrorState error={failure} safe={AFTER_WRITE} />}
      <p aria-live="polite" className="review-done">
        {last && (
          <>
            {DONE[last.verdict]}: the next run follows it.{" "}
            <button type="button" className="text-button" disabled={busy} onClick={() => act("undo")}>
              Undo <kbd>U</kbd>
            </button>
          </>
        )}
      </p>
      {pair ? (
        <Pair key={keyOf(pair)} pair={pair} busy={busy} act={act} />
      ) : (
        <Empty
          title={skipped.length > 0 ? "Everything else was skipped" : "No pair is open"}
          action={
            skipped.length > 0 && (
              <button type="button" className="button" onClick={() => setSkipped([])}>
                Show the skipped again
              </button>
            )
          }
        >
          Pairs appear here when a run finds records that are alike but not surely enough (<code>matching:</code> in{" "}
          <code>identity.yaml</code>), or evidence that a limit keeps from joining two people.
        </Empty>
      )}
    </>
  );
}

function Pair({ pair, busy, act }: { pair: Doubt; busy: boolean; act: (what: Verdict | "skip") => void }) {
  const { a, b, evidence } = pair;
  const fields = [...new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])];
  return (
    <>
      <section className="section" id="pair">
        <header>
          <h2>Side by side</h2>
          <p>{doubtInWords(evidence)}</p>
        </header>
        <table className="plain beside">
          <thead>
            <tr>
              <th scope="col">Field</th>
              {[a, b].map((side) => (
                <th scope="col" key={side.subject}>
                  <Head side={side} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => {
              const [one, other] = [a.fields[field], b.fields[field]];
              const differs = one !== undefined && other !== undefined && one !== other;
              return (
                <tr key={field} className={differs ? "differs" : undefined}>
                  <th scope="row">
                    {title(field)}
                    {differs && <span className="small">differs</span>}
                  </th>
                  <td>{one ?? <span className="quiet">–</span>}</td>
                  <td>{other ?? <span className="quiet">–</span>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
        <div className="review-acts">
          <button type="button" className="button primary" disabled={busy} onClick={() => act("link")}>
            One person <kbd>A</kbd>
          </button>
          <button type="button" className="button" disabled={busy} onClick={() => act("apart")}>
            Two people <kbd>D</kbd>
          </button>
          <button type="button" className="button" disabled={busy} onClick={() => act("skip")}>
            Skip <kbd>S</kbd>
          </button>
        </div>
      </section>
      {evidence.levels.length > 0 && (
        <section className="section" id="weights">
          <header>
            <h2>Why they might be one</h2>
            <p>
              Each step adds to the odds, as log2: +1 doubles them, −1 halves them. The odds of any two records are far
              below even.
            </p>
          </header>
          <Waterfall levels={evidence.levels} />
        </section>
      )}
    </>
  );
}

function Head({ side }: { side: DoubtSide }) {
  return (
    <>
      <Link to="/people/$id" params={{ id: side.person_id }}>
        {side.display_name ?? side.person_id}
      </Link>
      <div className="small quiet">
        {side.record ?? `subject ${side.subject}`} · {number.count(side.events)} events
      </div>
    </>
  );
}
