/** What the company is cut by, and from when to when its data go. */
export const CHANNELS = ["web", "app", "email", "phone", "chat", "bot", "store", "social", "survey", "field"];
export const DATA_FROM = "2025-07-01T05:12:09Z";
export const DATA_UNTIL = "2026-06-30T22:41:10Z";
export const REGIONS = ["Leinster", "Munster", "Connacht", "Ulster", "North"];
export const SEGMENTS = ["new", "regular", "loyal", "business"];
