/**
 * Addresses of pages, without what should not leave the browser.
 *
 * The fragment goes, unless it is the route of an application (`#/…`, `#!…`): OAuth puts tokens there. Values of
 * query parameters whose names speak of secrets or contact details become `-`: forms sent with GET and links in mails
 * put them there. Names are kept, so that a funnel still sees the step. Addresses are cut, because one of 8 KB stands
 * in a page view four times, and an event has a limit.
 */

const ADDRESS_CHARS = 2048;
const FRAGMENT = /#(?![!/]).*/;
const SECRET = /([?&][^=&#]*(?:pass|pwd|secret|token|auth|mail|phone)[^=&#]*=)[^&#]*/gi;

export const clean = (url: string): string => url.slice(0, ADDRESS_CHARS).replace(FRAGMENT, "").replace(SECRET, "$1-");

/** Without query and fragment: for links and scripts, of which only the place matters. */
export const place = (url: string): string => url.replace(/[?#].*/, "");
