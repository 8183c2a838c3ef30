/** The review queue and the decisions about it: what is decided stays so until it is taken back or the mock is started again. */
import type { Decided, DecisionRequest, Doubt, DoubtSide, RevokeRequest } from "../src/api/types";
import * as company from "./company/index.ts";
import type { Answer, MockRequest } from "./request.ts";

const side = (at: number, record: string, fields: Record<string, string>): DoubtSide => {
  const person = company.PEOPLE[at]!;
  return {
    subject: String(7_000_000_000_000_000_000n + BigInt(at)),
    person_id: person.person_id,
    display_name: fields.name ?? person.display_name,
    events: person.events,
    record,
    fields,
  };
};

const model = { rule: "model", value: null, source: null, at: "2026-03-02T09:00:00Z", reason: null } as const;

function doubts(): Doubt[] {
  return [
    {
      a: side(3, "crm:C1091150", {
        name: "J. Nash",
        birth_date: "1952-05-05",
        emails: "joseph_nash52659@outlook.example",
        street: "20 Elm Close",
        postcode: "V95 THE7",
        city: "Ennis",
      }),
      b: side(4, "crm:C6353558", {
        name: "Jack Nash",
        birth_date: "1952-05-05",
        emails: "jnash863@outlook.example",
        phones: "+353897099674",
        street: "20 Elm Close",
        postcode: "V95 THE7",
        city: "Ennis",
      }),
      evidence: {
        ...model,
        effect: "doubtful",
        match_weight: 0.62,
        probability: 0.606,
        decided_by: "model",
        levels: [
          { comparison: "given_name", level: "initial", match_weight: 1.2 },
          { comparison: "family_name", level: "equal", match_weight: 6.9 },
          { comparison: "birth_date", level: "equal", match_weight: 11.4 },
          { comparison: "phone", level: "no value", match_weight: 0 },
          { comparison: "address", level: "same house", match_weight: 9.1 },
        ],
      },
      value: 9.4,
    },
    {
      a: side(5, "crm:C9220553", {
        name: "Manuel Flores",
        birth_date: "1984-09-11",
        street: "Avenida Alcalá 1",
        city: "Málaga",
      }),
      b: side(6, "crm:C2841847", {
        name: "Manuel Flores",
        birth_date: "2005-09-11",
        street: "Avenida Real 1",
        city: "Málaga",
      }),
      evidence: {
        ...model,
        effect: "demoted",
        match_weight: 7.5,
        probability: 0.9945,
        decided_by: "unique user_id differs",
        levels: [
          { comparison: "given_name", level: "equal", match_weight: 8.1 },
          { comparison: "family_name", level: "equal", match_weight: 7.2 },
          { comparison: "birth_date", level: "another year", match_weight: 2.2 },
          { comparison: "address", level: "same town", match_weight: -1.8 },
        ],
      },
      value: 8.7,
    },
    {
      a: side(7, "web:5521", { name: "Ciara Moore", phones: "+353890565456" }),
      b: side(8, "crm:C7015068", { name: "Ciara Moore", phones: "+353890565456", city: "Dublin" }),
      evidence: {
        ...model,
        rule: "phone",
        value: "+353890565456",
        source: "web",
        effect: "demoted",
        match_weight: null,
        probability: null,
        decided_by: "limit of email",
        levels: [],
      },
      value: 6.1,
    },
  ];
}

export class IdentityPages {
  private readonly open = doubts();
  private readonly decided: Decided[] = [];

  constructor(private readonly now: () => number) {}

  answer(request: MockRequest): Answer {
    const [, what, id, act] = request.parts;
    if (request.method === "GET" && what === "review") {
      const pairs = request.fresh ? [] : this.open.filter((pair) => !this.isDecided(pair));
      return request.ok("GET /identity/review", { pairs, total: pairs.length });
    }
    if (request.method === "POST" && what === "decisions" && id === undefined) return this.decide(request);
    if (request.method === "POST" && what === "decisions" && act === "revoke") return this.revoke(request, id!);
    return request.nothing();
  }

  private isDecided({ a, b }: Doubt): boolean {
    const pair = [a.subject, b.subject].sort().join();
    return this.decided.some(
      (one) =>
        one.state === "pending" &&
        one.subjects
          .map(({ subject }) => subject)
          .sort()
          .join() === pair,
    );
  }

  private decide(request: MockRequest): Answer {
    const { kind, a, b, reason, decided_by } = request.body as DecisionRequest;
    if (!reason.trim()) return request.error(400, "invalid", "Reason is empty: a decision says why and by whom.");
    const sides = this.open.flatMap((pair) => [pair.a, pair.b]);
    const named = [a, b].map((subject) => sides.find((one) => one.subject === subject));
    const decided: Decided = {
      decision_id: `d_${String(this.decided.length + 1).padStart(13, "0")}`,
      kind,
      subjects: named.map((one) => ({ subject: one?.subject ?? "", record: one?.record ?? null, identifiers: [] })),
      people: named.map((one) => one?.person_id ?? null),
      reason,
      decided_by: decided_by ?? "cockpit",
      decided_at: new Date(this.now()).toISOString(),
      revoked_by: null,
      state: "pending",
      bridged: 0,
    };
    this.decided.push(decided);
    return request.ok("POST /identity/decisions", decided);
  }

  private revoke(request: MockRequest, id: string): Answer {
    const found = this.decided.find(({ decision_id }) => decision_id === id);
    if (!found) return request.nothing(`There is no decision ${id} about who is who.`);
    if (!(request.body as RevokeRequest).reason.trim()) return request.error(400, "invalid", "Reason is empty.");
    found.state = "revoked";
    found.revoked_by = `d_${"9".repeat(13)}`;
    return request.ok("POST /identity/decisions/{decision_id}/revoke", found);
  }
}
