/** Numbers as they must look: the estimate first, interval and n small beside it, the reason where there is none. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { queries } from "../api/queries";
import type { Estimate, MetricKind, ScoreChange } from "../api/types";
import * as number from "../format/number";
import { changeParts } from "../format/sentences";
import * as time from "../format/time";
import * as words from "../format/words";
import { Tip } from "./tip";

export interface FigureProps {
  estimate: Estimate;
  unit: number.Unit;
  large?: boolean;
  /** Write the sign (an effect, a difference). */
  sign?: boolean;
  /** What it is, for the bubble. */
  definition?: ReactNode;
  /** Version of the definition. */
  version?: string;
  /** Period in words. */
  period?: string;
}

export function Figure({ estimate, unit, large = false, sign = false, definition, version, period }: FigureProps) {
  const { data: meta } = useQuery(queries.meta());
  const bounds = sign ? number.signedInterval(estimate, unit) : number.interval(estimate, unit);
  const known = estimate.estimate !== null;
  return (
    <Tip
      text={
        <>
          {definition && <>{typeof definition === "string" ? words.sentence(definition) : definition} </>}
          {known && bounds ? (
            <>
              <b>{number.percent(estimate.level)}</b> {words.method(estimate.method)}.{" "}
            </>
          ) : (
            <>No value: {number.reason(estimate)}. </>
          )}
          n {number.count(estimate.n)}.{period && ` ${period}.`}
          {version && ` Definition ${version}.`}
          {meta?.last_run && ` Last run ${time.dateTime(meta.last_run.started_at)}.`}
        </>
      }
    >
      <span className={large ? "figure large" : "figure"}>
        {known ? (
          <>
            <span className="est">
              {sign
                ? number.signed(estimate.estimate, unit) + number.unitMark(unit)
                : number.value(estimate.estimate, unit)}
            </span>
            <span className="ci">
              ({bounds && `${bounds}, `}n&nbsp;{number.count(estimate.n)})
            </span>
          </>
        ) : (
          <span className="est none">{number.reason(estimate)}</span>
        )}
      </span>
    </Tip>
  );
}

/** The change since the period before: a figure with its interval, or the word "unclear". Never a coloured arrow for noise. */
export function Delta({ change, kind }: { change: ScoreChange | null; kind: MetricKind }) {
  if (!change) return <p className="delta quiet">No earlier period to compare</p>;
  const { mark, figure, rest } = changeParts(change, kind);
  const tone = change.verdict === "up" ? "good" : change.verdict === "down" ? "bad" : undefined;
  return (
    <p className="delta">
      <b className={tone}>
        {mark && `${mark} `}
        {figure}
      </b>
      {rest.replace(/\(.*\)$/, (bounds) => bounds.replaceAll(" ", "\u00a0"))}
    </p>
  );
}
