import { describe, expect, it } from "vitest";
import { MockServer } from "../../mock/server";
import type { Drivers, Estimate, Journey, Overview, Review, ScoreChange, Scores, Stage, Voice } from "../api/types";
import * as sentences from "./sentences";

const ask = <T>(path: string, query = "", scenario = "normal") =>
  new MockServer(() => 0).handle("GET", path, new URLSearchParams(query), null, scenario).body as T;
const difference = (estimate: number, lower: number, upper: number): Estimate => ({
  estimate,
  lower,
  upper,
  n: 2000,
  level: 0.95,
  method: "newcombe",
  reason: null,
});
const change = (verdict: ScoreChange["verdict"], estimate: Estimate): ScoreChange => ({
  difference: estimate,
  period: "month",
  period_start: "2026-06-01",
  previous_start: "2026-05-01",
  verdict,
});

describe("a doubtful pair", () => {
  it("says why nobody but the reader can decide it", () => {
    const [likeness, unique, limit] = ask<Review>("/identity/review").pairs.map(({ evidence }) =>
      sentences.doubt(evidence),
    );
    expect(likeness).toBe(
      "The records are one person's with a probability of 60.6\u202f%, which is not sure enough to join them.",
    );
    expect(unique).toMatch(/probability of 99\.\d\u202f%, but their user ID differs, and each person has one only\.$/);
    expect(limit).toBe(
      "Both carry the phone +353890565456, but together they would have more email values than the rules allow.",
    );
  });
});

describe("a change", () => {
  it("is told with its interval", () => {
    const parts = sentences.changeParts(change("up", difference(0.021, 0.008, 0.034)), "csat");
    expect(`${parts.mark} ${parts.figure}${parts.rest}`).toBe("▲ +2.1 since May (+0.8 to +3.4)");
  });
  it("whose interval holds 0 is called unclear and has no arrow", () => {
    const parts = sentences.changeParts(change("unclear", difference(0.021, -0.008, 0.05)), "csat");
    expect(parts.mark).toBe("");
    expect(parts.figure).toBe("Change unclear");
  });
});

describe("the headline of the overview", () => {
  it("says what moved and its first driver", () => {
    expect(sentences.overviewHeadline(ask<Overview>("/overview"))).toBe(
      "Delivery CSAT fell in June 2026; its first driver is promise broken",
    );
  });
  it("claims no direction where no verdict does", () => {
    const overview = ask<Overview>("/overview");
    const scores = overview.scores.map((card) => ({
      ...card,
      change: card.change && { ...card.change, verdict: "unclear" as const },
    }));
    expect(sentences.overviewHeadline({ ...overview, scores, changes: [] })).toBe(
      "No score moved beyond chance in June 2026",
    );
    expect(overview.scores.some(({ change }) => change?.verdict === "down")).toBe(true);
    expect(sentences.overviewHeadline({ ...overview, changes: [] })).toBe("No score moved beyond chance in June 2026");
  });
  it("does not blame a driver of another metric", () => {
    const overview = ask<Overview>("/overview");
    const nps = overview.changes.filter((one) => one.kind === "slice" && one.metric === "relationship_nps");
    expect(sentences.overviewHeadline({ ...overview, changes: nps })).toBe(
      "Relationship NPS in Store rose in June 2026",
    );
  });
  it("of an empty store says so", () => {
    expect(sentences.overviewHeadline(ask<Overview>("/overview", "", "fresh"))).toBe("No answers yet");
  });
});

describe("other headlines", () => {
  it("a score names the group that stands apart beyond its interval", () => {
    const scores = ask<Scores>("/scores", "metric=delivery_csat");
    expect(sentences.scoreHeadline(scores)).toMatch(/region North stands furthest below$/);
    expect(sentences.scoreHeadline({ ...scores, slices: [] })).toMatch(/no group stands apart beyond chance$/);
  });
  it("a journey names the stage that loses the largest share, and never an unknown one", () => {
    const journey = ask<Journey>("/journeys/buy");
    expect(sentences.journeyHeadline(journey)).toBe(
      "Retention loses the largest share: 4,411 of 5,614 people went no further",
    );
    const tiny: Stage = {
      ...journey.stages[0]!,
      people: 3,
      continued: 0,
      conversion: { ...journey.stages[0]!.conversion, estimate: null, reason: "too_few" },
    };
    expect(sentences.worstStage([tiny])).toBeNull();
    expect(sentences.journeyHeadline({ ...journey, people: 3, stages: [tiny] })).toMatch(/no stage has enough people/);
    expect(sentences.journeyHeadline({ ...journey, people: 0, stages: [] })).toMatch(/^Nobody/);
  });
  it("voice names what costs and what is new, only beyond chance", () => {
    const voice = ask<Voice>("/voice");
    expect(sentences.voiceHeadline(voice)).toBe("“late, promised date” costs most; “carrier, tracking” is new");
    const calm = voice.themes.map((theme) => ({
      ...theme,
      surge: null,
      score_effect: { ...theme.score_effect, upper: 0.1 },
    }));
    expect(sentences.voiceHeadline({ ...voice, themes: calm })).toMatch(/no theme weighs on the score beyond chance/);
  });
  it("drivers name the first and the vital few", () => {
    const drivers = ask<Drivers>("/drivers");
    expect(sentences.driversHeadline(drivers)).toBe(
      "Promise broken moves Delivery CSAT most; 5 drivers hold 82\u202f% of what is explained",
    );
    expect(sentences.driversHeadline({ ...drivers, drivers: [] })).toBe("Nothing measured so far moves Delivery CSAT");
    expect(sentences.driversHeadline(ask<Drivers>("/drivers", "", "fresh"))).toBe("No drivers have been computed");
  });
});
