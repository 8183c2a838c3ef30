/** What the views of the Journey page share: their tabs, and what a case is. */
import { Link, useRouterState } from "@tanstack/react-router";
import type { Meta } from "../api/types";
import { lower } from "../format/words";
import { Choice } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { JOURNEY_VIEWS } from "../ui/pages";

/** In the URL: cases are people. */
export const PEOPLE = "*";

/** What `journey` in the URL asks of the server: nothing where cases are people. */
export const casesOf = (chosen: string) => (chosen === PEOPLE ? {} : { journey: chosen });

/** What a case is: a journey of journey.yaml, or a person. */
export function CasesChoice({ meta, chosen }: { meta: Meta; chosen: string }) {
  const { set } = useFilter();
  return (
    <Choice
      label="Cases"
      value={chosen}
      options={[
        ...meta.journeys.map((name) => [name, `Journey: ${lower(name)}`] as const),
        [PEOPLE, "Whole lives of people"] as const,
      ]}
      choose={(journey) => set({ journey, coverage: undefined, who: undefined })}
    />
  );
}

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
