/**
 * What stands around every event: Segment's common fields and `context`.
 *
 * https://segment.com/docs/connections/spec/common/ is the source of the names; `context.sessionId` and
 * `context.consent` are ours. A message is written to text once, when it happens, and is never changed again:
 * whatever is repeated is the same to the letter, so that the server can tell a retry from another event under the
 * same id.
 */
import { clean } from "./address.ts";
import type { Fields, Moment } from "./types.ts";

export const LIBRARY = { name: "clew.js", version: "0.1.0" } as const;

/** Here and now. */
export const moment = (): Moment => [Date.now(), location.href, document.title];

export interface Page {
  path: string;
  url: string;
  title: string;
  referrer: string;
  search: string;
}

export function pageAt([, href, title]: Moment, referrer: string): Page {
  const url = clean(href);
  const { pathname, search } = new URL(url);
  // A call in the page's head knows no title yet.
  return { path: pathname, url, title: href === location.href ? document.title : title, referrer, search };
}

/** `utm_campaign` is the campaign's `name` in Segment's spec; the others keep theirs. */
function campaign(search: string): Fields | undefined {
  const found: Fields = {};
  new URLSearchParams(search).forEach((value, name) => {
    if (name.startsWith("utm_")) found[name.slice(4).replace("campaign", "name")] = value;
  });
  return Object.keys(found).length ? found : undefined;
}

export const contextOf = (page: Page, sessionId: string, consent: Fields): Fields => ({
  library: LIBRARY,
  page,
  campaign: campaign(page.search),
  locale: navigator.language,
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
  userAgent: navigator.userAgent,
  sessionId,
  consent,
});
