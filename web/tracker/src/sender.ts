/**
 * Brings the queue to the server: in batches, again after a failure, and at the last moment.
 *
 * A batch is under way at a time. An event leaves the queue only when the server has answered for it. A beacon has no
 * answer, so what a page sends while it is left stays in the queue and is sent once more by the next page; the
 * message id tells the server that it knows it. Losing nothing is bought with a few bytes sent twice. A page that is
 * only hidden may live on to hear an answer: it sends an ordinary request, with `keepalive`, which outlives it if it
 * does not.
 *
 * 200: done. 429, 5xx, no answer, and anything odd: again later, after `Retry-After` or a doubling wait with jitter.
 * 400–403: the server will never take it, so it is dropped with one warning. 413: half the size. The body is
 * text/plain, which needs no preflight request. Redirects count as a failure: one that turns POST into GET would look
 * like success.
 */
import { bytesOf, type Entry, prefix, type Queue } from "./queue.ts";

/** Segment takes 500 KB a batch; room for what stands around the events. */
const BATCH_BYTES = 499e3;
/** Browsers refuse keepalive requests and beacons over 64 KiB, all that are under way together. */
const KEEPALIVE_BYTES = 59e3;
export const REQUEST_MS = 30e3;
const FIRST_WAIT_MS = 1e3;
const LONGEST_WAIT_MS = 300e3;
const LONGEST_RETRY_AFTER_MS = 3600e3;

export interface Sender {
  /** Tells that the queue has something: it goes after the interval, or at once when enough is together. */
  nudge(): void;
  /** Resolves when this attempt is over, whatever came of it. */
  flush(): Promise<void>;
  /** The page is being left: what this tab still has goes as beacons. */
  leave(): void;
  /** The page is back from the back/forward cache. */
  comeBack(): void;
  /** The network is back: failures are forgotten. */
  retryNow(): void;
  /** Consent was withdrawn: breaks off what is under way. */
  stop(): void;
}

export interface SenderOptions {
  queue: Queue;
  /** Address of the batch endpoint. */
  endpoint: string;
  writeKey: string;
  flushAt: number;
  intervalMs: number;
  allowed(): boolean;
}

/** Milliseconds that the server asks to wait: RFC 9110 §10.2.3, seconds or a date. */
function retryAfterMs(response: Response | undefined): number {
  const text = response?.headers.get("retry-after");
  if (!text) return 0;
  const seconds = Number(text);
  const ms = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : seconds * 1e3;
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : 0;
}

export function createSender({ queue, endpoint, writeKey, flushAt, intervalMs, allowed }: SenderOptions): Sender {
  // The page's own fetch, from before dead clicks watch it.
  const request = fetch;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let sending: Promise<void> | undefined;
  let breakOff: AbortController | undefined;
  let failures = 0;
  let notBefore = 0;
  let maxBytes = BATCH_BYTES;
  let leaving = false;
  let warned = false;

  const bodyOf = (batch: readonly Entry[], dropped: number) =>
    `{"batch":[${batch.map(([, text]) => text).join()}],${dropped > 0 ? `"context":{"dropped":${dropped}},` : ""}"sentAt":${JSON.stringify(new Date())},"writeKey":${JSON.stringify(writeKey)}}`;

  async function post(body: string): Promise<Response | undefined> {
    const ours = new AbortController();
    breakOff = ours;
    const timeout = setTimeout(() => ours.abort(), REQUEST_MS);
    try {
      return await request(endpoint, {
        method: "POST",
        body,
        credentials: "omit",
        redirect: "error",
        signal: ours.signal,
        // A quota shared with others may refuse it, which looks like a network error: the next attempt goes without.
        keepalive: !failures && bytesOf(body) <= KEEPALIVE_BYTES,
      });
    } catch {
      return undefined;
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Sends one batch; says whether it is done with. */
  async function sendBatch(): Promise<boolean> {
    await queue.takeOver().catch(() => {});
    const batch = prefix(queue.own(), maxBytes);
    if (!batch.length || leaving || !allowed()) return false;
    const dropped = queue.dropped();
    queue.drop(-dropped);
    const body = bodyOf(batch, dropped);
    queue.flying = batch[batch.length - 1]![0];
    const response = await post(body);
    queue.flying = "";
    if (!allowed()) return false;
    const status = response?.status ?? 0;
    if (status === 413 && batch.length > 1) {
      maxBytes = bytesOf(body) / 2;
      queue.drop(dropped);
      return true;
    }
    if (!response?.ok && (status < 400 || status > 403) && status !== 413) {
      const wait = Math.min(FIRST_WAIT_MS * 2 ** failures++, LONGEST_WAIT_MS);
      queue.drop(dropped);
      notBefore = performance.now() + retryAfterMs(response) + wait * (0.5 + Math.random() / 2);
      return false;
    }
    if (!response?.ok && !warned) {
      warned = true;
      console.warn(`clew: events refused (${status}) and dropped`);
    }
    failures = 0;
    queue.remove(batch);
    return true;
  }

  function later(ms: number): void {
    timer ??= setTimeout(flush, ms);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (sending) return sending.then(flush);
    const wait = notBefore - performance.now();
    if (wait > 0) later(wait);
    if (wait > 0 || leaving || !allowed()) return Promise.resolve();
    sending = sendBatch()
      .catch(() => false)
      .then((done) => {
        sending = undefined;
        if (done && queue.ownCount() >= flushAt) later(0);
        else if (queue.count()) later(Math.max(intervalMs, notBefore - performance.now()));
      });
    return sending;
  }

  return {
    nudge() {
      if (queue.ownCount() >= flushAt && !sending) void flush();
      else later(intervalMs);
    },
    flush,
    leave() {
      leaving = true;
      if (!allowed()) return;
      queue.abandon(true);
      let rest = queue.own().filter(([name]) => name > queue.flying);
      while (rest.length) {
        const batch = prefix(rest, KEEPALIVE_BYTES);
        if (!navigator.sendBeacon(endpoint, bodyOf(batch, 0))) return;
        rest = rest.slice(batch.length);
      }
    },
    comeBack() {
      leaving = false;
      queue.abandon(false);
      if (queue.count()) later(intervalMs);
    },
    retryNow() {
      failures = notBefore = 0;
      void flush();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      breakOff?.abort();
    },
  };
}
