/** One theme: since when, where, and all its words. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { queries } from "../api/queries";
import { Frame } from "../charts/frame";
import { Trend, trendIndex } from "../charts/trend";
import * as number from "../format/number";
import * as time from "../format/time";
import { title } from "../format/words";
import { useFilter, useSelection } from "../ui/filter";
import { QuoteBlock } from "../ui/quote";
import { ErrorState, NotApplied, PageSkeleton } from "../ui/states";
import { ThemeMeasures } from "./voice";

export default function ThemePage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { filter } = useFilter();
  const selection = useSelection();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.theme(id, filter),
  );
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  const first = data?.pages[0];
  if (!first) return <PageSkeleton />;
  const { theme, trend, by_channel } = first;
  const quotes = data.pages.flatMap((page) => page.quotes);
  const reach = Math.max(0.05, Math.abs(theme.score_effect.lower ?? 0), Math.abs(theme.score_effect.upper ?? 0));
  const all = by_channel.reduce((sum, { n }) => sum + n, 0) || 1;
  return (
    <>
      <div className="head">
        <p className="kicker">
          <Link to="/voice">Voice</Link> · {selection}
        </p>
        <h1>“{theme.name}”</h1>
        <p className="lede">
          {number.count(theme.n)} comments
          {theme.surge &&
            (theme.surge.emerging
              ? `, ${number.plain(theme.surge.ratio)} times as often as before (${number.pValue(theme.surge.p)})`
              : ", about as often as before")}
          .
        </p>
        <NotApplied applied={first.applied} />
      </div>
      <div className="columns wide-right" style={{ borderTop: "1px solid var(--ink)", paddingTop: 12 }}>
        <div>
          <ThemeMeasures theme={theme} reach={reach} widest={theme.share.upper ?? 0} />
          <h3 style={{ marginTop: 24 }}>Where it is said</h3>
          <table className="plain">
            <tbody>
              {by_channel.map(({ channel, n }) => (
                <tr key={channel}>
                  <td>{channel ? title(channel) : "Unknown"}</td>
                  <td style={{ width: "50%" }} aria-hidden="true">
                    <span className="bar-cell" style={{ width: `${(n / all) * 100}%` }} />
                  </td>
                  <td className="num">{number.count(n)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <Frame
          id="trend"
          title="Share of comments by month"
          sub="percent of the comments in its language; band: 95 % interval"
          height={240}
          readout={(i) => `${time.period("month", trend[i]!.period_start)}: ${number.whole(trend[i]!.share, "share")}`}
          hit={(x, width) => trendIndex(x, width, trend.length)}
          table={{
            columns: ["Month", "Share", "Lower", "Upper", "n"],
            rows: trend.map(({ period_start, share }) => [
              period_start,
              share.estimate,
              share.lower,
              share.upper,
              share.n,
            ]),
          }}
        >
          {({ width, palette, active }) => (
            <Trend
              points={trend.map(({ period_start, share, partial }) => ({ period_start, score: share, partial }))}
              grain="month"
              unit="share"
              target={null}
              width={width}
              height={240}
              palette={palette}
              active={active}
            />
          )}
        </Frame>
      </div>
      <section className="section">
        <header>
          <h2>In their words</h2>
          <p>newest first; names and numbers are masked</p>
        </header>
        <div className="quotes two">
          {quotes.map((quote) => (
            <QuoteBlock key={quote.comment_id} quote={quote} />
          ))}
        </div>
        {hasNextPage && (
          <p style={{ paddingTop: 20 }}>
            <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
              {isFetchingNextPage ? "Loading …" : "Earlier comments"}
            </button>
          </p>
        )}
      </section>
    </>
  );
}
