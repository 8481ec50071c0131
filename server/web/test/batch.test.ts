import { describe, expect, it } from "vitest";
import type { BatchFile } from "../src/base/api";
import { readView, shown, timeLeft, writeView } from "../src/batch/batchrows";

const file = (number: number, name: string, more: Partial<BatchFile> = {}): BatchFile =>
  ({ number, name, sha256: "", state: "done", error: "", scans: 1, scan_id: "x", verdict: "no_alarm", headline: "NOTHING CONTROLLED SEEN", simulated: false, ...more });
const files = [file(1, "b.jdx", { verdict: "alarm", headline: "ALARM: fentanyl" }), file(2, "A.jdx"), file(3, "c.csv", { state: "failed", error: "it is empty", verdict: "", headline: "" })];
const all = readView(new URLSearchParams());
const numbers = (v: typeof all) => shown(files, v).map((f) => f.number);

describe("the table of a batch", () => {
  it("has the order of coming at first", () => expect(numbers(all)).toEqual([1, 2, 3]));
  it("sorts names without regard to case, both ways", () => {
    expect(numbers({ ...all, sort: "name" })).toEqual([2, 1, 3]);
    expect(numbers({ ...all, sort: "name", descending: true })).toEqual([3, 1, 2]);
  });
  it("filters", () => {
    expect(numbers({ ...all, verdict: "alarm" })).toEqual([1]);
    expect(numbers({ ...all, state: "failed" })).toEqual([3]);
    expect(numbers({ ...all, q: "EMPTY" })).toEqual([3]);
    expect(numbers({ ...all, q: "Fentanyl" })).toEqual([1]);
  });
  it("survives in the address", () => {
    const v = { state: "done", verdict: "alarm", q: "a b", sort: "headline" as const, descending: true };
    expect(readView(writeView(v))).toEqual(v);
    expect(writeView(all).toString()).toBe("");
    expect(readView(new URLSearchParams("sort=colour")).sort).toBe("number");
  });
  it("says how long it takes only when that is known", () => {
    expect(timeLeft({ waiting: 0, seconds_to_go: null })).toBe("");
    expect(timeLeft({ waiting: 3, seconds_to_go: null })).toContain("not known");
    expect(timeLeft({ waiting: 3, seconds_to_go: 30 })).toContain("30 s");
    expect(timeLeft({ waiting: 3, seconds_to_go: 7200 })).toContain("2 h");
  });
});
