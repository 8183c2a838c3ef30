/**
 * What an element is, in words that hold no input of the person.
 *
 * Never read: values of fields, text that can be edited, options and radio buttons (what was chosen is an input too),
 * passwords, and whatever stands under `data-clew-ignore`. The text of a button or link is what the page shows
 * everybody; where it names a person, the page marks it with that attribute.
 */
import { place } from "./address.ts";
import type { Fields } from "./types.ts";

/** Nothing on these or inside them is noticed at all. */
export const IGNORED = "[data-clew-ignore],[type=password]";

const UNREAD = `${IGNORED},input,textarea,select,[contenteditable],[role=textbox],[role=option],[role=radio],script,style`;

const TEXT_CHARS = 80;
/** Deeper than this, a selector tells no more than its last steps. */
const SELECTOR_STEPS = 8;

function textOf(node: Node): string {
  if (node.nodeType === 3) return `${node.nodeValue}`.replace(/\s+/g, " ").trim();
  if (!(node instanceof Element) || node.matches(UNREAD)) return "";
  let text = "";
  for (const child of node.childNodes) {
    text = `${text} ${textOf(child)}`.trim();
    if (text.length > TEXT_CHARS) break;
  }
  return text;
}

/** A CSS selector: from the nearest id down, else by tag and place among its kind. */
function selectorOf(element: Element): string {
  const steps: string[] = [];
  for (let at: Element | null = element; at && steps.length < SELECTOR_STEPS; at = at.parentElement) {
    if (at.id) {
      steps.unshift(`${at.localName}#${CSS.escape(at.id)}`);
      break;
    }
    let nth = 1;
    for (let before = at.previousElementSibling; before; before = before.previousElementSibling)
      if (before.localName === at.localName) nth++;
    steps.unshift(at.localName + (at.parentElement ? `:nth-of-type(${nth})` : ""));
  }
  return steps.join(">");
}

/** Selector, text (at most 80 characters) and, of a link, where it leads, without query. */
export function describeElement(element: Element): Fields {
  const href = element.closest("a")?.href;
  const text = element.closest(UNREAD) ? "" : textOf(element);
  return {
    selector: selectorOf(element),
    text: (element.getAttribute("aria-label") || text).slice(0, TEXT_CHARS) || undefined,
    href: href ? place(href) : undefined,
  };
}
