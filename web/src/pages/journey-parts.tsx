/** What the views of the Journey page share: their tabs. */
import { Link, useRouterState } from "@tanstack/react-router";
import { JOURNEY_VIEWS } from "../ui/pages";

export function JourneyTabs() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  // A named journey lies under the first tab.
  const here = JOURNEY_VIEWS.slice(1).find(([to]) => to === path)?.[0] ?? "/journey";
  return (
    <nav className="tabs" aria-label="Journey views">
      {JOURNEY_VIEWS.map(([to, name]) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: true, includeSearch: false }}
          activeProps={{}}
          aria-current={to === here ? "page" : undefined}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}
