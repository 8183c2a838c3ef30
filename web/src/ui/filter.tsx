/** The one filter: period, group, channel. It lives in the URL and stays from page to page. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { queries } from "../api/queries";
import type { Filter } from "../api/types";
import * as time from "../format/time";
import { title } from "../format/words";
import { Choice } from "./choice";

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
  /** The process map: cases are journeys of this name; part of the moves that is drawn, in percent. */
  journey?: string;
  coverage?: string;
  /** The funnel: event names as a JSON list or joined by commas, and how they are read. */
  steps?: string;
  exclude?: string;
  window?: string;
  within?: string;
  order?: string;
  by?: string;
  /** Retention: length of periods, and the events that count. */
  unit?: string;
  of?: string;
  /** Kind of friction. */
  kind?: string;
  /** How two groups are told apart: nps, date:…, channel:…, attribute.…:…. */
  split?: string;
  /** The number whose people are shown. */
  who?: string;
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
  const grains = ["year", "quarter", "month", "week", "day"].filter((grain) =>
    meta?.periods.some(({ period }) => period === grain),
  );
  return (
    <search className="filters" aria-label="Filter" style={{ display: "contents" }}>
      <Choice
        label="Period"
        value={filter.period === "all" ? undefined : filter.period}
        all="All time"
        options={grains.map((grain) => ({
          heading: `${title(grain)}s`,
          options: (meta?.periods ?? [])
            .filter(({ period }) => period === grain)
            .map(({ value, period, start }) => [value, time.period(period, start)] as const),
        }))}
        choose={(period) => set({ period })}
      />
      <Choice
        label="Group"
        value={filter.slice ? `${filter.slice_by}\u0000${filter.slice}` : undefined}
        all="Everybody"
        options={(meta?.slices ?? [])
          .filter(({ slice_by }) => slice_by !== "channel")
          .map(({ slice_by, values }) => ({
            heading: title(slice_by),
            options: values.map(({ slice }) => [`${slice_by}\u0000${slice}`, title(slice)] as const),
          }))}
        choose={(group) => {
          const [slice_by, slice] = group?.split("\u0000") ?? [];
          set({ slice_by, slice });
        }}
      />
      <Choice
        label="Channel"
        value={filter.channel}
        all="All"
        options={(meta?.channels ?? []).map((channel) => [channel, title(channel)] as const)}
        choose={(channel) => set({ channel })}
      />
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
