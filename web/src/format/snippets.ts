/** How a sender would send this message: as a command, with our library, with a Segment SDK. Pure, so that every one can be tested. */
import { objectOf } from "./raw";

/** Where the key stands until there is one. */
export const KEY_PLACE = "WRITE_KEY";

export interface Sending {
  /** `https://host`, as the reader reached it. */
  origin: string;
  /** tracking or rows. */
  kind: string;
  source: string;
  call: string;
  body: string;
  key: string | null;
}

const TYPES: Record<string, string> = { json: "application/json", jsonl: "application/x-ndjson", csv: "text/csv" };

/** A text in single quotes of a shell. */
export const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function curl({ origin, kind, source, call, body, key }: Sending): string {
  const path = kind === "tracking" ? `/v1/${call}` : `/v1/sources/${encodeURIComponent(source)}`;
  const type = kind === "tracking" ? "application/json" : (TYPES[call] ?? "application/json");
  return [
    `curl ${origin}${path}`,
    `-H ${quoted(`Authorization: Bearer ${key ?? KEY_PLACE}`)}`,
    `-H ${quoted(`Content-Type: ${type}`)}`,
    `--data-binary ${quoted(compact(body))}`,
  ].join(" \\\n  ");
}

/** JSON on one line; anything else as it is. */
function compact(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body;
  }
}

const json = (value: unknown) => JSON.stringify(value, null, 2);

/** For a web page, with clew.js; null for calls that it has no function for. */
export function browser({ origin, call, body, key }: Sending): string | null {
  const read = objectOf(body);
  if (!read) return null;
  const [properties, traits] = [json(read.properties ?? {}), json(read.traits ?? {})];
  const calls: Record<string, string> = {
    track: `clew.track(${json(read.event ?? "Event")}, ${properties});`,
    page: `clew.page(${json(read.name ?? "Page")}, ${properties});`,
    identify: `clew.identify(${json(read.userId ?? "user")}, ${traits});`,
    group: `clew.group(${json(read.groupId ?? "group")}, ${traits});`,
  };
  const line = calls[call];
  if (!line) return null;
  const load = `clew.load("${key ?? KEY_PLACE}", { host: "${origin}" });`;
  return `<script src="${origin}/t/stub.js"></script>\n<script>\n${load}\n${line}\n</script>`;
}

/** For a server, with Segment's library for Node. */
export function node({ origin, call, body, key }: Sending): string | null {
  const read = objectOf(body);
  if (!read || call === "batch") return null;
  return [
    `import { Analytics } from "@segment/analytics-node";`,
    ``,
    `const analytics = new Analytics({ writeKey: "${key ?? KEY_PLACE}", host: "${origin}" });`,
    `analytics.${call}(${json(read)});`,
    `await analytics.closeAndFlush();`,
  ].join("\n");
}
