/** Tables that sort. A thin skin over TanStack Table; scrolls sideways by itself on a small screen. */
import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  getSortedRowModel,
  type SortingState,
  useReactTable,
} from "@tanstack/react-table";
import { useState } from "react";
import * as number from "../format/number";
import { More, useFirst } from "./more";

export interface DataTableProps<Row> {
  /** What the rows are, for readers who hear it. */
  label: string;
  rows: Row[];
  // biome-ignore lint/suspicious/noExplicitAny: each column has its own value type
  columns: ColumnDef<Row, any>[];
  initial?: SortingState;
  /** Show the first rows only, with a button for all: the list's name in the URL, how many, and what they are. */
  first?: { name: string; limit: number; what: string };
}

const ALL = { name: "", limit: Number.POSITIVE_INFINITY, what: "" };

/** Mark a column as numbers with `meta: { num: true }`. */
const isNumber = (meta: unknown) => (meta as { num?: boolean } | undefined)?.num === true;

export function DataTable<Row>({ label, rows, columns, initial = [], first = ALL }: DataTableProps<Row>) {
  const [sorting, setSorting] = useState<SortingState>(initial);
  const table = useReactTable({
    data: rows,
    columns,
    state: { sorting },
    onSortingChange: setSorting,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
  });
  const { shown, rest, open } = useFirst(first.name, table.getRowModel().rows, first.limit);
  const body = (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted();
                return (
                  <th
                    key={header.id}
                    scope="col"
                    className={isNumber(header.column.columnDef.meta) ? "num" : undefined}
                    aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined}
                  >
                    {header.column.getCanSort() ? (
                      <button type="button" onClick={header.column.getToggleSortingHandler()}>
                        {flexRender(header.column.columnDef.header, header.getContext())}
                        {sorted === "asc" ? " ↑" : sorted === "desc" ? " ↓" : ""}
                      </button>
                    ) : (
                      flexRender(header.column.columnDef.header, header.getContext())
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.id}>
              {row.getVisibleCells().map((cell) => (
                <td key={cell.id} className={isNumber(cell.column.columnDef.meta) ? "num" : undefined}>
                  {flexRender(cell.column.columnDef.cell, cell.getContext())}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
  return (
    <>
      {body}
      <More name={first.name} count={number.count(rows.length)} what={first.what} rest={rest} open={open} />
    </>
  );
}
