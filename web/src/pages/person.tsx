/** One person: who (identities with why), what happened across channels, scores and words. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Fragment, useMemo } from "react";
import { queries } from "../api/queries";
import type { Identity, Person, TimelineItem } from "../api/types";
import { Frame } from "../charts/frame";
import { Lanes, lanes, lanesHeight } from "../charts/lanes";
import * as number from "../format/number";
import * as time from "../format/time";
import { GLOSSARY, list, lower, plural, title } from "../format/words";
import { Chips } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { More, useFirst } from "../ui/more";
import { ErrorState, PageSkeleton, Skeleton } from "../ui/states";
import { Tip } from "../ui/tip";

export default function PersonPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { data, error, refetch } = useQuery(queries.person(id));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const { profile } = data;
  const scores: [string, number | null, string | null, string][] = [
    ["Last NPS", profile.last_nps, profile.last_nps_at, GLOSSARY.nps],
    ["Last CSAT", profile.last_csat, profile.last_csat_at, GLOSSARY.csat],
    ["Last CES", profile.last_ces, profile.last_ces_at, GLOSSARY.ces],
  ];
  return (
    <>
      <div className="head">
        <p className="kicker">
          <Link to="/people">People</Link> · <code>{profile.person_id}</code>
          {profile.population !== "customer" && ` · ${title(profile.population)}`}
        </p>
        <h1>{profile.display_name ?? "A person without a known name"}</h1>
        <p className="lede">{summary(data)}</p>
        {data.pending !== null && (
          <p className="lede" role="status">
            {data.pending}
          </p>
        )}
      </div>
      <div className="facts">
        <div>
          <span>Stage</span>
          <b>{profile.stage ? title(profile.stage) : "–"}</b>
        </div>
        {scores.map(([name, score, at, text]) => (
          <div key={name}>
            <span>
              <Tip term text={`One answer of this person, not an estimate. ${text}`}>
                {name}
              </Tip>
            </span>
            <b>{score === null ? "–" : number.score(score, null)}</b>
            <small>{at ? time.date(at) : "never answered"}</small>
          </div>
        ))}
        <div>
          <span>Value</span>
          <b>{number.money(profile.value, profile.currency)}</b>
          <small>
            {plural(profile.references, "order or case", "orders and cases", number.count(profile.references))}
          </small>
        </div>
        <div>
          <span>First seen</span>
          <b>{time.date(profile.first_seen_at)}</b>
        </div>
      </div>
      <div className="columns wide-left">
        <TimelineSection id={id} channels={profile.events_by_channel} />
        <div>
          <Who identity={data.identity} />
          <Household person={data} />
          <Attributes person={data} />
          <JourneysOf person={data} />
        </div>
      </div>
    </>
  );
}

function summary({ profile, identity }: Person): string {
  const events = plural(profile.events, "event", "events", number.count(profile.events));
  const channels = plural(profile.channels.length, "channel", "channels", number.count(profile.channels.length));
  const answers = plural(profile.responses, "answer", "answers", number.count(profile.responses));
  const known = plural(identity.subjects, "identity", "identities", number.count(identity.subjects));
  return `${events} on ${channels}, ${answers}; last seen ${time.date(profile.last_seen_at)}. Put together from ${known}.`;
}

function itemText(item: TimelineItem): string {
  const score = item.score === null ? "" : `: ${number.score(item.score, item.scale_max)}`;
  return `${time.dateTime(item.at)}, ${item.channel ? title(item.channel) : "unknown channel"}: ${title(item.name)}${score}`;
}

function TimelineSection({ id, channels }: { id: string; channels: Record<string, number> }) {
  const { search, set } = useFilter();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.timeline(id, search.lane),
  );
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const ascending = useMemo(() => [...items].reverse(), [items]);
  const days = useMemo(() => Map.groupBy(items, ({ at }) => time.dayKey(at)), [items]);
  const names = Object.entries(channels).sort((a, b) => b[1] - a[1]);
  return (
    <section className="section timeline">
      <header>
        <h2>What happened</h2>
        <p>newest first</p>
      </header>
      <Chips
        label="Channel"
        margin="0 0 16px"
        value={search.lane ?? ""}
        options={[["", "All"], ...names.map(([name, n]) => [name, `${title(name)} ${number.count(n)}`] as const)]}
        choose={(lane) => set({ lane: lane || undefined }, true)}
      />
      {error && !data ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton rows={6} />
      ) : items.length === 0 ? (
        <p className="soft">Nothing on this channel.</p>
      ) : (
        <>
          <Frame
            id="lanes"
            title={`${number.count(items.length)} contacts by channel`}
            heading="hidden"
            height={lanesHeight(lanes(items).length)}
            readout={(i) => itemText(ascending[i]!)}
            table={{
              columns: ["At", "Channel", "What", "Score"],
              rows: ascending.map((item) => [
                time.dateTime(item.at),
                item.channel ? title(item.channel) : null,
                title(item.name),
                item.score,
              ]),
            }}
            note="Dot: an event. Ring: an answer with its score."
          >
            {({ width, palette, active }) => (
              <Lanes items={ascending} width={width} palette={palette} active={active} />
            )}
          </Frame>
          <div style={{ marginTop: 16 }}>
            {[...days].map(([day, of]) => (
              <div className="day" key={day}>
                <h3>{time.date(of[0]!.at)}</h3>
                <div>
                  {of.map((item) => (
                    <Item key={`${item.source}${item.id}`} item={item} />
                  ))}
                </div>
              </div>
            ))}
          </div>
          {hasNextPage && (
            <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
              {isFetchingNextPage ? "Loading …" : "Earlier"}
            </button>
          )}
        </>
      )}
    </section>
  );
}

function Item({ item }: { item: TimelineItem }) {
  const more = [
    item.outcome ? lower(item.outcome) : null,
    item.reference,
    item.product,
    item.amount === null ? null : number.money(item.amount, item.currency),
    item.duration_ms === null ? null : time.duration(item.duration_ms),
    item.team,
    item.location,
    item.automated ? "automatic" : null,
  ].filter(Boolean);
  return (
    <div className={item.kind === "response" ? "item response" : "item"}>
      <time dateTime={item.at}>{time.clock(item.at)}</time>
      <span className="channel">{item.channel ? title(item.channel) : "–"}</span>
      <div className="what">
        {title(item.name)}
        {item.score !== null && <> {number.score(item.score, item.scale_max)}</>}
        {more.length > 0 && <span className="more"> · {more.join(" · ")}</span>}
        {item.text && (
          <blockquote className="quote">
            <p>“{item.text}”</p>
          </blockquote>
        )}
      </div>
    </div>
  );
}

const EFFECT = {
  merged: "joined",
  demoted: "not used",
  doubtful: "not sure",
  blocked: "identifies nobody",
} as const;
const EFFECT_TEXT = {
  merged: "The same value was seen on several identities, so they are one person.",
  demoted: "It would have joined people who must stay apart, or passed a limit.",
  doubtful: "Records are alike, but not surely enough to join them: the review queue asks.",
  blocked: "The value is blocked, a household's, or shared by too many to tell people apart.",
} as const;

function Who({ identity }: { identity: Identity }) {
  const { shown, rest, open } = useFirst("identifiers", identity.identifiers, 12);
  return (
    <section className="section">
      <header>
        <h2>Who this is, and why</h2>
        <p>
          <Tip term text={GLOSSARY.identifier}>
            {plural(
              identity.identifiers.length,
              "identifier",
              "identifiers",
              number.count(identity.identifiers.length),
            )}
          </Tip>
        </p>
      </header>
      <ul className="rows" style={{ borderTop: 0 }}>
        {shown.map(({ type, value, role, sources, last_seen_at }) => (
          <li key={type + value} style={{ padding: "6px 0" }}>
            <span className="quiet">{title(type)}</span>{" "}
            <b style={{ fontWeight: 550, overflowWrap: "anywhere" }}>{value}</b>{" "}
            {role !== "person" && <span className="tag">{role === "household" ? "household" : role}</span>}
            <div className="small quiet">
              {sources.length > 0 && `${list(sources.map(title))}, `}last {time.date(last_seen_at)}
            </div>
          </li>
        ))}
      </ul>
      <More
        name="identifiers"
        count={number.count(identity.identifiers.length)}
        what="identifiers"
        rest={rest}
        open={open}
      />
      <h3 style={{ marginTop: 16 }}>Evidence</h3>
      <ul className="rows" style={{ borderTop: 0 }}>
        {identity.evidence.map(({ rule, effect, links, probability, decided_by }) => (
          <li key={rule + effect} style={{ padding: "6px 0" }}>
            <Tip text={EFFECT_TEXT[effect]}>
              <span className={effect === "merged" ? "tag" : "tag accent"}>{EFFECT[effect]}</span>
            </Tip>{" "}
            by {lower(rule)}, {plural(links, "time", "times", number.count(links))}
            {probability !== null && `, probability ${number.percent(probability)}`}
            {decided_by !== "rules" && <span className="quiet"> · decided by {decided_by}</span>}
          </li>
        ))}
        {identity.evidence.length === 0 && <li className="soft">Only one identity: nothing had to be joined.</li>}
      </ul>
      {identity.records.length > 0 && (
        <details className="line" style={{ marginTop: 12 }}>
          <summary>
            {plural(identity.records.length, "record", "records", number.count(identity.records.length))} of the sources
          </summary>
          {identity.records.map((record) => (
            <RecordFacts key={record.source + record.record_id} record={record} />
          ))}
        </details>
      )}
      {identity.changes.length > 0 && (
        <details className="line" style={{ marginTop: 4 }}>
          <summary>How it came about</summary>
          <ul>
            {identity.changes.map(({ changed_at, change, from_person_id, cause }) => (
              <li key={changed_at + change} className="soft" style={{ padding: "4px 0" }}>
                {time.date(changed_at)}: {change}
                {from_person_id && (
                  <>
                    {" "}
                    from <code>{from_person_id}</code>
                  </>
                )}
                , by {lower(cause)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Household({ person }: { person: Person }) {
  const { household, organisations, profile } = person;
  if (!household && organisations.length === 0) return null;
  return (
    <section className="section">
      <header>
        <h2>
          <Tip term text={GLOSSARY.household}>
            Household
          </Tip>
          {organisations.length > 0 && " and organisation"}
        </h2>
      </header>
      {household && (
        <p className="soft">
          With{" "}
          {household.members
            .filter(({ person_id }) => person_id !== profile.person_id)
            .map(({ person_id, display_name }, i) => (
              <Fragment key={person_id}>
                {i > 0 && ", "}
                <Link to="/people/$id" params={{ id: person_id }}>
                  {display_name ?? person_id}
                </Link>
              </Fragment>
            ))}
          , joined by {lower(household.rule)}.
        </p>
      )}
      {organisations.map(({ organisation_id, name }) => (
        <p key={organisation_id} className="soft">
          Belongs to {name ?? organisation_id}.
        </p>
      ))}
    </section>
  );
}

function Attributes({ person }: { person: Person }) {
  const current = person.attributes.filter(({ valid_to }) => valid_to === null);
  const past = person.attributes.filter(({ valid_to }) => valid_to !== null);
  if (person.attributes.length === 0) return null;
  return (
    <section className="section">
      <header>
        <h2>Attributes</h2>
        <p>as of now</p>
      </header>
      <dl className="kv">
        {current.map(({ name, value, source, valid_from }) => (
          <Fragment key={name + source + valid_from}>
            <dt>{title(name)}</dt>
            <dd>
              {value}{" "}
              <span className="quiet small">
                {title(source)}, since {time.date(valid_from)}
              </span>
            </dd>
          </Fragment>
        ))}
      </dl>
      {past.length > 0 && (
        <details className="line" style={{ marginTop: 8 }}>
          <summary>{plural(past.length, "earlier value", "earlier values", number.count(past.length))}</summary>
          <dl className="kv" style={{ paddingTop: 4 }}>
            {past.map(({ name, value, valid_from, valid_to, source }) => (
              <Fragment key={name + source + valid_from}>
                <dt>{title(name)}</dt>
                <dd>
                  {value} <span className="quiet small">until {time.date(valid_to)}</span>
                </dd>
              </Fragment>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}

function JourneysOf({ person }: { person: Person }) {
  const { shown, rest, open } = useFirst("journeys", person.journeys, 8);
  if (person.journeys.length === 0) return null;
  return (
    <section className="section">
      <header>
        <h2>Journeys</h2>
      </header>
      <ul className="rows" style={{ borderTop: 0 }}>
        {shown.map(({ journey_id, journey, scope_key, started_at, ended_at, steps, furthest_stage, outcome }) => (
          <li key={journey_id} style={{ padding: "6px 0" }}>
            <Link to="/journey/$name" params={{ name: journey }}>
              {title(journey)}
            </Link>{" "}
            {scope_key && <code className="quiet">{scope_key}</code>}{" "}
            <span className={outcome === "dropped" ? "tag accent" : "tag"}>{outcome}</span>
            <div className="small quiet">
              {plural(steps, "step", "steps", number.count(steps))}
              {furthest_stage && `, reached ${lower(furthest_stage)}`}, {time.date(started_at)} to {time.date(ended_at)}
            </div>
          </li>
        ))}
      </ul>
      <More name="journeys" count={number.count(person.journeys.length)} what="journeys" rest={rest} open={open} />
    </section>
  );
}

/** Fields of a record as they are stored, each beside what the source wrote where cleansing changed it. */
function RecordFacts({ record }: { record: Identity["records"][number] }) {
  const shown: [string, string | null, string[]][] = [
    ["Name", record.full_name, ["full_name", "given_name", "family_name"]],
    ["E-mail", record.emails.join(", "), ["emails"]],
    ["Phone", record.phones.join(", "), ["phones"]],
    ["City", record.city, ["city"]],
    ["Organisation", record.organisation, ["organisation"]],
  ];
  // Identifiers repeat the addresses and numbers above; what else was changed has a line of its own.
  const known = new Set(shown.flatMap(([, , fields]) => fields));
  const others = Object.keys(record.raw).filter((field) => !known.has(field) && !field.startsWith("identifier_"));
  const rows = [...shown, ...others.map((field): [string, null, string[]] => [title(field), null, [field]])];
  return (
    <dl className="kv" style={{ padding: "8px 0", borderBottom: "1px solid var(--rule)" }}>
      <dt>{title(record.source)}</dt>
      <dd>
        <code>{record.record_id}</code>
      </dd>
      {rows
        .map(([name, value, fields]) => ({
          name,
          value,
          raw: written(record.raw, fields),
          why: reasons(record, fields),
        }))
        .filter(({ value, raw }) => value || raw)
        .map(({ name, value, raw, why }) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              {raw && (
                <span className="quiet">
                  {value && " · "}
                  <Tip text={why ? `Cleansed: ${why}.` : "Cleansed."}>given as</Tip> “{raw}”
                </span>
              )}
            </dd>
          </Fragment>
        ))}
    </dl>
  );
}

/** What the source wrote in these fields; empty where it is stored as it was written. */
function written(raw: Record<string, unknown>, fields: string[]): string {
  const texts = fields.flatMap((field) => raw[field] ?? []).map(String);
  return texts.join(", ");
}

/** The flags of these fields in words. */
function reasons(record: Identity["records"][number], fields: string[]): string {
  const flags = record.quality.filter((flag) => fields.some((field) => flag.startsWith(`${field}:`)));
  return list([...new Set(flags.map((flag) => lower(flag.slice(flag.indexOf(":") + 1))))]);
}
