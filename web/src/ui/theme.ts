/** Light or dark: the system's preference until the reader chooses; the choice stays in this browser. */
import { useSyncExternalStore } from "react";
import { DARK, LIGHT, type Palette } from "../charts/palette";

export type Theme = "light" | "dark" | "system";

const KEY = "clew-theme";
const dark = () => window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  const query = dark();
  query.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    query.removeEventListener("change", listener);
  };
}

function shown(): "light" | "dark" {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return dark().matches ? "dark" : "light";
}

export function useShownTheme(): "light" | "dark" {
  return useSyncExternalStore(subscribe, shown);
}

export function usePalette(): Palette {
  return useShownTheme() === "dark" ? DARK : LIGHT;
}

export function chooseTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is blocked: the choice holds until the page is closed.
  }
  for (const listener of listeners) listener();
}
