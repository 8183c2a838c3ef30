/** What do they say, and what is new? */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "../api/queries";
import type { Theme, Voice } from "../api/types";
import { Whisker } from "../charts/whisker";
import * as number from "../format/number";
import { voiceHeadline } from "../format/sentences";
import { GLOSSARY } from "../format/words";
import { Figure } from "../ui/figure";
import { useFilter, useSelection } from "../ui/filter";
import { More, useFirst } from "../ui/more";
import { QuoteBlock } from "../ui/quote";
import { EmptySelection, ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { usePalette } from "../ui/theme";
import { Tip } from "../ui/tip";

/** Themes that are read; the others are a click away. */
const FIRST_THEMES = 12;

export default function VoicePage() {
  const { filter } = useFilter();
  const selection = useSelection();
  const { data, error, refetch } = useQuery(queries.voice(filter));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const emerging = data.themes.filter(({ surge }) => surge?.emerging);
  const others = data.themes.filter(({ surge }) => !surge?.emerging);
  const reach = Math.max(
    0.05,
    ...data.themes.map(({ score_effect }) =>
      Math.max(Math.abs(score_effect.lower ?? 0), Math.abs(score_effect.upper ?? 0)),
    ),
  );
  const widest = Math.max(0, ...data.themes.map(({ share }) => share.upper ?? 0));
  return (
    <>
      <div className="head">
        <p className="kicker">Voice · {selection}</p>
        <h1>{voiceHeadline(data)}</h1>
        <NotApplied applied={data.applied} />
      </div>
      {data.comments === 0 ? (
        <EmptySelection what="comments" />
      ) : (
        <>
          <Mood voice={data} />
          {emerging.length > 0 && (
            <section className="section">
              <header>
                <h2>
                  <Tip term text={GLOSSARY.surge}>
                    New or growing
                  </Tip>
                </h2>
                <p>last period against the history before</p>
              </header>
              {emerging.map((theme) => (
                <ThemeRow key={theme.theme_id} theme={theme} reach={reach} widest={widest} />
              ))}
            </section>
          )}
          <section className="section">
            <header>
              <h2>Themes by impact</h2>
              <p>
                <Tip term text={GLOSSARY.impact}>
                  share × effect on the score
                </Tip>
              </p>
            </header>
            <ThemeList themes={others} all={data.themes.length} reach={reach} widest={widest} />
          </section>
        </>
      )}
    </>
  );
}

/** By impact, as the server sorts them. `all` counts the emerging ones too. */
function ThemeList({ themes, all, reach, widest }: { themes: Theme[]; all: number; reach: number; widest: number }) {
  const { shown, rest, open } = useFirst("themes", themes, FIRST_THEMES);
  return (
    <>
      {shown.map((theme) => (
        <ThemeRow key={theme.theme_id} theme={theme} reach={reach} widest={widest} />
      ))}
      {themes.length === 0 && <p className="soft">No other theme has been found.</p>}
      <More name="themes" count={number.count(all)} what="themes" rest={rest} open={open} />
    </>
  );
}

function Mood({ voice }: { voice: Voice }) {
  const palette = usePalette();
  const { negative, neutral, positive, unknown } = voice.balance;
  const known = negative + neutral + positive;
  const parts: [string, number, string][] = [
    ["negative", negative, palette.accent],
    ["neutral", neutral, palette.rule2],
    ["positive", positive, palette.data],
  ];
  const blind = voice.languages
    .filter(({ sentiment_method }) => sentiment_method === "none")
    .map(({ language, n }) => `${language ?? "unknown language"} ${number.count(n)}`);
  return (
    <section aria-label="Mood" style={{ borderTop: "1px solid var(--ink)", paddingTop: 12 }}>
      <p>
        <b>{number.count(voice.comments)}</b> comments. Mean{" "}
        <Tip term text={GLOSSARY.sentiment}>
          sentiment
        </Tip>{" "}
        <Figure estimate={voice.sentiment} unit="sentiment" sign definition={GLOSSARY.sentiment.replace(/\.$/, "")} />
      </p>
      {known > 0 && (
        <>
          <div className="balance" aria-hidden="true">
            {parts.map(([name, n, colour]) => (
              <div key={name} style={{ width: `${(n / known) * 100}%`, background: colour }} />
            ))}
          </div>
          <p className="small soft" style={{ display: "flex", flexWrap: "wrap", gap: "0 24px" }}>
            {parts.map(([name, n, colour]) => (
              <span key={name}>
                <span
                  style={{ display: "inline-block", width: 8, height: 8, background: colour, marginRight: 6 }}
                  aria-hidden="true"
                />
                {number.percent(n / known)} {name} <span className="quiet">({number.count(n)})</span>
              </span>
            ))}
            {unknown > 0 && (
              <Tip text={`No method for: ${blind.join(", ") || "some comments"}. They are counted, not guessed.`}>
                <span className="quiet">{number.count(unknown)} without a reading</span>
              </Tip>
            )}
          </p>
        </>
      )}
    </section>
  );
}

/** The measures of a theme, each with its interval. `reach` and `widest` make the pictures of one page comparable. */
export function ThemeMeasures({ theme, reach, widest }: { theme: Theme; reach: number; widest: number }) {
  const palette = usePalette();
  const rows = [
    ["Said by", GLOSSARY.impact, theme.share, [0, Math.max(0.1, widest)], "share", false],
    [
      "Effect on score",
      "Mean score with the theme minus without it, in percent of the scale (10: a tenth of the scale)",
      theme.score_effect,
      [-reach, reach],
      "scale",
      true,
    ],
    ["Sentiment", GLOSSARY.sentiment, theme.sentiment, [-1, 1], "sentiment", true],
  ] as const;
  return (
    <dl className="measures">
      {rows.map(([name, text, estimate, domain, unit, sign]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd aria-hidden="true">
            <Whisker estimate={estimate} domain={domain} width={120} palette={palette} bar={unit === "share"} />
          </dd>
          <dd>
            <Figure
              estimate={estimate}
              unit={unit}
              sign={sign}
              definition={name === "Said by" ? "Share of the comments in this language" : text.replace(/\.$/, "")}
            />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function ThemeRow({ theme, reach, widest }: { theme: Theme; reach: number; widest: number }) {
  return (
    <article className="theme">
      <div>
        <h3>
          <Link to="/voice/$id" params={{ id: theme.theme_id }}>
            {theme.name}
          </Link>
        </h3>
        <p className="small soft">
          {theme.impact !== null ? (
            <>
              Impact <b>{number.signedPercent(theme.impact, 2)}</b> of the scale on the mean score
            </>
          ) : (
            <span className="quiet">Impact: {number.reason(theme.score_effect)}</span>
          )}
          {theme.surge?.emerging && (
            <>
              {" "}
              · <span className="tag accent">{number.plain(theme.surge.ratio)} times as often</span>{" "}
              <span className="quiet">{number.pValue(theme.surge.p)}</span>
            </>
          )}
        </p>
        <ThemeMeasures theme={theme} reach={reach} widest={widest} />
      </div>
      <div className="quotes">
        {theme.quotes.slice(0, 2).map((quote) => (
          <QuoteBlock key={quote.comment_id} quote={quote} />
        ))}
      </div>
    </article>
  );
}
