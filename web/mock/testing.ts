/** A test message's way, told by rules as rough as the mock needs: JSON, somebody named, an event named. */
import type { TestReport, TestRequest } from "../src/api/types";

export function testMessage(request: TestRequest, now: number): TestReport {
  const steps: TestReport["steps"] = [];
  const step = (
    name: TestReport["steps"][number]["step"],
    status: TestReport["steps"][number]["status"],
    detail: string,
  ) => steps.push({ step: name, status, detail });
  const report: TestReport = {
    source: request.source,
    mode: request.mode,
    steps,
    messages: { success: true, accepted: 0, duplicate: 0, quarantined: 0, rejected: 0, skipped: 0, results: [] },
    facts: [],
    queries: [],
  };
  step("received", "done", `${request.body.length} bytes, as ${request.call}.`);
  let message: Record<string, unknown>;
  try {
    message = JSON.parse(request.body);
  } catch {
    step("decoded", "stopped", "The body is not JSON (byte 1).");
    return report;
  }
  step("decoded", "done", "1 message.");
  const who = message.userId ?? message.anonymousId ?? message.customer;
  const refused =
    who === undefined
      ? "neither userId nor anonymousId is given"
      : request.call === "track" && !message.event
        ? "event is missing"
        : null;
  const messageId = String(message.messageId ?? "clew-test-3hq0w7e1c9k2m");
  if (refused) {
    step("typed", "stopped", `Goes to quarantine: ${refused}.`);
    report.messages.quarantined = 1;
    report.messages.results = [{ index: 0, messageId, status: "quarantined", code: "missing_value", message: refused }];
  } else {
    step("typed", "done", "Facts: 1 of events.");
    step("subject", "done", "8314077265012734112");
    report.messages.accepted = 1;
    report.facts = [
      {
        target: "events",
        columns: {
          event_id: messageId,
          source: request.source,
          population: "customer",
          name: String(message.event ?? request.call)
            .toLowerCase()
            .replace(/\W+/g, "_"),
          channel: "web",
          occurred_at: new Date(now).toISOString(),
          received_at: new Date(now).toISOString(),
          identifiers: [{ type: "user_id", value: String(who) }],
          properties: JSON.stringify(message.properties ?? {}),
        },
        subject: "8314077265012734112",
        person_id: null,
      },
    ];
  }
  if (request.mode === "check") {
    step("verdict", "open", refused ? "Sent, it would go to quarantine." : "Sent, it would be stored.");
    step("log", "open", "Only checked: nothing was written.");
  } else {
    step("verdict", refused ? "stopped" : "done", refused ? "1 in quarantine." : "1 stored.");
    step("log", "done", "On disk; the log stands at 41211.");
    if (!refused) {
      step("sql", "done", "1 of 1 found.");
      report.queries = [`SELECT * FROM events WHERE source = '${request.source}' AND event_id IN ('${messageId}')`];
    }
  }
  if (!refused) step("person", "open", "Not known yet: the next run works out who it is.");
  return report;
}
