/** Who is this? Search first; without a search, those seen last. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { queries } from "../api/queries";
import * as number from "../format/number";
import { useFilter } from "../ui/filter";
import { PEOPLE_COLUMNS } from "../ui/people";
import { EmptySelection, ErrorState, NotApplied, Skeleton } from "../ui/states";
import { DataTable } from "../ui/table";

export default function PeoplePage() {
  const { filter, search, set } = useFilter();
  const { data: meta } = useQuery(queries.meta());
  const [text, setText] = useState(search.q ?? "");
  const q = search.q ?? "";
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage, isPlaceholderData } = useInfiniteQuery(
    queries.people(q, filter),
  );

  useEffect(() => setText(q), [q]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing starts the timer
  useEffect(() => {
    if (text === q) return;
    const timer = setTimeout(() => set({ q: text.trim() || undefined }, true), 200);
    return () => clearTimeout(timer);
  }, [text]);

  const rows = data?.pages.flatMap(({ people }) => people) ?? [];
  const first = data?.pages[0];
  return (
    <>
      <div className="head">
        <p className="kicker">People{first && ` · ${number.count(first.total)} in the store`}</p>
        <h1>Find a person</h1>
        <p className="soft">
          <Link to="/people/review">Review queue</Link>: pairs of whom only you can say whether they are one person.
        </p>
        <label className="hidden" htmlFor="search">
          Name, e-mail, phone, customer number, order
        </label>
        <input
          id="search"
          type="search"
          className="big-search"
          placeholder="Name, e-mail, phone, customer number, order"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {first && <NotApplied applied={first.applied} />}
      </div>
      {error && !data ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : !data || !meta ? (
        <Skeleton rows={8} height={24} />
      ) : rows.length === 0 ? (
        q ? (
          <section className="state">
            <h2>Nobody matches “{q}”</h2>
            <p>
              Names match by any part; e-mails, phones and numbers from their beginning. A filter above may also leave
              the person out.
            </p>
            <button
              type="button"
              className="button"
              onClick={() =>
                set({ q: undefined, period: undefined, channel: undefined, slice: undefined, slice_by: undefined })
              }
            >
              Clear search and filter
            </button>
          </section>
        ) : (
          <EmptySelection what="people" />
        )
      ) : (
        <section className="section" style={{ marginTop: 8 }} aria-busy={isPlaceholderData}>
          <header>
            <h2>{q ? `Matches for “${q}”` : "Seen last"}</h2>
            <p aria-live="polite">
              {number.count(rows.length)}
              {hasNextPage ? " or more" : ""} shown
            </p>
          </header>
          <DataTable label="People" rows={rows} columns={PEOPLE_COLUMNS} />
          {hasNextPage && (
            <p style={{ paddingTop: 16 }}>
              <button
                type="button"
                className="button"
                disabled={isFetchingNextPage}
                onClick={() => void fetchNextPage()}
              >
                {isFetchingNextPage ? "Loading …" : "Show more"}
              </button>
            </p>
          )}
        </section>
      )}
    </>
  );
}
