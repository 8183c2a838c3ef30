/** Who is this? Search first; without a search, those seen last. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { createColumnHelper } from "@tanstack/react-table";
import { useEffect, useMemo, useState } from "react";
import { queries } from "../api/queries";
import type { PersonRow } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { title } from "../format/words";
import { useFilter } from "../ui/filter";
import { EmptySelection, ErrorState, NotApplied, Skeleton } from "../ui/states";
import { DataTable } from "../ui/table";

const column = createColumnHelper<PersonRow>();
const given = (score: number | null) => (score === null ? <span className="quiet">–</span> : number.score(score, null));

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

  const columns = useMemo(
    () => [
      column.accessor((row) => row.display_name ?? row.person_id, {
        id: "person",
        header: "Person",
        cell: ({ row: { original } }) => (
          <>
            <Link to="/people/$id" params={{ id: original.person_id }}>
              {original.display_name ?? <code>{original.person_id}</code>}
            </Link>
            {original.matched && (
              <div className="small quiet">
                {title(original.matched.type)}: {original.matched.value}
              </div>
            )}
          </>
        ),
      }),
      column.accessor("last_seen_at", {
        header: "Last seen",
        cell: ({ getValue }) => <span className="nowrap">{time.date(getValue())}</span>,
      }),
      column.accessor((row) => row.stage ?? "", {
        id: "stage",
        header: "Stage",
        cell: ({ getValue }) => (getValue() ? title(getValue()) : "–"),
      }),
      column.accessor((row) => row.channels.join(" "), {
        id: "channels",
        header: "Channels",
        enableSorting: false,
        cell: ({ row: { original } }) => (
          <span className="soft nowrap">
            {original.channels.slice(0, 3).map(title).join(", ")}
            {original.channels.length > 3 && ` +${original.channels.length - 3}`}
          </span>
        ),
      }),
      column.accessor("events", {
        header: "Events",
        meta: { num: true },
        cell: ({ getValue }) => number.count(getValue()),
      }),
      column.accessor("last_nps", { header: "NPS", meta: { num: true }, cell: ({ getValue }) => given(getValue()) }),
      column.accessor("last_csat", { header: "CSAT", meta: { num: true }, cell: ({ getValue }) => given(getValue()) }),
      column.accessor("last_ces", { header: "CES", meta: { num: true }, cell: ({ getValue }) => given(getValue()) }),
      column.accessor((row) => (row.value === null ? -1 : Number(row.value)), {
        id: "value",
        header: "Value",
        meta: { num: true },
        cell: ({ row: { original } }) => (
          <span className="nowrap">{number.money(original.value, original.currency)}</span>
        ),
      }),
    ],
    [],
  );

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
          <DataTable label="People" rows={rows} columns={columns} />
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
