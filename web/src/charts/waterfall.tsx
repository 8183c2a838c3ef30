/**
 * Match weights of a pair, one bar a comparison, each beginning where the one before ended: how evidence adds up. Weights are log2 of
 * Bayes factors, so that their sum is comparable with the distance from even odds. Drawn as a list: every bar stands beside its words.
 */
import type { ComparedLevel } from "../api/types";
import * as number from "../format/number";
import { title } from "../format/words";

interface Bar {
  name: string;
  level: string;
  weight: number;
  from: number;
  to: number;
}

/** Bars with their ends, and the range that holds them all and zero. */
export function bars(levels: ComparedLevel[]): { bars: Bar[]; low: number; high: number } {
  let sum = 0;
  const made = levels.map(({ comparison, level, match_weight }) => {
    const from = sum;
    sum += match_weight ?? 0;
    return { name: comparison, level: level ?? "not known", weight: match_weight ?? 0, from, to: sum };
  });
  const ends = made.flatMap(({ from, to }) => [from, to]);
  return { bars: made, low: Math.min(0, ...ends), high: Math.max(0, ...ends) };
}

export function Waterfall({ levels }: { levels: ComparedLevel[] }) {
  const { bars: all, low, high } = bars(levels);
  const part = (value: number) => (high === low ? 0 : ((value - low) / (high - low)) * 100);
  return (
    <ol
      className="waterfall"
      aria-label="Match weights, log2 of how much likelier each agreement is in one person than in two"
    >
      {all.map(({ name, level, weight, from, to }) => (
        <li key={name}>
          <span>
            {title(name)} <span className="quiet">{level}</span>
          </span>
          <span className="track" aria-hidden="true">
            <span
              className={weight < 0 ? "step against" : "step"}
              style={{
                left: `${part(Math.min(from, to))}%`,
                width: `${Math.max(part(Math.max(from, to)) - part(Math.min(from, to)), 0.5)}%`,
              }}
            />
            <span className="zero" style={{ left: `${part(0)}%` }} />
          </span>
          <span className="num">{number.weight(weight)}</span>
        </li>
      ))}
    </ol>
  );
}
