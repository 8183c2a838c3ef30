/** People in a table: the columns of every list of them, and the list behind a number. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { createColumnHelper } from "@tanstack/react-table";
import { useEffect, useRef } from "react";
import { type Cell, queries } from "../api/queries";
import type { PersonRow } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { plural, title } from "../format/words";
import { useFilter } from "./filter";
import { ErrorState, Skeleton } from "./states";
import { DataTable } from "./table";

const column = createColumnHelper<PersonRow>();
const given = (score: number | null) => (score === null ? <span className="quiet">–</span> : number.score(score, null));

export const PEOPLE_COLUMNS = [
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
    cell: ({ row: { original } }) => <span className="nowrap">{number.money(original.value, original.currency)}</span>,
  }),
];

/** A number that opens its people: what is chosen stands in the URL as `who`. */
export function Opens({ who, children, label }: { who: string; children: React.ReactNode; label: string }) {
  const { search, set } = useFilter();
  const open = search.who === who;
  return (
    <button
      type="button"
      className="text-button opens"
      aria-pressed={open}
      aria-label={label}
      onClick={() => set({ who: open ? undefined : who })}
    >
      {children}
    </button>
  );
}

/** The people behind the chosen number; nothing where none is chosen. */
export function Behind({ cell, what }: { cell: Cell | undefined; what: string }) {
  const { set } = useFilter();
  const box = useRef<HTMLElement>(null);
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.behind(cell),
  );
  const chosen = cell ? JSON.stringify(cell) : undefined;
  useEffect(() => {
    if (chosen) box.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  if (!cell) return null;
  const total = data?.pages[0]?.total ?? 0;
  return (
    <section className="section" ref={box} aria-label="People behind the number">
      <header>
        <h2>{data ? `${plural(total, "person", "people", number.count(total))}: ${what}` : what}</h2>
        <button type="button" className="text-button small" onClick={() => set({ who: undefined })}>
          Close
        </button>
      </header>
      {error && !data ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton rows={5} height={24} />
      ) : (
        <DataTable
          label="People behind the number"
          rows={data.pages.flatMap(({ people }) => people)}
          columns={PEOPLE_COLUMNS}
        />
      )}
      {hasNextPage && (
        <p style={{ paddingTop: 16 }}>
          <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {isFetchingNextPage ? "Loading …" : "Show more"}
          </button>
        </p>
      )}
    </section>
  );
}
