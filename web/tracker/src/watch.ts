/**
 * Listening to a page without disturbing it.
 *
 * Listeners take the capture phase (so that a page which stops propagation hides nothing), and swallow their own
 * errors: an error of the library must neither reach the page nor count as one of its errors. Functions of the page
 * are observed by a wrapper that calls the original with the same `this` and arguments and returns what it returns.
 */

type Handler = (event: never) => void;

export function on(target: EventTarget, types: string, handle: Handler): void {
  for (const type of types.split(" "))
    target.addEventListener(
      type,
      (event) => {
        try {
          handle(event as never);
        } catch {
          // See above.
        }
      },
      true,
    );
}

/** Calls `seen` with `this` before every call of a method. */
export function observe(owner: object | undefined, method: string, seen: (self: unknown) => void): void {
  const methods = owner as Record<string, unknown> | undefined;
  const original = methods?.[method];
  if (!methods || typeof original !== "function") return;
  methods[method] = function (this: unknown, ...args: unknown[]): unknown {
    try {
      seen(this);
    } catch {
      // See above.
    }
    return original.apply(this, args);
  };
}
