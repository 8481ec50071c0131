import { describe, expect, it } from "vitest";
import type { Alert } from "../src/api";
import { earlier } from "../src/lookback";

const alert: Alert = { id: "1", created: "2026-11-02T12:00:00Z", substance: "analog", reference_id: "r", scan_id: "s", county: "Adams", state: "CO", fips: "", simulated: false,
  first_seen: "2026-01-03T12:00:00Z", seen_before: "2026-01-20T18:00:00Z", read_by: "", read: null };

describe("a first-seen date that moved", () => {
  it("is told in days", () => expect(earlier(alert)).toContain(": 17 days later."));
  it("knows a single day", () => expect(earlier({ ...alert, seen_before: "2026-01-04T13:00:00Z" })).toContain(": 1 day later."));
  it("knows hours", () => expect(earlier({ ...alert, seen_before: "2026-01-03T13:00:00Z" })).toContain("less than a day"));
  it("says when nothing was known", () => expect(earlier({ ...alert, seen_before: null })).toBe("It was not known to have been here."));
});
