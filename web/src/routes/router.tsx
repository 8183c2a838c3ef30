/** Addresses. Every page is loaded when it is first opened; the filter is retained from page to page. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from "@tanstack/react-router";
import type { Search } from "../ui/filter";
import { Shell } from "../ui/shell";
import { Empty, ErrorState, PageSkeleton } from "../ui/states";

const KEYS: (keyof Search)[] = [
  "period",
  "slice_by",
  "slice",
  "channel",
  "metric",
  "segment",
  "q",
  "source",
  "reason",
  "target",
  "state",
  "verdict",
  "field",
  "grain",
  "across",
  "lane",
  "all",
  "journey",
  "coverage",
  "steps",
  "exclude",
  "window",
  "within",
  "order",
  "by",
  "unit",
  "of",
  "who",
  "kind",
  "split",
];

const root = createRootRoute({
  component: Shell,
  validateSearch: (raw: Record<string, unknown>): Search => {
    const search: Search = {};
    for (const key of KEYS) if (raw[key] !== undefined && raw[key] !== "") search[key] = String(raw[key]);
    return search;
  },
  search: { middlewares: [retainSearchParams(["period", "slice_by", "slice", "channel"])] },
  notFoundComponent: () => (
    <Empty title="There is no such page">Check the address, or choose a page on the left.</Empty>
  ),
  errorComponent: ({ error }) => <ErrorState error={error} />,
});

const page = <P extends string>(path: P, load: () => Promise<{ default: () => React.ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) });

const tree = root.addChildren([
  page("/", () => import("../pages/overview")),
  page("/scores", () => import("../pages/scores")),
  page("/people", () => import("../pages/people")),
  page("/people/review", () => import("../pages/review")),
  page("/people/$id", () => import("../pages/person")),
  page("/journey", () => import("../pages/journey")),
  page("/journey/$name", () => import("../pages/journey")),
  page("/process", () => import("../pages/process")),
  page("/friction", () => import("../pages/friction")),
  page("/compare", () => import("../pages/compare")),
  page("/funnels", () => import("../pages/funnels")),
  page("/retention", () => import("../pages/retention")),
  page("/voice", () => import("../pages/voice")),
  page("/voice/$id", () => import("../pages/theme")),
  page("/drivers", () => import("../pages/drivers")),
  page("/data", () => import("../pages/data")),
  page("/data/quality", () => import("../pages/data-quality")),
  page("/data/quarantine", () => import("../pages/data-quarantine")),
  page("/data/live", () => import("../pages/data-live")),
  page("/data/test", () => import("../pages/data-test")),
  page("/data/$source", () => import("../pages/data-source")),
  page("/data/source/$source", () => import("../pages/data-source")),
]);

export const router = createRouter({
  routeTree: tree,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultPendingComponent: PageSkeleton,
  // Plain strings: `?period=2026`, not the router's JSON (`?period=%222026%22`).
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const params = new URLSearchParams();
    for (const [key, value] of Object.entries(search))
      if (value !== undefined && value !== "") params.set(key, String(value));
    const text = params.toString();
    return text ? `?${text}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
