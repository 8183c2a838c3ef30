/** Themes, and what people say in them. */
import type { Quote, Theme } from "../../src/api/types";
import { Dice } from "../dice.ts";
import { normal, wilson } from "./estimate.ts";
import { PEOPLE } from "./people.ts";
import { WORDS } from "./words.ts";

export function quotes(theme: string, many: number): Quote[] {
  const dice = new Dice(theme);
  const words = WORDS[theme] ?? ["…"];
  return Array.from({ length: many }, (_, i) => {
    const bad = !["t-helpful", "t-quality"].includes(theme);
    const day = 29 - i * 2;
    return {
      comment_id: `${theme}-c${i}`,
      text: words[i % words.length]!,
      language: "en",
      at: `2026-0${day > 0 ? 6 : 5}-${String(day > 0 ? day : 30 + day).padStart(2, "0")}T${10 + dice.below(10)}:${10 + dice.below(49)}:00Z`,
      channel: dice.pick(["survey", "email", "phone", "social", "chat"]),
      about: dice.pick(["after_delivery", "relationship", "contact_closed"]),
      stage: dice.pick(["purchase", "retention", null]),
      person_id: PEOPLE[dice.below(40)]!.person_id,
      score: bad ? 1 + dice.below(3) : 4 + dice.below(2),
      scale_max: 5,
      sentiment: bad ? -0.2 - 0.6 * dice.next() : 0.4 + 0.5 * dice.next(),
    };
  });
}

type ThemeSeed = [
  id: string,
  name: string,
  n: number,
  sentiment: number,
  effect: number | null,
  surge: [number, number] | null,
];
const THEME_SEEDS: ThemeSeed[] = [
  ["t-late", "late, promised date, still waiting", 1384, -0.48, -1.32, [1.3, 0.11]],
  ["t-carrier", "carrier, tracking, no update", 412, -0.41, -1.08, [3.4, 0.0004]],
  ["t-helpful", "staff, helpful, shop", 1612, 0.66, 0.27, [1.0, 0.92]],
  ["t-queue", "waiting on the line, bot, no human", 604, -0.52, -0.62, [0.9, 0.71]],
  ["t-refund", "refund, money back, days", 377, -0.39, -0.71, [1.1, 0.64]],
  ["t-packaging", "box, plastic, broken", 498, -0.31, -0.44, [1.2, 0.33]],
  ["t-quality", "linen, quality, colours", 1190, 0.71, 0.16, [1.0, 0.88]],
  ["t-app", "app, payment, button", 156, -0.37, null, null],
];
export const COMMENTS = 9480;

export function themes(size = 1, quoted = 2): Theme[] {
  return THEME_SEEDS.map(([theme_id, name, all, sentiment, effect, surge]) => {
    const n = Math.round(all * size);
    const share = wilson(n, Math.round(COMMENTS * size * 0.93));
    return {
      theme_id,
      name,
      terms: name.split(/, | /).filter((term) => term.length > 2),
      language: "en",
      n,
      share,
      sentiment: normal(sentiment, 0.45, n, "bootstrap"),
      score_effect:
        effect === null
          ? { estimate: null, lower: null, upper: null, n: 3, level: 0.95, method: "bootstrap", reason: "too_few" }
          : normal(effect / 10, 0.13, n, "bootstrap"),
      impact: effect === null || share.estimate === null ? null : (effect / 10) * share.estimate,
      surge: surge && { ratio: surge[0], p: surge[1], emerging: surge[0] > 1 && surge[1] < 0.05 },
      quotes: quotes(theme_id, quoted),
    };
  }).sort((a, b) => Math.abs(b.impact ?? 0) - Math.abs(a.impact ?? 0) || b.n - a.n);
}
