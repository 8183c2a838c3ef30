/**
 * Long lists: the first rows, and a button for the rest. Which lists are open stands in the URL (`?all=themes,screened`), so that a link
 * shows what its sender saw. A list that is only a few rows longer than its limit is shown whole: a button would not save anything.
 */
import { useFilter } from "./filter";

/** Rows over the limit that are not worth a button. */
const SLACK = 3;

/** Whether the list of this name, which is unique on a page, is shown whole. */
export function useOpen(name: string): boolean {
  const { search } = useFilter();
  return search.all?.split(",").includes(name) ?? false;
}

/** The rows of a list to show. */
export function useFirst<Row>(name: string, rows: Row[], limit: number): { shown: Row[]; rest: number; open: boolean } {
  const open = useOpen(name);
  const shown = open || rows.length <= limit + SLACK ? rows : rows.slice(0, limit);
  return { shown, rest: rows.length - shown.length, open: open && rows.length > limit + SLACK };
}

/** The button below such a list; nothing where all rows are shown anyway. */
export function More({ name, count, what, rest, open }: More) {
  const { search, set } = useFilter();
  if (rest === 0 && !open) return null;
  const names = search.all?.split(",").filter((one) => one !== name) ?? [];
  const next = open ? names : [...names, name];
  return (
    <p style={{ paddingTop: 16 }}>
      <button
        type="button"
        className="button"
        aria-expanded={open}
        onClick={() => set({ all: next.join(",") || undefined })}
      >
        {open ? "Show fewer" : `Show all ${count} ${what}`}
      </button>
    </p>
  );
}

interface More {
  name: string;
  /** How many there are, as the reader sees it. */
  count: string;
  /** In the plural. */
  what: string;
  rest: number;
  open: boolean;
}
