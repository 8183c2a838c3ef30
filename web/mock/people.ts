/** Search over people, one person with all that is known, and a timeline. */
import type { Person, PersonRow } from "../src/api/types";
import * as company from "./company/index.ts";
import { type Answer, type MockRequest, NO_SLICE } from "./request.ts";

export function people(request: MockRequest): Answer {
  const { parts, query } = request;
  if (parts[1] === undefined) return found(request);
  const index = company.PEOPLE.findIndex((person) => person.person_id === parts[1]);
  const row = company.PEOPLE[index];
  if (parts[1] === "p-merged") {
    return request.error(404, "not_found", "This id was merged into another person.", {
      merged_into: company.PEOPLE[0]!.person_id,
    });
  }
  if (!row) return request.error(404, "not_found", "There is no person with this id.");
  if (parts[2] === "timeline") {
    const channel = query.get("channel");
    const { items, next_cursor } = request.page(
      company.timeline(row).filter((item) => !channel || item.channel === channel),
      50,
    );
    return request.ok("GET /people/{person_id}/timeline", { items, next_cursor });
  }
  return request.ok("GET /people/{person_id}", person(row, index));
}

function found(request: MockRequest): Answer {
  const { query, filter, fresh } = request;
  const q = (query.get("q") ?? "").toLowerCase();
  const hits = (fresh ? [] : company.PEOPLE)
    .filter((person) => !filter.channel || person.channels.includes(filter.channel))
    .flatMap((person, i) => {
      if (!q || person.display_name?.toLowerCase().includes(q)) return [person];
      const email = `customer${i}@example.org`;
      if (email.startsWith(q) && q.length >= 3) return [{ ...person, matched: { type: "email", value: email } }];
      return person.person_id.startsWith(q)
        ? [{ ...person, matched: { type: "person_id", value: person.person_id } }]
        : [];
    });
  const { items, next_cursor } = request.page(hits, 50);
  return request.ok("GET /people", {
    applied: NO_SLICE,
    people: items,
    next_cursor,
    total: fresh ? 0 : 20_118,
  });
}

function person(row: PersonRow, index: number): Person {
  const items = company.timeline(row);
  const { matched: _matched, ...profile } = row;
  return {
    pending: null,
    profile: {
      ...profile,
      conversations: 3,
      references: 4,
      events_by_channel: items.reduce<Record<string, number>>((sum, item) => {
        if (item.channel) sum[item.channel] = (sum[item.channel] ?? 0) + 1;
        return sum;
      }, {}),
      last_nps_at: row.last_nps === null ? null : row.last_seen_at,
      last_csat_at: row.last_csat === null ? null : row.last_seen_at,
      last_ces_at: row.last_ces === null ? null : row.last_seen_at,
    },
    identity: identity(row, index),
    attributes: [
      { name: "segment", value: "loyal", source: "crm", valid_from: "2026-01-01T00:00:00Z", valid_to: null },
      { name: "language", value: "en", source: "crm", valid_from: row.first_seen_at, valid_to: null },
      { name: "newsletter", value: "yes", source: "emails", valid_from: row.first_seen_at, valid_to: null },
      {
        name: "segment",
        value: "new",
        source: "crm",
        valid_from: row.first_seen_at,
        valid_to: "2026-01-01T00:00:00Z",
      },
    ],
    household:
      index % 3 === 0
        ? {
            household_id: "h-1",
            rule: "address",
            members: [company.PEOPLE[index]!, company.PEOPLE[(index + 7) % 240]!].map(
              ({ person_id, display_name }) => ({ person_id, display_name }),
            ),
          }
        : null,
    organisations: [],
    responses: items
      .filter((item) => item.kind === "response")
      .map((item) => ({
        source: item.source,
        response_id: item.id,
        survey: item.response_kind === "nps" ? "relationship" : "after_delivery",
        question: item.name,
        kind: item.response_kind ?? "rating",
        score: item.score,
        scale_min: item.scale_min,
        scale_max: item.scale_max,
        text: item.text,
        channel: "survey",
        about_reference: item.response_kind === "csat" ? "O-20418" : null,
        invited_at: null,
        answered_at: item.at,
      })),
    journeys: [
      {
        journey_id: `${row.person_id}-1`,
        journey: "buy",
        scope_key: null,
        started_at: row.first_seen_at,
        ended_at: row.last_seen_at,
        steps: 14,
        furthest_stage: "retention",
        outcome: "completed",
      },
      {
        journey_id: `${row.person_id}-2`,
        journey: "get_help",
        scope_key: "c-3107",
        started_at: row.first_seen_at,
        ended_at: row.last_seen_at,
        steps: 3,
        furthest_stage: "answer",
        outcome: "dropped",
      },
    ],
  };
}

function identity(row: PersonRow, index: number): Person["identity"] {
  return {
    subjects: 5,
    identifiers: [
      {
        type: "customer_no",
        value: `K-${40112 + index}`,
        role: "person",
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        sources: ["crm", "orders"],
        subjects: 2,
      },
      {
        type: "email",
        value: `customer${index}@example.org`,
        role: "person",
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        sources: ["crm", "emails", "surveys", "web_events"],
        subjects: 3,
      },
      {
        type: "phone",
        value: `+353 1 496 0${String(100 + index).slice(-3)}`,
        role: "person",
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        sources: ["calls", "crm"],
        subjects: 2,
      },
      {
        type: "address",
        value: "12 Alder Row, Dublin 8",
        role: "household",
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        sources: ["crm"],
        subjects: 2,
      },
      {
        type: "device_id",
        value: "ios-7f31c0",
        role: "shared",
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        sources: ["app_events"],
        subjects: 9,
      },
    ],
    evidence: [
      {
        rule: "email",
        effect: "merged",
        links: 4,
        match_weight: null,
        probability: null,
        decided_by: "rules",
        first_at: row.first_seen_at,
        last_at: row.last_seen_at,
      },
      {
        rule: "customer_no",
        effect: "merged",
        links: 2,
        match_weight: null,
        probability: null,
        decided_by: "rules",
        first_at: row.first_seen_at,
        last_at: row.last_seen_at,
      },
      {
        rule: "phone",
        effect: "blocked",
        links: 1,
        match_weight: null,
        probability: null,
        decided_by: "rules",
        first_at: row.first_seen_at,
        last_at: row.last_seen_at,
      },
      {
        rule: "device_id",
        effect: "demoted",
        links: 9,
        match_weight: null,
        probability: null,
        decided_by: "rules",
        first_at: row.first_seen_at,
        last_at: row.last_seen_at,
      },
    ],
    records: [
      {
        source: "crm",
        record_id: `C${index + 3001}`,
        full_name: row.display_name,
        emails: [`customer${index}@example.org`],
        phones: ["+35314960123"],
        city: "Dublin",
        organisation: null,
        valid_from: row.first_seen_at,
        raw: { phones: ["01 496 0123"] },
        quality: ["phones:reformatted", "phones:country_assumed"],
      },
      {
        source: "crm",
        record_id: `C${index + 8812}`,
        full_name: row.display_name,
        emails: [`customer${index}@example.org`],
        phones: [],
        city: "Dublin 8",
        organisation: null,
        valid_from: "2026-02-11T10:00:00Z",
        raw: {
          given_name: row.display_name?.toUpperCase().split(" ")[0] ?? "",
          emails: [`Customer${index}@Example.org`],
          city: "DUBLIN 8",
          birth_date: "01.01.1900",
        },
        quality: ["given_name:case_changed", "emails:case_changed", "city:case_changed", "birth_date:placeholder_date"],
      },
    ],
    changes: [
      {
        changed_at: "2026-02-11T10:04:00Z",
        change: "merged",
        from_person_id: "p-merged",
        to_person_id: row.person_id,
        cause: "email",
      },
      {
        changed_at: row.first_seen_at,
        change: "created",
        from_person_id: null,
        to_person_id: row.person_id,
        cause: "customer_no",
      },
    ],
  };
}
