/**
 * Forms that somebody began and left: how far they came, never what they wrote.
 *
 * A form counts from the first input in one of its fields to its submission or reset. It is left when the page is, or
 * when it is gone after the address changed; a form that stands on (a wizard that keeps its step in the address) goes
 * on counting. What is told: the form's id and name, the NAME of the field that was touched last, how many fields
 * were, and the time between first and last input. Password fields and whatever is under `data-clew-ignore` count as
 * not there.
 *
 * Known to be told wrongly: a form that is sent by a script without a submit event. Mark such a form with
 * `data-clew-ignore`, or call `requestSubmit()`.
 */
import { IGNORED } from "./element.ts";
import { moment } from "./message.ts";
import type { Moment, Track } from "./types.ts";
import { observe, on } from "./watch.ts";

interface Begun {
  fields: Set<Element>;
  lastField: string | undefined;
  firstAt: number;
  last: Moment;
}

/** Returns what to call when forms may have been left; `all` when the page is. */
export function captureForms(track: Track): (all: boolean) => void {
  const begun = new Map<HTMLFormElement, Begun>();
  const finish = (form: unknown) => begun.delete(form as HTMLFormElement);

  on(document, "input change", (event: Event) => {
    const field = event.composedPath()[0] as HTMLInputElement;
    const form = field.form;
    if (!form || field.closest(IGNORED)) return;
    const last = moment();
    const state = begun.get(form) ?? { fields: new Set(), lastField: undefined, firstAt: last[0], last };
    state.fields.add(field);
    state.lastField = field.name || field.id || undefined;
    state.last = last;
    begun.set(form, state);
  });
  on(document, "submit reset", ({ target }: Event) => finish(target));
  // form.submit() makes no event.
  observe(window.HTMLFormElement?.prototype, "submit", finish);

  return (all) => {
    for (const [form, { fields, lastField, firstAt, last }] of begun) {
      if (!all && form.isConnected) continue;
      begun.delete(form);
      track(
        "form_abandoned",
        {
          form_id: form.getAttribute("id") || undefined,
          form_name: form.getAttribute("name") || undefined,
          last_field: lastField,
          filled: fields.size,
          duration_ms: last[0] - firstAt,
        },
        last,
      );
    }
  };
}
