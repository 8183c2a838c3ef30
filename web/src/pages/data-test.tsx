/** Does a message come through, and what becomes of it? Composed here, taken through a live source, shown step by step. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { post } from "../api/client";
import { ANSWERS, queries } from "../api/queries";
import type { Source, TestReport } from "../api/types";
import { copyText } from "../charts/export";
import { reason as reasonOf } from "../format/reasons";
import { testHeadline } from "../format/sentences";
import * as snippets from "../format/snippets";
import { sentence, title } from "../format/words";
import { Chips, Choice } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { AFTER_WRITE, Empty, ErrorState, PageSkeleton } from "../ui/states";
import { DataHead } from "./data-parts";

const CALLS: Record<string, string[]> = {
  tracking: ["track", "identify", "page", "screen", "group", "alias", "batch"],
  rows: ["json", "jsonl", "csv"],
};

const pretty = (value: unknown) => JSON.stringify(value, null, 2);

/** A message to begin with, of every call. */
const TEMPLATES: Record<string, string> = {
  track: pretty({ userId: "test-user", event: "Clew Test", properties: { note: "sent from the cockpit" } }),
  identify: pretty({ userId: "test-user", traits: { email: "test@example.org", firstName: "Test" } }),
  page: pretty({ anonymousId: "test-visitor", name: "Clew Test", properties: { path: "/test" } }),
  screen: pretty({ userId: "test-user", name: "Clew Test" }),
  group: pretty({ userId: "test-user", groupId: "test-group", traits: { name: "Test Ltd" } }),
  alias: pretty({ userId: "test-user", previousId: "test-visitor" }),
  batch: pretty({
    batch: [
      { type: "identify", userId: "test-user", traits: { email: "test@example.org" } },
      { type: "track", userId: "test-user", event: "Clew Test" },
    ],
  }),
  json: pretty([{ id: "clew-test-1" }]),
  jsonl: '{"id": "clew-test-1"}\n',
  csv: "id\nclew-test-1\n",
};

export default function TestPage() {
  const { data, error, refetch } = useQuery(queries.data());
  const { search } = useFilter();
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const live = data.sources.filter((source) => source.live !== null);
  const first =
    live.find(({ source }) => source === search.source) ?? live.find(({ kind }) => kind === "tracking") ?? live[0];
  if (!first)
    return (
      <>
        <DataHead kicker="Data · Test a message" title="No source is sent anything over HTTP" />
        <Empty title="Nothing to test">
          Give a source <code>api: tracking</code> or <code>api: rows</code> in <code>sources/NAME.yaml</code>, then
          come back.
        </Empty>
      </>
    );
  return <Test key={first.source} sources={live} source={first} />;
}

function Test({ sources, source }: { sources: Source[]; source: Source }) {
  const { set } = useFilter();
  const client = useQueryClient();
  const calls = CALLS[source.kind] ?? CALLS.rows!;
  const [call, setCall] = useState(calls[0]!);
  const [body, setBody] = useState(TEMPLATES[calls[0]!] ?? "");
  const test = useMutation({
    mutationFn: (mode: "check" | "send") =>
      post<"POST /data/test">("/data/test", { source: source.source, mode, call, body }),
    onSuccess: ({ mode }) => {
      if (mode === "send") void client.invalidateQueries(ANSWERS);
    },
  });
  return (
    <>
      <DataHead kicker="Data · Test a message" title={testHeadline(test.data ?? null)} />
      <div className="columns">
        <section className="section">
          <header>
            <h2>Message</h2>
          </header>
          <form
            className="test"
            onSubmit={(event) => {
              event.preventDefault();
              test.mutate("check");
            }}
          >
            <div className="fields">
              <Choice
                label="Source"
                value={source.source}
                options={sources.map((one) => [one.source, title(one.source)] as const)}
                choose={(chosen) => set({ source: chosen })}
              />
              <Choice
                label={source.kind === "tracking" ? "Call" : "Format"}
                value={call}
                options={calls.map((one) => [one, one] as const)}
                choose={(chosen = call) => {
                  // What was typed is not thrown away: only an untouched template makes room for another.
                  if (body === TEMPLATES[call]) setBody(TEMPLATES[chosen] ?? "");
                  setCall(chosen);
                  test.reset();
                }}
              />
            </div>
            <label className="labelled">
              Body
              <textarea
                className="text-input mono"
                rows={12}
                value={body}
                spellCheck={false}
                onChange={(event) => {
                  setBody(event.target.value);
                  test.reset();
                }}
              />
            </label>
            <p className="small quiet">
              {source.kind === "tracking"
                ? "A test's messageId begins with clew-test-, so that it can be told apart and found later."
                : "Rows get their ids from the source's SQL: give the row an id that you will recognise."}
            </p>
            <p className="links">
              <button type="submit" className="button primary" disabled={test.isPending || !body.trim()}>
                Check only
              </button>
              <button
                type="button"
                className="button"
                disabled={test.isPending || !body.trim()}
                onClick={() => test.mutate("send")}
              >
                Send
              </button>
              <span className="small quiet">Checking stores nothing. What is sent stays among the facts.</span>
            </p>
          </form>
          {test.error && <ErrorState error={test.error} safe={test.variables === "check" ? undefined : AFTER_WRITE} />}
        </section>
        <section className="section" aria-live="polite">
          <header>
            <h2>Its way</h2>
            {test.data && <p>{test.data.mode === "check" ? "checked, not stored" : "sent"}</p>}
          </header>
          {test.data ? (
            <Way report={test.data} />
          ) : (
            <p className="soft">
              Received, decoded, typed and cleaned, given its subject, judged, written to the log, found in SQL, on its
              person: each step appears here with what it made of the message.
            </p>
          )}
        </section>
      </div>
      <Snippet source={source} call={call} body={body} />
    </>
  );
}

const STEPS: Record<TestReport["steps"][number]["step"], string> = {
  received: "Received",
  decoded: "Decoded",
  typed: "Typed and cleaned",
  subject: "Subject",
  verdict: "Verdict",
  log: "Log",
  sql: "In SQL",
  person: "On its person",
};
const MARKS = { done: ["✓", "done"], stopped: ["✕", "stopped"], open: ["○", "open"] } as const;

function Way({ report }: { report: TestReport }) {
  const person = report.facts.find(({ person_id }) => person_id !== null)?.person_id ?? null;
  const code = report.messages.results.find((result) => result.code !== null)?.code ?? null;
  return (
    <>
      <ol className="way">
        {report.steps.map(({ step, status, detail }) => (
          <li key={step} className={status}>
            <span className="way-mark" aria-hidden="true">
              {MARKS[status][0]}
            </span>
            <div>
              <b>{STEPS[step]}</b>
              <span className="hidden">, {MARKS[status][1]}</span>{" "}
              {step === "person" && person ? (
                <Link to="/people/$id" params={{ id: person }}>
                  {detail}
                </Link>
              ) : (
                <span className="soft">{step === "subject" ? <code>{detail}</code> : detail}</span>
              )}
            </div>
          </li>
        ))}
      </ol>
      {code && <p className="soft">{reasonOf(code).remedy}</p>}
      {report.messages.results.length > 1 && (
        <ul className="small soft" style={{ marginTop: 8 }}>
          {report.messages.results.slice(0, 20).map(({ index, status, code, message }) => (
            <li key={index}>
              Message {index + 1}: {status}
              {message ? `, ${sentence(message)}` : code ? `, ${code}` : ""}
            </li>
          ))}
        </ul>
      )}
      {report.queries.map((query, i) => (
        <Code
          key={query}
          label={
            report.queries.length > 1
              ? `Query ${i + 1} of ${report.queries.length} that find it`
              : "Query that finds it"
          }
          text={query}
          file="query.sql"
        />
      ))}
      {report.facts.map(({ target, columns }, i) => (
        <details className="line" key={i} open={i === 0} style={{ marginTop: 12 }}>
          <summary>
            <b>{title(target)}</b> <span className="quiet">{String(Object.values(columns)[0] ?? "")}</span>
          </summary>
          <dl className="kv" style={{ marginTop: 4 }}>
            {Object.entries(columns).map(([name, value]) => (
              <div key={name} style={{ display: "contents" }}>
                <dt>
                  <code>{name}</code>
                </dt>
                <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      ))}
    </>
  );
}

/** A text to take along, with a button that copies it. */
function Code({ label, text, file }: { label: string; text: string; file: string }) {
  const [said, setSaid] = useState("");
  return (
    <div className="code">
      <p className="links small">
        <span className="quiet">{label}</span>
        <button type="button" className="text-button small" onClick={() => void copyText(text, file).then(setSaid)}>
          Copy<span className="hidden">: {label}</span>
        </button>
        <output>{said}</output>
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre className="raw" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

function Snippet({ source, call, body }: { source: Source; call: string; body: string }) {
  const client = useQueryClient();
  const { data: keys } = useQuery(queries.keys());
  const make = useMutation({
    mutationFn: () => post<"POST /keys">("/keys", { source: source.source, label: "made on the test page" }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ["keys"] }),
  });
  const [shown, setShown] = useState("curl");
  const key = make.data?.write_key ?? null;
  const sending = { origin: location.origin, kind: source.kind, source: source.source, call, body, key };
  const ways: [name: string, text: string | null, file: string][] = [
    ["curl", snippets.curl(sending), "send.sh"],
    ...(source.kind === "tracking"
      ? ([
          ["Web page", snippets.browser(sending), "send.html"],
          ["Node", snippets.node(sending), "send.mjs"],
        ] as [string, string | null, string][])
      : []),
  ];
  const [name, text, file] = ways.find(([one, text]) => one === shown && text !== null) ?? ways[0]!;
  const valid = keys?.keys.filter((one) => one.source === source.source && one.revoked_at === null) ?? [];
  return (
    <section className="section" id="snippet">
      <header>
        <h2>Send it from elsewhere</h2>
        <Chips
          label="Language"
          value={name}
          options={ways.filter(([, text]) => text !== null).map(([one]) => [one, one] as const)}
          choose={setShown}
        />
      </header>
      <p className="links">
        {key ? (
          <span className="soft">
            The key stands in the lines below. It is shown this once: keep it before you leave the page.
          </span>
        ) : (
          <>
            <button type="button" className="button" disabled={make.isPending} onClick={() => make.mutate()}>
              Make a write key
            </button>
            <span className="small quiet">
              {valid.length === 0
                ? "This source has no write key yet."
                : `This source has ${valid.length === 1 ? "one" : valid.length} already: ${valid
                    .slice(0, 3)
                    .map(({ label, key_id }) => label ?? key_id)
                    .join(", ")}. Keys are never shown again; put yours in the place of ${snippets.KEY_PLACE}.`}
            </span>
          </>
        )}
      </p>
      {make.error && <ErrorState error={make.error} safe={AFTER_WRITE} />}
      <Code label={name} text={text ?? ""} file={file} />
    </section>
  );
}
