/**
 * Clicks, and what they tell of annoyance: rage clicks and dead clicks.
 *
 * A **click** counts on something interactive. A **rage click** is several clicks at one spot in a short time, on
 * anything; it is told once for each burst. A **dead click** is one on something that looks clickable after which
 * nothing happens: no change of the page, no request, no navigation, scroll, focus, input or copy. Anything that
 * happens clears every waiting click, also a clock that ticks on the page: so dead clicks are told too seldom rather
 * than wrongly. A page that asks nothing and shows nothing for 2.5 s while it computes is told as dead, as a person
 * sees it.
 *
 * Left out: clicks by scripts, clicks by keyboard for rage (a held key repeats), the second click that a browser
 * makes on a label's field, a triple click that selects text, and links that open elsewhere (new tab, download, mail,
 * phone), because their effect cannot be seen from here.
 */
import { describeElement, IGNORED } from "./element.ts";
import { moment } from "./message.ts";
import type { DeadOptions, Fields, Moment, RageOptions, Track } from "./types.ts";
import { observe, on } from "./watch.ts";

const INTERACTIVE =
  "a,button,input,select,textarea,summary,[onclick],[tabindex]:not([tabindex='-1']),[role=button],[role=link],[role=tab],[role=menuitem],[role=option],[role=radio],[role=checkbox],[role=switch]";
/** Their effect is a value, or happens out of sight. */
const NEVER_DEAD =
  "input:not([type=button]):not([type=submit]),select,textarea,label,audio,video,[contenteditable],[download],[target]:not([target=_self]),[href^=mailto],[href^=tel],[href^=sms]";
const EFFECTS =
  "scroll focus blur input change submit toggle copy play pause popstate beforeunload pagehide visibilitychange fullscreenchange";
/** Two clicks at the same pixel within this time are one: the browser clicked a label's field by itself. */
const TWIN_MS = 20;

interface Click {
  at: number;
  x: number;
  y: number;
}

type OnClick = (target: Element, event: MouseEvent, interactive: Element | undefined) => void;

function rage({ clicks = 3, withinMs = 1000, radiusPx = 30 }: RageOptions, track: Track): OnClick {
  let recent: Click[] = [];
  let quietUntil = 0;
  return (target, { detail, clientX: x, clientY: y }) => {
    const at = Date.now();
    const last = recent[recent.length - 1];
    if (!detail || (last && at - last.at < TWIN_MS && last.x === x && last.y === y)) return;
    recent = recent.filter((click) => at - click.at <= withinMs && Math.hypot(click.x - x, click.y - y) <= radiusPx);
    recent.push({ at, x, y });
    if (recent.length < clicks) return;
    if (at > quietUntil && !`${getSelection() ?? ""}`) track("rage_click", { ...describeElement(target), clicks });
    quietUntil = at + withinMs;
  };
}

function dead({ withinMs = 2500 }: DeadOptions, track: Track): OnClick {
  const waiting = new Map<Element, ReturnType<typeof setTimeout>>();
  const changes = new MutationObserver(happened);

  function rest(): void {
    changes.disconnect();
    for (const type of EFFECTS.split(" ")) removeEventListener(type, happened, true);
  }

  function happened(): void {
    if (!waiting.size) return;
    for (const timer of waiting.values()) clearTimeout(timer);
    waiting.clear();
    rest();
  }

  observe(window, "fetch", happened);
  observe(window.XMLHttpRequest?.prototype, "send", happened);
  observe(history, "pushState", happened);
  observe(history, "replaceState", happened);

  return (element, _, interactive) => {
    if (waiting.has(element) || element.closest(NEVER_DEAD)) return;
    if (!interactive && getComputedStyle(element).cursor !== "pointer") return;
    if (!waiting.size) {
      changes.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      for (const type of EFFECTS.split(" ")) addEventListener(type, happened, true);
    }
    const seen: [Fields, Moment] = [describeElement(element), moment()];
    waiting.set(
      element,
      setTimeout(() => {
        waiting.delete(element);
        if (!waiting.size) rest();
        track("dead_click", ...seen);
      }, withinMs),
    );
  };
}

export interface ClickOptions {
  clicks?: boolean | undefined;
  rage?: boolean | RageOptions | undefined;
  dead?: boolean | DeadOptions | undefined;
}

const optionsOf = <T extends object>(option: boolean | T | undefined): T =>
  typeof option === "object" ? option : ({} as T);

export function captureClicks(options: ClickOptions, track: Track): void {
  const each: OnClick[] = [];
  if (options.clicks !== false)
    each.push((_, __, interactive) => interactive && track("click", describeElement(interactive)));
  if (options.rage !== false) each.push(rage(optionsOf(options.rage), track));
  if (options.dead !== false) each.push(dead(optionsOf(options.dead), track));
  if (!each.length) return;
  on(document, "click", (event: MouseEvent) => {
    const path = event.composedPath().filter((step): step is Element => step instanceof Element);
    const [target] = path;
    if (!target || !event.isTrusted || path.some((step) => step.matches(IGNORED))) return;
    const interactive = path.find((step) => step.matches(INTERACTIVE));
    for (const take of each) take(interactive ?? target, event, interactive);
  });
}
