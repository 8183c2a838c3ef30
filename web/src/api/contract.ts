/**
 * Holds the wire types against the server's OpenAPI document, at compile time only: nothing of this reaches the browser.
 *
 * `types.ts` is written by hand, because it says more than the document does (which words a `kind` may be, what a null means).
 * `schema.d.ts` is generated from `docs/openapi.json` by `npm run gen:api`. Here each pair must have the same keys, and what
 * `types.ts` promises must fit what the server declares. The other direction is deliberately missing: the document says `string`
 * where `types.ts` names the words.
 */
import type { components } from "./schema";
import type * as wire from "./types";

type Schemas = components["schemas"];
type SameKeys<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : false;
type Fits<A, B> = A extends B ? SameKeys<A, B> : false;

/** Types of the same name on both sides. */
interface Pairs {
  Applied: wire.Applied;
  Attribute: wire.Attribute;
  DataPage: wire.DataPage;
  ComparedLevel: wire.ComparedLevel;
  Decided: wire.Decided;
  Doubt: wire.Doubt;
  DoubtSide: wire.DoubtSide;
  Driver: wire.Driver;
  Drivers: wire.Drivers;
  ErrorBody: wire.ErrorBody;
  Estimate: wire.Estimate;
  Friction: wire.Friction;
  Identity: wire.Identity;
  ImportRequest: wire.ImportRequest;
  Job: wire.Job;
  Journey: wire.Journey;
  Journeys: wire.Journeys;
  Meta: wire.Meta;
  MetricDefinition: wire.MetricDefinition;
  ActivityCount: wire.ActivityCount;
  CohortPeriod: wire.CohortPeriod;
  Comparison: wire.Comparison;
  Edge: wire.Edge;
  FrictionFinding: wire.FrictionFinding;
  FrictionList: wire.FrictionList;
  WayDifference: wire.WayDifference;
  Funnel: wire.Funnel;
  FunnelGroup: wire.FunnelGroup;
  FunnelStep: wire.FunnelStep;
  Overview: wire.Overview;
  PathList: wire.PathList;
  PeopleBehind: wire.PeopleBehind;
  ProcessMap: wire.ProcessMap;
  Retention: wire.Retention;
  Variants: wire.Variants;
  People: wire.People;
  PeriodChoice: wire.PeriodChoice;
  Person: wire.Person;
  PersonJourney: wire.PersonJourney;
  PersonResponse: wire.PersonResponse;
  PersonRow: wire.PersonRow;
  Profile: wire.Profile;
  Quarantine: wire.Quarantine;
  QuarantineItem: wire.QuarantineItem;
  Quote: wire.Quote;
  IdentityNode: wire.IdentityNode;
  LinkEvidence: wire.LinkEvidence;
  Review: wire.Review;
  ReplayReport: wire.ReplayReport;
  Run: wire.Run;
  RunRequest: wire.RunRequest;
  RunSummary: wire.RunSummary;
  Runs: wire.Runs;
  ScoreCard: wire.ScoreCard;
  ScoreChange: wire.ScoreChange;
  Scores: wire.Scores;
  ScreenedOut: wire.ScreenedOut;
  SearchResult: wire.SearchResult;
  SliceChoice: wire.SliceChoice;
  Source: wire.Source;
  SourceReplay: wire.SourceReplay;
  SqlRequest: wire.SqlRequest;
  Stage: wire.Stage;
  StreamState: wire.StreamState;
  Theme: wire.Theme;
  ThemeDetail: wire.ThemeDetail;
  Timeline: wire.Timeline;
  TimelineItem: wire.TimelineItem;
  Transition: wire.Transition;
  TrendPoint: wire.TrendPoint;
  Alarm: wire.Alarm;
  BatchEquations: wire.BatchEquations;
  FieldQuality: wire.FieldQuality;
  FactsEquation: wire.FactsEquation;
  KeyRequest: wire.KeyRequest;
  NewWriteKey: wire.NewWriteKey;
  Quality: wire.Quality;
  QualityShare: wire.QualityShare;
  SourceDetail: wire.SourceDetail;
  SourceQuality: wire.SourceQuality;
  TailLine: wire.TailLine;
  TakenMessages: wire.TakenMessages;
  TestReport: wire.TestReport;
  TestRequest: wire.TestRequest;
  VolumePoint: wire.VolumePoint;
  WriteKey: wire.WriteKey;
  WriteKeyList: wire.WriteKeyList;
  Voice: wire.Voice;
}

/** Names of the pairs that do not fit; the compiler prints them. `SqlResult` by its keys: the document calls each cell an object. */
type Misfits =
  | (SameKeys<wire.SqlResult, Schemas["SqlResult"]> extends true ? never : "SqlResult")
  | { [K in keyof Pairs]: Fits<Pairs[K], Schemas[K]> extends true ? never : K }[keyof Pairs];

type None<T extends never> = T;
/** An error here: the types named in it differ between `types.ts` and the server. */
export type Agreed = None<Misfits>;
