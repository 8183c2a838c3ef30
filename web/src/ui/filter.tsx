/** The one filter: period, group, channel. It lives in the URL and stays from page to page. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { queries } from "../api/queries";
import type { Filter } from "../api/types";
import * as time from "../format/time";
import { title } from "../format/words";

/** Everything that may stand in the URL behind `?`. */
export interface Search extends Filter {
  metric?: string;
  segment?: string;
  q?: string;
  source?: string;
  reason?: string;
  target?: string;
  /** open or closed: rows of quarantine. */
  state?: string;
  /** What became of a message: the live tail. */
  verdict?: string;
  /** `records.phones`: a field of the quality page. */
  field?: string;
  /** hour or day. */
  grain?: string;
  across?: string;
  lane?: string;
  /** Names of the long lists that are shown whole, joined by commas. */
  all?: string;
}

export function useFilter() {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const { period, slice_by, slice, channel } = search;
  const filter: Filter = useMemo(() => {
    const whole = slice_by && slice ? { slice_by, slice } : {};
    return { ...(period ? { period } : {}), ...whole, ...(channel ? { channel } : {}) };
  }, [period, slice_by, slice, channel]);
  const set = (patch: Partial<Search>, replace = false) =>
    void navigate({ to: ".", search: (old: Search) => ({ ...old, ...patch }), replace, resetScroll: false });
  return { search, filter, set };
}

export function FilterBar() {
  const { data: meta } = useQuery(queries.meta());
  const { filter, set } = useFilter();
  const group = filter.slice ? `${filter.slice_by}\u0000${filter.slice}` : "";
  const grains = ["year", "quarter", "month", "week", "day"].filter((grain) =>
    meta?.periods.some(({ period }) => period === grain),
  );
  return (
    <search className="filters" aria-label="Filter" style={{ display: "contents" }}>
      <label className="field">
        Period
        <select
          value={filter.period ?? "all"}
          className={filter.period ? "set" : undefined}
          onChange={(event) => set({ period: event.target.value === "all" ? undefined : event.target.value })}
        >
          <option value="all">All time</option>
          {grains.map((grain) => (
            <optgroup key={grain} label={`${title(grain)}s`}>
              {meta?.periods
                .filter(({ period }) => period === grain)
                .map(({ value, period, start }) => (
                  <option key={value} value={value}>
                    {time.period(period, start)}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      </label>
      <label className="field">
        Group
        <select
          value={group}
          className={group ? "set" : undefined}
          onChange={(event) => {
            const [slice_by, slice] = event.target.value.split("\u0000");
            set(slice ? { slice_by, slice } : { slice_by: undefined, slice: undefined });
          }}
        >
          <option value="">Everybody</option>
          {meta?.slices
            .filter(({ slice_by }) => slice_by !== "channel")
            .map(({ slice_by, values }) => (
              <optgroup key={slice_by} label={title(slice_by)}>
                {values.map(({ slice }) => (
                  <option key={slice} value={`${slice_by}\u0000${slice}`}>
                    {title(slice)}
                  </option>
                ))}
              </optgroup>
            ))}
        </select>
      </label>
      <label className="field">
        Channel
        <select
          value={filter.channel ?? ""}
          className={filter.channel ? "set" : undefined}
          onChange={(event) => set({ channel: event.target.value || undefined })}
        >
          <option value="">All</option>
          {meta?.channels.map((channel) => (
            <option key={channel} value={channel}>
              {title(channel)}
            </option>
          ))}
        </select>
      </label>
      {(filter.period || filter.slice || filter.channel) && (
        <button
          type="button"
          className="text-button small"
          onClick={() => set({ period: undefined, slice_by: undefined, slice: undefined, channel: undefined })}
        >
          Clear
        </button>
      )}
    </search>
  );
}

/** The chosen selection in words, for kickers: `June 2026 · region North · Web`. */
export function useSelection(): string {
  const { data: meta } = useQuery(queries.meta());
  const { filter } = useFilter();
  const choice = meta?.periods.find(({ value }) => value === filter.period);
  return [
    choice
      ? time.period(choice.period, choice.start)
      : filter.period && filter.period !== "all"
        ? filter.period
        : "All time",
    filter.slice ? `${title(filter.slice_by ?? "")} ${title(filter.slice)}` : null,
    filter.channel ? title(filter.channel) : null,
  ]
    .filter(Boolean)
    .join(" · ");
}
