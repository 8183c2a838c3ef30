/**
 * Colours as literal values, because a copied SVG or PNG must look right without the page's style sheet.
 * One hue for data, grey for context, one accent for the selected. Kept equal to the tokens in styles.css.
 */
export interface Palette {
  ground: string;
  ink: string;
  soft: string;
  quiet: string;
  rule: string;
  rule2: string;
  data: string;
  data2: string;
  data3: string;
  accent: string;
}

export const LIGHT: Palette = {
  ground: "#ffffff",
  ink: "#15181d",
  soft: "#4b515b",
  quiet: "#666c77",
  rule: "#e1e4e8",
  rule2: "#b4bac3",
  data: "#1d5c9c",
  data2: "#a9c8e6",
  data3: "#dbe8f4",
  accent: "#a84a05",
};

export const DARK: Palette = {
  ground: "#111317",
  ink: "#eceef1",
  soft: "#b6bcc6",
  quiet: "#9299a5",
  rule: "#2a2e35",
  rule2: "#515863",
  data: "#74b3ee",
  data2: "#2f587e",
  data3: "#1d3247",
  accent: "#f0a560",
};

export const FONT =
  '-apple-system, BlinkMacSystemFont, "Segoe UI", Inter, Roboto, "Noto Sans", "Liberation Sans", system-ui, sans-serif';
