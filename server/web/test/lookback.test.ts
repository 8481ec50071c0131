import { describe, expect, it } from "vitest";
import { alertText, alertsWords, rescreenText } from "../src/map/alerts";
import type { Alert, Rescreen, SimilarScan } from "../src/base/api";
import { instant } from "../src/base/format";
import { similarText } from "../src/result/similar";

const early = "2026-01-03T12:00:00Z";
const late = "2026-01-20T12:00:00Z";
const alert: Alert = { id: "1", created: late, substance: "analog", scan_id: "2", place: "Adams, CO", county: "Adams", state: "CO", simulated: false, first_seen: early, seen_before: late, read_by: "", read: null };

describe("an alert", () => {
  it("says both dates and the place", () => {
    expect(alertText(alert)).toBe(`First seen ${instant(early)} in Adams, CO; thought to be ${instant(late)} until now.`);
  });

  it("says when a substance was not known there at all", () => {
    expect(alertText({ ...alert, seen_before: null })).toContain("it was not known to have been there");
  });

  it("says when the place is not known", () => {
    const nowhere = { ...alert, place: "unknown place", county: "", state: "", seen_before: null };
    expect(alertText(nowhere)).toBe(`First seen ${instant(early)} (unknown place); it was not known from any scan whose county is unknown.`);
    expect(alertText({ ...nowhere, place: "CO, county unknown", state: "CO", seen_before: late })).toBe(`First seen ${instant(early)} (CO, county unknown); thought to be ${instant(late)} until now.`);
  });

  it("is counted until it is read", () => {
    expect(alertsWords([alert, { ...alert, read: late, read_by: "ada" }])).toMatch(/^1 unread/);
    expect(alertsWords([{ ...alert, read: late }])).toBe("All read.");
    expect(alertsWords([])).toMatch(/^None\. An alert appears when/);
  });

  it("never calls a field result certain", () => {
    for (const text of [alertText(alert), alertsWords([alert]), alertsWords([])]) expect(text).not.toMatch(/identified|confirmed|safe|positive/i);
  });
});

describe("a look through the past", () => {
  const r: Rescreen = { id: "1", substance: "analog", state: "running", error: "", total: 0, done: 0, reused: 0, hits: 0 };

  it("says how far it is", () => {
    expect(rescreenText(r)).toBe("Looking through stored scans for analog.");
    expect(rescreenText({ ...r, total: 40, done: 32 })).toBe("Looking through stored scans for analog: 32 of 40 like it compared.");
  });
  it("says why it failed", () => expect(rescreenText({ ...r, state: "failed", error: "the disk is full" })).toContain("failed: the disk is full"));
  it("says nothing more once it has ended", () => {
    expect(rescreenText({ ...r, state: "done" })).toBe("");
    expect(rescreenText({ ...r, state: "cancelled" })).toBe("");
  });
});

describe("a similar scan", () => {
  const scan: SimilarScan = { scan_id: "3", score: 0.9449, shift_cm1: 0.4, acquired: early, county: "Adams", state: "CO", verdict: "alarm", headline: "ALARM: analog", simulated: false };

  it("shows how alike, where and when", () => expect(similarText(scan)).toBe(`correlation 0.94 \u00b7 Adams, CO \u00b7 ${instant(early)}`));
  it("leaves out a place that is not known", () => expect(similarText({ ...scan, county: "", state: "" })).toBe(`correlation 0.94 \u00b7 ${instant(early)}`));
});
