/** ⌘K / Ctrl K: people, metrics, themes, pages, by name. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { queries } from "../api/queries";
import { title } from "../format/words";
import { PAGES } from "./pages";

interface Entry {
  key: string;
  kind: string;
  title: string;
  detail: string | null;
  go: () => void;
}

export function CommandPalette({ open, close }: { open: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const q = useDeferredValue(text.trim());
  const { data: meta } = useQuery(queries.meta());
  const { data: found } = useQuery({ ...queries.search(q), enabled: open && q.length >= 2 });

  useEffect(() => {
    const box = dialog.current;
    if (!box) return;
    if (open && !box.open) {
      setText("");
      setAt(0);
      box.showModal();
      input.current?.focus();
    }
    if (!open && box.open) box.close();
  }, [open]);

  const entries = useMemo<Entry[]>(() => {
    const fits = (name: string) => q === "" || name.toLowerCase().includes(q.toLowerCase());
    const pages = PAGES.filter(({ capability }) => meta?.capabilities.includes(capability))
      .filter(({ name }) => fits(name))
      .map(
        ({ name, to, question }): Entry => ({
          key: to,
          kind: "Page",
          title: name,
          detail: question,
          go: () => void navigate({ to }),
        }),
      );
    const metrics = (q === "" ? (meta?.metrics ?? []) : []).map(
      ({ metric }): Entry => ({
        key: metric,
        kind: "Metric",
        title: title(metric),
        detail: null,
        go: () => void navigate({ to: "/scores", search: (old: object) => ({ ...old, metric }) }),
      }),
    );
    const hits = (q.length >= 2 ? (found?.hits ?? []) : []).map((hit): Entry => {
      const go = {
        person: () => navigate({ to: "/people/$id", params: { id: hit.id } }),
        metric: () => navigate({ to: "/scores", search: (old: object) => ({ ...old, metric: hit.id }) }),
        theme: () => navigate({ to: "/voice/$id", params: { id: hit.id } }),
        journey: () => navigate({ to: "/journey/$name", params: { name: hit.id } }),
        source: () => navigate({ to: "/data", search: (old: object) => ({ ...old, source: hit.id }) }),
      }[hit.kind];
      return {
        key: hit.kind + hit.id,
        kind: title(hit.kind),
        title: hit.kind === "person" || hit.kind === "theme" ? hit.title : title(hit.title),
        detail: hit.detail,
        go: () => void go(),
      };
    });
    const search: Entry[] =
      q.length >= 2
        ? [
            {
              key: "people",
              kind: "Search",
              title: `People who match “${q}”`,
              detail: null,
              go: () => void navigate({ to: "/people", search: (old: object) => ({ ...old, q }) }),
            },
          ]
        : [];
    return [...pages, ...metrics, ...hits, ...search];
  }, [q, meta, found, navigate]);

  const chosen = Math.min(at, Math.max(0, entries.length - 1));
  const take = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.go();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = chosen + (event.key === "ArrowDown" ? 1 : -1);
      setAt((next + entries.length) % Math.max(1, entries.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(entries[chosen]);
    }
  };

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Go to"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      {open && (
        <>
          <input
            ref={input}
            role="combobox"
            aria-expanded="true"
            aria-controls={list}
            aria-activedescendant={entries[chosen] ? `${list}-${chosen}` : undefined}
            aria-label="Search people, metrics, themes, pages"
            placeholder="A person, metric, theme or page"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setAt(0);
            }}
            onKeyDown={onKey}
          />
          <div id={list} role="listbox" className="options" aria-label="Results">
            {entries.map((entry, i) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox holds the keyboard
              // biome-ignore lint/a11y/useFocusableInteractive: aria-activedescendant moves, not focus
              <div
                key={entry.key}
                id={`${list}-${i}`}
                role="option"
                aria-selected={i === chosen}
                onMouseMove={() => setAt(i)}
                onClick={() => take(entry)}
              >
                <span className="kind">{entry.kind}</span>
                <span>{entry.title}</span>
                {entry.detail && <span className="detail">{entry.detail}</span>}
              </div>
            ))}
            {entries.length === 0 && (
              // biome-ignore lint/a11y/useFocusableInteractive: says that there is nothing to choose
              <div role="option" aria-selected="false" aria-disabled="true" className="quiet">
                Nothing found for “{q}”
              </div>
            )}
          </div>
        </>
      )}
    </dialog>
  );
}
