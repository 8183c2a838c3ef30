import { describe, expect, it } from "vitest";
import { fieldsOf, withField } from "./raw";
import { offending, reason } from "./reasons";
import { title } from "./words";

describe("a raw row as fields", () => {
  it("shows text as it is and anything else as JSON", () => {
    expect(fieldsOf('{"id":"1","n":20,"list":[1,"a"],"none":null}')).toEqual([
      { name: "id", shown: "1" },
      { name: "n", shown: "20" },
      { name: "list", shown: '[1,"a"]' },
      { name: "none", shown: "null" },
    ]);
  });
  it("is none where mending one field would change another", () => {
    for (const text of ['{"id":12345678901234567890}', '{"a":1.10,"b":"x"}', '{"a":{"b":[1e3]}}'])
      expect(fieldsOf(text), text).toBeNull();
    expect(fieldsOf('{"id":1234567890123,"share":0.5,"minus":-2.25}')).not.toBeNull();
  });
  it("is none where there is no object", () => {
    for (const text of ["", "a;b", "[1]", "7", "null", '{"a":']) expect(fieldsOf(text), text).toBeNull();
  });
  it("keeps what a field was: text stays text, a number stays a number", () => {
    const raw = '{"id":"1","n":20,"nested":{"a":1}}';
    expect(withField(raw, "id", "2", raw)).toBe('{"id":"2","n":20,"nested":{"a":1}}');
    expect(withField(raw, "n", "21", raw)).toBe('{"id":"1","n":21,"nested":{"a":1}}');
    expect(withField(raw, "n", "many", raw)).toBe('{"id":"1","n":"many","nested":{"a":1}}');
    expect(withField(raw, "nested", '{"a":2}', raw)).toBe('{"id":"1","n":20,"nested":{"a":2}}');
  });
  it("lets a number be typed letter by letter", () => {
    const raw = '{"n":1}';
    let row = raw;
    for (const shown of ["", "1", "1.", "1.0", "1.05"]) {
      row = withField(row, "n", shown, raw);
      expect(fieldsOf(row), shown).toEqual([{ name: "n", shown }]);
    }
    expect(row).toBe('{"n":1.05}');
  });
});

describe("reasons", () => {
  it("marks the fields that the words name, and no part of a word", () => {
    const fields = ["id", "occurred_at", "at", "score"];
    expect(offending("occurred_at is not a time such as 2026-01-31", fields)).toEqual(["occurred_at"]);
    expect(offending("expected 11 fields, found 9", fields)).toEqual([]);
    expect(offending("neither userId nor anonymousId is given", ["userId", "event"])).toEqual(["userId"]);
  });
  it("knows every code of rows that cannot be read, and promises no replay that cannot work", () => {
    for (const code of ["not_an_object", "no_row_key", "message_too_large", "invalid_message", "invalid_cue"])
      expect(reason(code).name, code).not.toBe(title(code));
    expect(reason("conflict").remedy).not.toContain("replay");
  });
  it("has words for a code that it does not know", () => {
    expect(reason("something_new").name).toBe("Something new");
    expect(reason("something_new").remedy).not.toBe("");
  });
});
