/** A customer's words, set as a quotation: who (masked by the server), when, where in the journey. */
import { Link } from "@tanstack/react-router";
import type { Quote } from "../api/types";
import * as number from "../format/number";
import * as time from "../format/time";
import { lower, title } from "../format/words";

export function QuoteBlock({ quote }: { quote: Quote }) {
  const parts = [
    quote.channel ? title(quote.channel) : null,
    quote.stage ? `stage ${lower(quote.stage)}` : null,
    quote.score === null ? null : `gave ${number.score(quote.score, quote.scale_max)}`,
  ].filter(Boolean);
  return (
    <blockquote className="quote">
      <p lang={quote.language ?? undefined}>“{quote.text}”</p>
      <footer>
        {quote.person_id ? (
          <Link to="/people/$id" params={{ id: quote.person_id }}>
            A customer
          </Link>
        ) : (
          "Somebody unknown"
        )}
        , {time.date(quote.at)}
        {parts.length > 0 && ` · ${parts.join(" · ")}`}
      </footer>
    </blockquote>
  );
}
