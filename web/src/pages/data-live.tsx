/** What comes through the door right now: each message with what became of it. Nothing of it is kept. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { queries } from "../api/queries";
import { listen, newestFirst, type TailState } from "../api/tail";
import type { MessageVerdict, Source, TailLine } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { sentence, title } from "../format/words";
import { Choice } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { Empty, ErrorState, PageSkeleton } from "../ui/states";
import { DataHead } from "./data-parts";

/** Lines on the page: enough to read, few enough to draw. */
const MOST_LINES = 200;
const VERDICTS: [MessageVerdict, mark: string, word: string][] = [
  ["stored", "●", "Stored"],
  ["duplicate", "◐", "Duplicate"],
  ["quarantined", "✕", "Quarantined"],
  ["rejected", "✕", "Rejected"],
  ["skipped", "○", "Skipped"],
];

const STATES: Record<TailState, string> = {
  connecting: "Connecting …",
  listening: "Listening",
  reconnecting: "The line broke; connecting again …",
  refused: "The server does not let this page listen: too many do already, or the session ended.",
};

export default function LivePage() {
  const { data, error, refetch } = useQuery(queries.data());
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const live = data.sources.filter((source) => source.live !== null || source.stream !== null);
  if (live.length === 0)
    return (
      <>
        <DataHead kicker="Data · Live" title="No source is sent anything" />
        <Empty title="Nothing to listen to">
          A source with <code>api:</code> takes messages over HTTP, one with <code>nats:</code> or <code>kafka:</code>{" "}
          follows a stream; they would run by here as they come.
        </Empty>
      </>
    );
  return <Tail sources={live} />;
}

function Tail({ sources }: { sources: Source[] }) {
  const { search, set } = useFilter();
  const source = sources.some((one) => one.source === search.source) ? search.source : undefined;
  const verdict = VERDICTS.find(([name]) => name === search.verdict)?.[0];
  const [values, setValues] = useState<"masked" | "shown">("masked");
  const tail = useTail(source, verdict, values);
  // A key without a modifier works only while something of the stream has the focus (WCAG 2.1.4): elsewhere it may be meant otherwise.
  const onKeyDown = (event: KeyboardEvent) => {
    const typing = (event.target as HTMLElement).closest("select");
    if (event.key.toLowerCase() !== "p" || typing || event.metaKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    tail.toggle();
  };
  return (
    <>
      <DataHead
        kicker="Data · Live"
        title={tail.paused ? "Paused: what came before stands still" : "What comes through the door right now"}
      />
      <section className="section" id="tail" tabIndex={-1} aria-label="Live" onKeyDown={onKeyDown}>
        <header>
          <div role="status">
            <h2 className={`health ${tail.state === "listening" ? "healthy" : "late"}`}>
              <span aria-hidden="true">{tail.state === "listening" ? "●" : "◐"}</span> {STATES[tail.state]}
            </h2>
          </div>
          <div className="fields">
            <Choice
              label="Source"
              value={source}
              all="All"
              options={sources.map((one) => [one.source, title(one.source)] as const)}
              choose={(chosen) => set({ source: chosen })}
            />
            <Choice
              label="Verdict"
              value={verdict}
              all="All"
              options={VERDICTS.map(([name, , word]) => [name, word] as const)}
              choose={(chosen) => set({ verdict: chosen })}
            />
            <label className="field">
              <input
                type="checkbox"
                checked={values === "shown"}
                onChange={(event) => setValues(event.target.checked ? "shown" : "masked")}
              />
              Show whom messages name
            </label>
            <button
              type="button"
              className="button"
              aria-pressed={tail.paused}
              aria-keyshortcuts="p"
              onClick={tail.toggle}
            >
              {tail.paused ? "Go on" : "Pause"} <kbd>P</kbd>
            </button>
          </div>
        </header>
        <p className="small quiet">
          {`The newest ${number.count(MOST_LINES)} at most, newest first.`}
          {tail.missed > 0 &&
            ` ${number.count(tail.missed)} more came too fast to be shown; each was judged all the same.`}
          {tail.waiting > 0 && ` ${number.count(tail.waiting)} came while paused.`}
        </p>
        {tail.state === "refused" && (
          <button type="button" className="button" onClick={tail.again}>
            Try again
          </button>
        )}
        {tail.lines.length === 0 ? (
          <p className="soft" style={{ marginTop: 12 }}>
            {source || verdict
              ? "Nothing that fits this choice has come since it was made."
              : "Nothing has come since this page began to listen."}{" "}
            <Link to="/data/test" search={{ source }}>
              Send a test message
            </Link>
          </p>
        ) : (
          <Lines lines={tail.lines} />
        )}
      </section>
    </>
  );
}

/** The stream, and the lines so far. While paused lines go on waiting behind it, as many as the page can show. */
function useTail(source: string | undefined, verdict: MessageVerdict | undefined, values: "masked" | "shown") {
  const [state, setState] = useState<TailState>("connecting");
  const [lines, setLines] = useState<TailLine[]>([]);
  const [missed, setMissed] = useState(0);
  const [paused, setPaused] = useState(false);
  const [waiting, setWaiting] = useState(0);
  const [round, setRound] = useState(0);
  const held = useRef<TailLine[]>([]);
  const isPaused = useRef(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` connects anew
  useEffect(() => {
    setLines([]);
    setMissed(0);
    setWaiting(0);
    held.current = [];
    return listen(
      { source, verdict, values },
      (bundle) => {
        setMissed((n) => n + bundle.missed);
        if (isPaused.current) {
          held.current = newestFirst(held.current, bundle.lines, MOST_LINES);
          setWaiting((n) => n + bundle.lines.length);
        } else setLines((old) => newestFirst(old, bundle.lines, MOST_LINES));
      },
      setState,
    );
  }, [source, verdict, values, round]);

  const toggle = () => {
    isPaused.current = !isPaused.current;
    setPaused(isPaused.current);
    if (isPaused.current) return;
    const behind = held.current;
    held.current = [];
    setWaiting(0);
    setLines((old) => [...behind, ...old].slice(0, MOST_LINES));
  };

  return { state, lines, missed, paused, waiting, toggle, again: () => setRound((n) => n + 1) };
}

function Lines({ lines }: { lines: TailLine[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="scroll tail" tabIndex={0} aria-label="Messages, newest first">
      <table className="plain">
        <thead>
          <tr>
            {["Time", "Verdict", "Message", "Names", "Source"].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
            <th scope="col" className="num">
              Size
            </th>
            <th scope="col" className="num">
              Log
            </th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <Message key={`${line.source}${line.offset}-${line.message_id}-${line.index}`} line={line} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Message({ line }: { line: TailLine }) {
  const [, mark, word] = VERDICTS.find(([name]) => name === line.verdict) ?? VERDICTS[0]!;
  return (
    <tr>
      <td className="nowrap">{time.exact(line.received_at)}</td>
      <td>
        <span className={`verdict ${line.verdict}`}>
          <span aria-hidden="true">{mark}</span> {word}
        </span>
      </td>
      <td>
        <span className="quiet">{line.kind ?? "unknown"}</span> {line.name}
        {line.detail && <div className="small bad">{sentence(line.detail)}</div>}
        {line.message_id && (
          <div className="small quiet" style={{ overflowWrap: "anywhere" }}>
            {line.message_id}
          </div>
        )}
      </td>
      <td className="small">
        {line.identifiers.length === 0 ? (
          <span className="quiet">nobody</span>
        ) : (
          line.identifiers.map(({ type, value }) => (
            <div key={type} className="nowrap">
              <span className="quiet">{type}</span> {value}
            </div>
          ))
        )}
      </td>
      <td>{title(line.source)}</td>
      <td className="num nowrap">{line.size_bytes === null ? "–" : number.bytes(line.size_bytes)}</td>
      <td className="num">{number.count(line.offset)}</td>
    </tr>
  );
}
