/** Waiting, nothing, trouble: each says what is there and the one thing to do. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import type { Applied, Filter } from "../api/types";
import { list } from "../format/words";
import { useFilter } from "./filter";

/** Grey shapes in the page's own layout. */
export function Skeleton({ rows = 3, height = 20 }: { rows?: number; height?: number }) {
  return (
    <div aria-hidden="true" style={{ display: "grid", gap: 12 }}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton" style={{ height, width: `${100 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function PageSkeleton() {
  return (
    <div role="status" aria-label="Loading">
      <div className="head">
        <div className="skeleton" style={{ height: 16, width: 160 }} />
        <div className="skeleton" style={{ height: 36, width: "min(560px, 90%)" }} />
      </div>
      <div className="cards" style={{ gap: 24, paddingTop: 16 }}>
        {[0, 1, 2].map((i) => (
          <div key={i} className="skeleton" style={{ height: 180 }} />
        ))}
      </div>
    </div>
  );
}

export function Empty({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <section className="state">
      <h2>{title}</h2>
      <p>{children}</p>
      {action}
    </section>
  );
}

/** Nothing in the selection: offers to drop the filter. */
export function EmptySelection({ what }: { what: string }) {
  const { filter, set } = useFilter();
  const chosen = filter.period || filter.slice || filter.channel;
  return (
    <Empty
      title={`No ${what} in this selection`}
      action={
        chosen ? (
          <button
            type="button"
            className="button"
            onClick={() => set({ period: undefined, slice_by: undefined, slice: undefined, channel: undefined })}
          >
            Show everything
          </button>
        ) : (
          <Link to="/data" className="button">
            Look at the sources
          </Link>
        )
      }
    >
      {chosen ? "The filter above leaves nothing over." : "They appear here after the first import and run."}
    </Empty>
  );
}

/** What is safe after an act that may have stored a part of what it was to store. */
export const AFTER_WRITE = "What was stored before it failed stays. Look at the list before you try again.";

interface ErrorStateProps {
  error: unknown;
  /** What the reader need not fear for. */
  safe?: string;
  retry?: () => void;
}

export function ErrorState({ error, safe = "Your data is safe: reading changes nothing.", retry }: ErrorStateProps) {
  const known = error instanceof ApiError ? error : null;
  const merged = known?.details?.merged_into;
  if (known?.status === 401) return <Login />;
  return (
    <section className="state error" role="alert">
      <h2>
        {known?.code === "not_found"
          ? "Not found"
          : known?.code === "unreachable"
            ? "The server does not answer"
            : "This did not work"}
      </h2>
      <p>{known?.message ?? "The page met an error of its own."}</p>
      {typeof merged === "string" && (
        <Link to="/people/$id" params={{ id: merged }} className="button">
          Open the person it was merged into
        </Link>
      )}
      {known?.code !== "not_found" && <p className="small">{safe}</p>}
      {retry && known?.code !== "not_found" && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
      <p className="small quiet">
        {known ? (
          <>
            Request <code>{known.requestId}</code> · {known.code}
          </>
        ) : (
          <code>{String(error)}</code>
        )}
      </p>
    </section>
  );
}

function Login() {
  return (
    <section className="state">
      <h1>Please log in</h1>
      <p>
        Open the login link that <code>clew serve</code> printed when it started, or paste its token here. The session
        stays in this browser.
      </p>
      <form action="/login" method="get" style={{ display: "flex", gap: 8, flexWrap: "wrap" }}>
        <label className="hidden" htmlFor="token">
          Token
        </label>
        <input
          id="token"
          name="token"
          type="password"
          required
          autoComplete="off"
          className="button"
          style={{ minWidth: 280, cursor: "text" }}
          placeholder="Token"
        />
        <button type="submit" className="button primary">
          Log in
        </button>
      </form>
    </section>
  );
}

/** Says which parts of the filter this page cannot honour. */
export function NotApplied({ applied }: { applied: Applied }) {
  const { filter } = useFilter();
  const given: [keyof Applied, keyof Filter, string][] = [
    ["period", "period", "period"],
    ["slice", "slice", "group"],
    ["channel", "channel", "channel"],
  ];
  const missed = given.filter(([part, key]) => filter[key] !== undefined && !applied[part]).map(([, , word]) => word);
  if (missed.length === 0) return null;
  return (
    <p className="small soft" role="note">
      The {list(missed)} filter does not apply here: this page shows everything in that respect.
    </p>
  );
}
