/** Times in the project's zone and the reader's locale; durations in the largest unit that reads well. */

let zone = "UTC";

/** Sets the project's zone (from `GET /meta`) for everything below. */
export function setZone(timezone: string): void {
  try {
    new Intl.DateTimeFormat(undefined, { timeZone: timezone });
    zone = timezone;
  } catch {
    zone = "UTC";
  }
}

/** `12 May 2026`. */
export function date(time: string | null, locale?: string): string {
  if (time === null) return "–";
  return new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: "short", year: "numeric" }).format(
    new Date(time),
  );
}

/** `12 May 2026, 14:03`. */
export function dateTime(time: string | null, locale?: string): string {
  if (time === null) return "–";
  return new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(time));
}

/** `12 May`: where the year is told nearby. */
export function dayMonth(time: string, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: "short" }).format(new Date(time));
}

/** `14:03:12.250`: for messages that come one after the other. */
export function exact(time: string, locale?: string): string {
  return new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  }).format(new Date(time));
}

/** `14:03`. */
export function clock(time: string, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit" }).format(new Date(time));
}

/** Key of the local day of a time, for grouping. */
export function dayKey(time: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(time));
}

/** `3 hours ago`, `in 12 minutes`. `now` comes in, so that the text can be tested. */
export function ago(time: string | null, now: number, locale?: string): string {
  if (time === null) return "never";
  const seconds = (new Date(time).getTime() - now) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["year", 31_557_600],
    ["month", 2_629_800],
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ];
  const text = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return text.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

/** `2.4 days`, `3 h 20 min`, `45 s`; `–` for null. */
export function duration(ms: number | null, locale?: string): string {
  if (ms === null) return "–";
  const one = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const seconds = ms / 1000;
  if (seconds < 1) return `${one.format(ms)}\u00a0ms`;
  if (seconds < 90) return `${one.format(seconds)}\u00a0s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${one.format(Math.round(minutes))}\u00a0min`;
  const hours = minutes / 60;
  if (hours < 36) return `${one.format(hours)}\u00a0h`;
  return `${one.format(hours / 24)}\u00a0days`;
}

/** Name of a calendar period: `2026`, `Q2 2026`, `June 2026`, `week of 1 Jun 2026`, `1 Jun 2026`, `all time`. */
export function period(grain: string, start: string | null, locale?: string, short = false): string {
  if (grain === "all" || start === null) return "all time";
  const day = new Date(`${start}T00:00:00Z`);
  const utc = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(day);
  switch (grain) {
    case "year":
      return utc({ year: "numeric" });
    case "quarter":
      return `Q${Math.floor(day.getUTCMonth() / 3) + 1} ${utc({ year: "numeric" })}`;
    case "month":
      return short ? utc({ month: "short" }) : utc({ month: "long", year: "numeric" });
    case "week":
      return `week of ${utc({ day: "numeric", month: "short", year: "numeric" })}`;
    default:
      return utc({ day: "numeric", month: "short", year: "numeric" });
  }
}

/** A label under a time axis: short, with its year at the first label and at each January. */
export function tick(grain: string, start: string, first: boolean, locale?: string): string {
  const day = new Date(`${start}T00:00:00Z`);
  const utc = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(day);
  const year = `’${String(day.getUTCFullYear()).slice(2)}`;
  const turn = day.getUTCMonth() === 0 && day.getUTCDate() <= 7;
  switch (grain) {
    case "year":
      return utc({ year: "numeric" });
    case "quarter":
      return `Q${Math.floor(day.getUTCMonth() / 3) + 1}${first || turn ? ` ${year}` : ""}`;
    case "month":
      return utc({ month: "short" }) + (first || turn ? ` ${year}` : "");
    default:
      return utc({ day: "numeric", month: "short" });
  }
}
