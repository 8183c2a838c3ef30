/** Stages, transitions and friction. */
import type { Friction, Stage, Transition } from "../../src/api/types";
import { wilson } from "./estimate.ts";

const stage = (
  position: number,
  name: string,
  people: number,
  continued: number,
  median_ms: number | null,
  last = false,
): Stage => ({
  position,
  stage: name,
  people,
  continued,
  conversion: last
    ? { estimate: null, lower: null, upper: null, n: people, level: 0.95, method: "wilson", reason: "last_stage" }
    : wilson(continued, people),
  median_ms,
});

const HOUR = 3_600_000;
export function stages(journey: string, size: number): Stage[] {
  const s = (n: number) => Math.round(n * size);
  if (journey === "get_help") {
    return [
      stage(1, "ask", s(6214), s(5480), 0.4 * HOUR),
      stage(2, "answer", s(5480), s(4022), 21 * HOUR),
      stage(3, "resolved", s(4022), 0, null, true),
    ];
  }
  return [
    stage(1, "awareness", s(19842), s(14211), 52 * HOUR),
    stage(2, "consideration", s(14211), s(9020), 31 * HOUR),
    stage(3, "purchase", s(9020), s(5614), 412 * HOUR),
    stage(4, "retention", s(5614), s(1203), 1310 * HOUR),
    stage(5, "advocacy", s(1203), 0, null, true),
  ];
}

type Flow = [from: string, to: string, n: number, waitHours: number | null];
const FLOWS: Flow[] = [
  ["(start)", "page_viewed", 15800, null],
  ["(start)", "ad_clicked", 6120, null],
  ["ad_clicked", "page_viewed", 5580, 0.1],
  ["page_viewed", "product_viewed", 14900, 0.2],
  ["page_viewed", "(end)", 5210, null],
  ["product_viewed", "cart_updated", 10480, 3.1],
  ["product_viewed", "store_visited", 1290, 41],
  ["product_viewed", "(end)", 4020, null],
  ["store_visited", "order_placed", 830, 26],
  ["cart_updated", "payment_failed", 1420, 0.1],
  ["cart_updated", "order_placed", 7610, 0.3],
  ["cart_updated", "(end)", 1710, null],
  ["cart_updated", "product_viewed", 2100, 1.2],
  ["payment_failed", "order_placed", 610, 1.9],
  ["payment_failed", "(end)", 790, null],
  ["payment_failed", "payment_failed", 512, 0.05],
  ["order_placed", "parcel_shipped", 8920, 22],
  ["parcel_shipped", "parcel_delivered", 7630, 52],
  ["parcel_shipped", "promise_missed", 1190, 96],
  ["promise_missed", "contact_opened", 590, 8],
  ["promise_missed", "parcel_delivered", 560, 61],
  ["parcel_delivered", "survey_answered", 3980, 49],
  ["parcel_delivered", "contact_opened", 890, 33],
  ["parcel_delivered", "(end)", 3210, null],
  ["contact_opened", "contact_closed", 1390, 19],
  ["contact_opened", "contact_opened", 331, 27],
  ["contact_closed", "survey_answered", 620, 26],
  ["contact_closed", "(end)", 710, null],
  ["survey_answered", "order_placed", 1180, 911],
  ["survey_answered", "review_posted", 410, 60],
  ["survey_answered", "(end)", 2990, null],
  ["review_posted", "(end)", 400, null],
  ["order_placed", "order_cancelled", 260, 5],
  ["order_cancelled", "(end)", 240, null],
];

export function transitions(size: number): Transition[] {
  return FLOWS.map(([from_step, to_step, n, wait]) => ({
    from_step,
    to_step,
    n: Math.round(n * size),
    people: Math.round(n * size * 0.86),
    median_wait_ms: wait === null ? null : wait * HOUR,
    p90_wait_ms: wait === null ? null : wait * HOUR * 3.4,
  })).sort((a, b) => b.n - a.n);
}

export function friction(size: number): Friction[] {
  const s = (n: number) => Math.round(n * size);
  const item = (
    kind: Friction["kind"],
    from_step: string,
    to_step: string | null,
    n: number,
    of: number,
    wait: number | null,
  ): Friction => ({
    kind,
    from_step,
    to_step,
    n: s(n),
    people: s(n * 0.86),
    share: wilson(s(n), s(of)),
    median_wait_ms: wait === null ? null : wait * HOUR,
    p90_wait_ms: wait === null ? null : wait * HOUR * 3.4,
  });
  return [
    item("drop_off", "page_viewed", null, 5210, 21380, null),
    item("drop_off", "product_viewed", null, 4020, 17000, null),
    item("wait", "parcel_shipped", "promise_missed", 1190, 8820, 96),
    item("drop_off", "payment_failed", null, 790, 1932, null),
    item("wait", "contact_opened", "contact_closed", 1390, 1721, 19),
    item("repeat", "payment_failed", "payment_failed", 512, 1932, 0.05),
    item("repeat", "contact_opened", "contact_opened", 331, 1721, 27),
  ];
}
