import { describe, expect, it } from "vitest";
import * as snippets from "./snippets";

const sending = {
  origin: "https://cx.example.org",
  kind: "tracking",
  source: "website",
  call: "track",
  body: '{ "userId": "u1",\n "event": "It\'s here" }',
  key: null,
};

describe("how to send it from elsewhere", () => {
  it("quotes for the shell and says where the key goes", () => {
    expect(snippets.curl(sending)).toBe(
      [
        "curl https://cx.example.org/v1/track \\",
        "  -H 'Authorization: Bearer WRITE_KEY' \\",
        "  -H 'Content-Type: application/json' \\",
        `  --data-binary '{"userId":"u1","event":"It'\\''s here"}'`,
      ].join("\n"),
    );
    expect(snippets.curl({ ...sending, key: "ck_1" })).toContain("Bearer ck_1");
  });
  it("sends rows to their source in their format, as they are", () => {
    const rows = snippets.curl({ ...sending, kind: "rows", source: "stores/eu", call: "csv", body: "id\n1\n" });
    expect(rows).toContain("/v1/sources/stores%2Feu");
    expect(rows).toContain("text/csv");
    expect(rows).toContain("'id\n1\n'");
  });
  it("calls the libraries by the function of the call, and has none where there is none", () => {
    expect(snippets.browser(sending)).toContain(`clew.track("It's here", {});`);
    expect(snippets.browser({ ...sending, call: "batch" })).toBeNull();
    expect(snippets.node(sending)).toContain("analytics.track({");
    expect(snippets.node({ ...sending, body: "no json" })).toBeNull();
  });
});
