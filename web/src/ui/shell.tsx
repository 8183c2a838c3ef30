/** The frame of every page: rail, filter bar, palette, and where the answer goes. */
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { queries } from "../api/queries";
import * as time from "../format/time";
import { FilterBar } from "./filter";
import { JOURNEY_VIEWS, PAGES } from "./pages";
import { CommandPalette } from "./palette";
import { ErrorState, PageSkeleton } from "./states";
import { chooseTheme, useShownTheme } from "./theme";

const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);

export function Shell() {
  const { data: meta, error, refetch } = useQuery(queries.meta());
  const [searching, setSearching] = useState(false);
  const shown = useShownTheme();
  const path = useRouterState({ select: (state) => state.location.pathname });
  if (meta) time.setZone(meta.timezone);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setSearching(true);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const under = JOURNEY_VIEWS.some(([to]) => path === to) ? "/journey" : path;
  const page = PAGES.findLast(({ to }) => (to === "/" ? under === "/" : under.startsWith(to)));
  useEffect(() => {
    document.title = [page?.name, meta?.company ?? "Clew"].filter(Boolean).join(" · ");
  }, [page, meta]);

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="rail">
        <Link to="/" className="brand">
          <svg
            viewBox="0 0 32 32"
            fill="none"
            stroke="currentColor"
            strokeWidth="2.4"
            strokeLinecap="round"
            aria-hidden="true"
          >
            <circle cx="15" cy="15" r="11" />
            <path d="M5.500 11c6-3.500 13-3.500 19 .5M4.500 17c6.500-4 14.500-3.500 20.500 1M8 23c4-4 10-5 15.500-1.500M22 23.500c2.500 3 5 4.500 8 4.500" />
          </svg>
          <span>
            Clew
            {meta && <small>{meta.company}</small>}
          </span>
        </Link>
        <nav className="nav" aria-label="Pages">
          {PAGES.filter(({ capability }) => (meta ? meta.capabilities.includes(capability) : !error)).map(
            ({ name, to }) => (
              <Link key={to} to={to} aria-current={page?.to === to ? "page" : undefined} activeProps={{}}>
                {name}
              </Link>
            ),
          )}
        </nav>
        <div className="rail-foot">
          {meta?.last_run && (
            <Link to="/data" className="run">
              {meta.job ? "A run is at work" : `Last run ${time.dateTime(meta.last_run.started_at)}`}
              {meta.last_run.status === "failed" && " failed"}
            </Link>
          )}
          <button
            type="button"
            className="text-button small"
            onClick={() => chooseTheme(shown === "dark" ? "light" : "dark")}
            style={{ textAlign: "left" }}
          >
            {shown === "dark" ? "Light" : "Dark"}
            <span className="hidden"> colours</span>
          </button>
        </div>
      </header>
      <div className="main">
        <div className="bar">
          {meta && <FilterBar />}
          <span className="grow" />
          <button type="button" className="search-button" onClick={() => setSearching(true)}>
            Search <kbd>{MAC ? "⌘K" : "Ctrl K"}</kbd>
          </button>
        </div>
        <main id="main" tabIndex={-1} style={{ outline: "none" }}>
          {error && !(meta && error instanceof ApiError && error.code === "unreachable") ? (
            <ErrorState error={error} retry={() => void refetch()} />
          ) : meta ? (
            <Outlet />
          ) : (
            <PageSkeleton />
          )}
        </main>
      </div>
      <CommandPalette open={searching} close={() => setSearching(false)} />
    </div>
  );
}
