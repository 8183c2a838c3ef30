/** A bubble on hover and focus: definition, method, period. Escape closes it (WCAG 1.4.13); it never holds anything to click. */
import { type ReactNode, useId, useRef, useState } from "react";

export function Tip({ children, text, term = false }: { children: ReactNode; text: ReactNode; term?: boolean }) {
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number; above: boolean } | null>(null);
  const open = () => {
    const box = anchor.current?.getBoundingClientRect();
    if (!box) return;
    const above = box.bottom + 140 > window.innerHeight;
    setPlace({
      left: Math.max(12, Math.min(box.left, window.innerWidth - 312)),
      top: above ? box.top - 6 : box.bottom + 6,
      above,
    });
  };
  const close = () => setPlace(null);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hovering only repeats what focus shows
    <span
      ref={anchor}
      className={term ? "tip term" : "tip"}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the definition must be reachable by keyboard
      tabIndex={0}
      aria-describedby={place ? id : undefined}
      onMouseEnter={open}
      onMouseLeave={close}
      onFocus={open}
      onBlur={close}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      {children}
      {place && (
        <span
          id={id}
          role="tooltip"
          className="tip-bubble"
          style={{ left: place.left, top: place.top, transform: place.above ? "translateY(-100%)" : undefined }}
        >
          {text}
        </span>
      )}
    </span>
  );
}
