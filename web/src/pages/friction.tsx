/** Where do people repeat themselves, wait, are sent around, or give up: a ranked list, then the people, then one timeline. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type Cell, queries } from "../api/queries";
import type { CasesAsked, FrictionFinding, FrictionList } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { GLOSSARY, list, lower, plural, title } from "../format/words";
import { Chips } from "../ui/choice";
import { Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { Behind, Opens } from "../ui/people";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { Tip } from "../ui/tip";
import { CasesChoice, casesOf, JourneyTabs, PEOPLE } from "./journey-parts";

type Kind = FrictionFinding["kind"];

const NAMES: Record<Kind, string> = {
  failure: "Goes wrong",
  repeat_contact: "Again in contact",
  transfer: "Sent around",
  reopened: "Reopened",
  dead_end: "Falls silent",
  long_wait: "Waits long",
  channel_switch: "Changes channel",
  rage: "Same at once",
  back_and_forth: "Back and forth",
  loop: "Again",
};

/** Findings of each kind while all kinds are shown. */
const FEW = 3;

export default function FrictionPage() {
  const { filter, search, set } = useFilter();
  const selection = useSelection();
  const { data: meta } = useQuery(queries.meta());
  const chosen = search.journey ?? PEOPLE;
  const asked = { ...filter, ...casesOf(chosen) };
  const { data, error, refetch } = useQuery({ ...queries.friction(asked), enabled: meta !== undefined });
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data || !meta) return <PageSkeleton />;
  const kinds = [...new Set(data.findings.map(({ kind }) => kind))];
  const kind = kinds.find((one) => one === search.kind);
  const rank = new Map<Kind, number>();
  const shown = data.findings.filter((finding) => {
    rank.set(finding.kind, (rank.get(finding.kind) ?? 0) + 1);
    return kind ? finding.kind === kind : rank.get(finding.kind)! <= FEW;
  });
  const [what, cell] = behind(search.who, asked);
  return (
    <>
      <div className="head">
        <p className="kicker">Journey · {selection}</p>
        <h1>{headline(data)}</h1>
        <NotApplied applied={data.applied} />
        {data.first_contact_resolution && data.resolution && (
          <p className="soft">
            <Tip term text={GLOSSARY.resolution}>
              Resolved at the first contact
            </Tip>
            : <Figure estimate={data.first_contact_resolution} unit="share" definition={GLOSSARY.resolution} />; of all
            contacts <Figure estimate={data.resolution} unit="share" definition={GLOSSARY.resolution} />.{" "}
            {data.too_young > 0 &&
              `${plural(data.too_young, "contact is", "contacts are", number.count(data.too_young))} too young to tell.`}
          </p>
        )}
      </div>
      <JourneyTabs />
      <div className="controls">
        <CasesChoice meta={meta} chosen={chosen} />
        <Chips
          label="Kind"
          value={kind ?? ""}
          options={[["", "All kinds"] as const, ...kinds.map((one) => [one, NAMES[one]] as const)]}
          choose={(one) => set({ kind: one || undefined, who: undefined })}
        />
      </div>
      {data.people === 0 ? (
        <EmptySelection what="events" />
      ) : (
        <section className="section">
          <header>
            <h2>{kind ? NAMES[kind] : "Friction, by kind"}</h2>
            <p>
              how often, of how often it could have been; people, and{" "}
              <Tip term text={GLOSSARY.worth}>
                what they are worth
              </Tip>
            </p>
          </header>
          {shown.length === 0 && <p className="soft">Nothing was found in this selection.</p>}
          <ol className="rows" style={{ borderTop: 0 }}>
            {shown.map((finding) => (
              <Finding key={finding.kind + finding.from + finding.to} finding={finding} currency={data.currency} />
            ))}
          </ol>
          <p className="small quiet" style={{ paddingTop: 8 }}>
            {data.failures.length > 0 && `Taken as failures: ${list(data.failures.map(lower))}. `}
            {data.contacts.length > 0 && `Taken as contacts: ${list(data.contacts.map(lower))}.`}
          </p>
        </section>
      )}
      <Behind cell={cell} what={what} />
    </>
  );
}

/** What went wrong with most people. */
function headline({ findings }: FrictionList): string {
  const first = findings[0];
  return first
    ? `${sentence(first)}: ${plural(first.people, "person", "people", number.count(first.people))}`
    : "No friction was found";
}

function sentence({ kind, from, to }: FrictionFinding): string {
  switch (kind) {
    case "failure":
      return title(from);
    case "repeat_contact":
      return from === to || to === null
        ? `${title(from)}, and again soon after`
        : `${title(from)}, and soon after ${lower(to)}`;
    case "transfer":
      return `Sent from ${title(from)} to ${title(to ?? "")}`;
    case "reopened":
      return `Goes on after ${lower(from)}`;
    case "dead_end":
      return `After ${lower(from)} people fall silent more often than after other steps`;
    case "long_wait":
      return `Long wait from ${lower(from)} to ${lower(to ?? "")}`;
    case "channel_switch":
      return `From ${title(from)} to ${title(to ?? "")} within an episode`;
    case "rage":
      return `${title(from)}, many times at once`;
    case "back_and_forth":
      return `From ${lower(from)} to ${lower(to ?? "")} and straight back`;
    case "loop":
      return `${title(from)} again within a few steps`;
  }
}

function behind(who: string | undefined, asked: CasesAsked): [string, Cell | undefined] {
  let parts: unknown = null;
  try {
    parts = JSON.parse(who ?? "null");
  } catch {
    return ["", undefined];
  }
  if (!Array.isArray(parts) || typeof parts[0] !== "string" || !(parts[0] in NAMES) || typeof parts[1] !== "string")
    return ["", undefined];
  const [kind, from, to] = parts as [Kind, string, string | null];
  const what = lower(sentence({ kind, from, to: to ?? null } as FrictionFinding));
  return [what, { of: "friction", query: { ...asked, kind, from, ...(to ? { to } : {}) } }];
}

function Finding({ finding, currency }: { finding: FrictionFinding; currency: string | null }) {
  const { kind, from, to, n, people, lost_ms, value, examples, share } = finding;
  return (
    <li className="finding">
      <span className="tag">{NAMES[kind]}</span>
      <span className="sentence">{sentence(finding)}</span>
      <span className="soft">
        {plural(n, "time", "times", number.count(n))}{" "}
        <Figure
          estimate={share}
          unit="share"
          definition={
            kind === "failure" ? "People whom it met, of all of the selection" : "Of how often it could have been"
          }
        />
      </span>
      <span>
        <Opens who={JSON.stringify([kind, from, to])} label={`People: ${sentence(finding)}`}>
          {plural(people, "person", "people", number.count(people))}
        </Opens>
        {value !== null && <span className="soft"> worth {number.wholeMoney(value, currency)}</span>}
        {lost_ms !== null && lost_ms > 0 && <span className="quiet"> · {time.duration(lost_ms / n)} each</span>}
      </span>
      {examples.length > 0 && (
        <details className="line">
          <summary className="small quiet">Examples</summary>
          <ul className="small">
            {examples.map(({ person_id, from_at }) => (
              <li key={person_id + from_at}>
                <Link to="/people/$id" params={{ id: person_id }}>
                  {time.dateTime(from_at)}
                </Link>
              </li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}
