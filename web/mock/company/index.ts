/**
 * An invented company, as the server would describe it. Figures are plausible, not computed: the mock exists so that pages can
 * be built and tested without a store. Intervals are real formulas, so that widths look right for their n.
 */
export * from "./drivers.ts";
export * from "./estimate.ts";
export * from "./facts.ts";
export * from "./journey.ts";
export * from "./metrics.ts";
export * from "./people.ts";
export * from "./runs.ts";
export * from "./voice.ts";
