/**
 * When another page is shown without loading one: applications change the address through `history`.
 *
 * The address is compared a moment after the change, so that a redirect within one turn counts once and the title is
 * the new one. A page that comes back from the back/forward cache is shown again.
 */
import { clean } from "./address.ts";
import { observe, on } from "./watch.ts";

/** Returns what tells a change that was not told yet, for when the page is left in between. */
export function watchRoutes(shown: () => void): () => void {
  let address = clean(location.href);
  const look = () => {
    const now = clean(location.href);
    if (now === address) return;
    address = now;
    shown();
  };
  const soon = () => void setTimeout(look);
  observe(history, "pushState", soon);
  observe(history, "replaceState", soon);
  on(window, "popstate", soon);
  on(window, "pageshow", (event: PageTransitionEvent) => event.persisted && shown());
  return look;
}
