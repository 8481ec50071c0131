import { describe, expect, it } from "vitest";
import type { Hold } from "../src/base/api";
import { instant } from "../src/base/format";
import { holdWords, mayHold, standing } from "../src/result/hold";
import { expiryWords, useWords } from "../src/shell/tokens";

const hold = (more: Partial<Hold> = {}): Hold => ({ id: "h", reason: "subpoena 12", set_by: "ada", set_at: "2026-11-01T12:00:00Z", ...more });
const lifted = hold({ id: "g", reason: "case 7", released_at: "2026-11-02T12:00:00Z", released_by: "bob", release_reason: "closed" });

describe("legal holds", () => {
  it("stand until they are lifted", () => {
    expect(standing(null)).toBeUndefined();
    expect(standing([lifted])).toBeUndefined();
    expect(standing([lifted, hold()])?.id).toBe("h");
  });

  it("say who set and who lifted them, and why", () => {
    expect(holdWords(hold())).toBe(`Set ${instant("2026-11-01T12:00:00Z")} by ada: subpoena 12.`);
    expect(holdWords(lifted)).toContain("by bob: closed.");
  });

  it("are for people of the scan's agency with the permission, while there is something to hold", () => {
    const me = { permissions: ["holds.set"], agency: "local" };
    expect(mayHold(me, { agency: "local" })).toBe(true);
    expect(mayHold(me, { agency: "other" })).toBe(false);
    expect(mayHold({ ...me, permissions: [] }, { agency: "local" })).toBe(false);
    expect(mayHold(me, { agency: "local", erased: { at: "2026-11-01T12:00:00Z", policy: "all: 30d", by: "purge" } })).toBe(false);
  });
});

describe("access tokens", () => {
  const now = Date.parse("2026-11-01T12:00:00Z");

  it("say when they end", () => {
    expect(expiryWords({ expires: null }, now)).toBe("never by itself");
    expect(expiryWords({ expires: "2026-11-02T12:00:00Z" }, now)).toContain("in a day or less");
    expect(expiryWords({ expires: "2026-11-11T11:00:00Z" }, now)).toContain("in 10 days or less");
    expect(expiryWords({ expires: "2026-11-01T12:00:00Z" }, now)).toContain("it opens nothing");
  });

  it("say when they were used last, and from where", () => {
    expect(useWords({ used: null, used_from: "" })).toBe("never");
    expect(useWords({ used: "2026-11-01T11:00:00Z", used_from: "192.0.2.7" })).toBe(`${instant("2026-11-01T11:00:00Z")} from 192.0.2.7`);
  });
});
