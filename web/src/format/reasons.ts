/**
 * What went wrong with a row, and what to do: one entry a stable code of quarantine. A code that is not here keeps its own words: the
 * server may know more than this build of the cockpit.
 */
import { title } from "./words";

export interface Reason {
  /** As a short phrase. */
  name: string;
  /** What to do, for whoever holds the row. */
  remedy: string;
}

const SENDER = "Mend it where it is sent; what comes from now on is right. Rows that wait can be mended and replayed.";

const REASONS: Record<string, Reason> = {
  unreadable: {
    name: "Cannot be read",
    remedy:
      "The row does not fit its file: a quote or a delimiter is missing, or a line was cut. Mend its text, or discard it.",
  },
  wrong_field_count: {
    name: "Too many or too few fields",
    remedy: "A delimiter or a quote is missing, or a text holds an unquoted delimiter. Mend its text, or discard it.",
  },
  not_an_object: {
    name: "JSON, but not an object",
    remedy: "A row is an object with its fields by name: write it as {…}, or discard it.",
  },
  unclosed_quote: {
    name: "A quote that never closes",
    remedy: "Close the quote in its text, or double quotes that belong to the text.",
  },
  invalid_utf8: {
    name: "Not in the file's encoding",
    remedy:
      "Say how the file is encoded (`csv: {encoding: latin-1}`) and import it again; the row that is kept has lost its odd letters.",
  },
  row_too_large: {
    name: "A row above 1 MB",
    remedy: "Only its beginning is kept here. Shorten it where it comes from and import again, or discard it.",
  },
  message_too_large: {
    name: "A mail message above 32 MB",
    remedy: "Only its beginning is kept here. Take out its attachments and import again, or discard it.",
  },
  invalid_message: {
    name: "Not a mail message",
    remedy: "It has no header such as From or Date. Correct the file and import it again, or discard what is no mail.",
  },
  invalid_cue: {
    name: "A cue without a usable time",
    remedy:
      "Its times are no times, or it ends before it begins. Correct them in the file and import it again, or discard the cue.",
  },
  mapping_failed: {
    name: "The mapping failed on it",
    remedy:
      "The source's SQL cannot work with one of its values. Let it return null there (TRY_CAST), then replay all rows of this reason.",
  },
  missing_value: {
    name: "A required value is missing",
    remedy: "Fill in the field, or give the mapping a default for it.",
  },
  missing_identifier: {
    name: "Names nobody",
    remedy: "A message needs userId or anonymousId. Add one, or discard the message if nobody can be behind it.",
  },
  invalid_time: {
    name: "Not a time",
    remedy:
      "Correct the value, or teach the mapping its form: parse_time(text, format). Then replay all rows of this reason.",
  },
  time_out_of_range: {
    name: "A time that cannot be",
    remedy: "The clock of the sender was wrong, or day and month are swapped. Correct the value.",
  },
  naive_time: {
    name: "A time without a zone",
    remedy: "Name the zone in the source's file (`timezone:`) and replay all rows of this reason.",
  },
  invalid_date: { name: "Not a day", remedy: "Write it as 2026-01-31, or teach the mapping its form." },
  invalid_number: { name: "Not a number", remedy: "Correct the value, or let the mapping turn such words into null." },
  number_too_large: {
    name: "A number too large for its column",
    remedy: "Look for a wrong unit or a slipped decimal point.",
  },
  invalid_boolean: { name: "Neither true nor false", remedy: "Correct the value, or map its words in the SELECT." },
  unknown_word: {
    name: "A word outside its vocabulary",
    remedy: "Map the source's word to one of the glossary's in the SELECT, then replay all rows of this reason.",
  },
  invalid_currency: { name: "Not a currency", remedy: "Write the three letters of ISO 4217, such as EUR." },
  invalid_json: {
    name: "Not a JSON object",
    remedy: "Mend the text; a missing brace or quote is the usual cause.",
  },
  property_too_large: {
    name: "A property above 32 KB",
    remedy: "Leave large texts and files out of properties. Shorten it.",
  },
  event_too_large: { name: "A message above 32 KB", remedy: SENDER },
  nested_too_deeply: { name: "Nested too deeply", remedy: SENDER },
  value_too_long: { name: "A value that is too long", remedy: SENDER },
  unknown_call: { name: "An unknown kind of call", remedy: "`type` is identify, track, page, screen, group or alias." },
  conflict: {
    name: "Its id is taken by other content",
    remedy: "Discard it (the first is kept), or edit it: with another id it is a fact of its own.",
  },
  no_row_key: {
    name: "Its mapping gives no id any more",
    remedy:
      "It waits under an id that the mapping gave. Let it give the id again, or import the file again and discard it.",
  },
  expectation: {
    name: "Does not meet an expectation",
    remedy: "Correct the value, or change the expectation in the source's file if it asks too much, then replay.",
  },
  column_missing: {
    name: "A column is gone",
    remedy: "The source used to have this column. Ask its owner; if it was renamed, adapt the mapping and replay.",
  },
};

/** The same inside a sentence. */
export function lowerReason(code: string): string {
  const { name } = reason(code);
  return name.charAt(0).toLowerCase() + name.slice(1);
}

export function reason(code: string): Reason {
  return REASONS[code] ?? { name: title(code), remedy: "Correct the row and try it, or discard it with a reason." };
}

/**
 * The fields of a raw row that a detail speaks of: those that it names as whole words, in its own order. Empty where it names none, or where the
 * mapping gave the field another name than the row has.
 */
export function offending(detail: string, fields: string[]): string[] {
  const words = new Set(detail.match(/[\p{L}\p{N}_$]+/gu) ?? []);
  return fields.filter((field) => words.has(field));
}
