/** Raw rows as fields and back. Text stays text, and what was a number, a list or null stays one where the new words can be read as such. */

export interface RawField {
  name: string;
  /** A string as it is, anything else as JSON. */
  shown: string;
}

/** Whether a number would be written as it stands: long ids and 1.10 would not, and must not be changed by mending another field. */
function survives(value: unknown, text: string): boolean {
  if (typeof value === "object" && value !== null) return Object.values(value).every((inner) => survives(inner, text));
  if (typeof value !== "number") return true;
  return new RegExp(`(?<![\\d.])${JSON.stringify(value).replace(".", "\\.")}(?![\\d.eE])`).test(text);
}

/** A text as JSON object; null where it is none. */
export function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** The fields of a row; null where it is not a JSON object, or could not be written back as it was. */
export function fieldsOf(text: string): RawField[] | null {
  const row = objectOf(text);
  if (!row || !survives(row, text)) return null;
  return Object.entries(row).map(([name, value]) => ({
    name,
    shown: typeof value === "string" ? value : JSON.stringify(value),
  }));
}

/**
 * The row with one field changed; `raw` tells what the field was at first. Words are read as JSON only where they would be written back as
 * they stand: the way to 1.05 leads over 1.0, which must not turn into 1 while it is typed.
 */
export function withField(text: string, name: string, shown: string, raw: string): string {
  const row = objectOf(text);
  if (!row) return text;
  const first = objectOf(raw)?.[name];
  let value: unknown = shown;
  if (first !== undefined && typeof first !== "string") {
    try {
      const read: unknown = JSON.parse(shown);
      if (JSON.stringify(read) === shown) value = read;
    } catch {
      // No JSON yet, or never: text.
    }
  }
  return JSON.stringify({ ...row, [name]: value });
}
