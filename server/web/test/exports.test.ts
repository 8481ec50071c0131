import { describe, expect, it } from "vitest";
import { exportWords } from "../src/records/exports";
import { bytes } from "../src/base/format";

describe("what became of an export", () => {
  it("is said in words", () => {
    expect(exportWords({ state: "waiting", error: "", scans: 0 })).toBe("being made");
    expect(exportWords({ state: "ready", error: "", scans: 1 })).toBe("1 scan");
    expect(exportWords({ state: "ready", error: "", scans: 0 })).toBe("0 scans");
    expect(exportWords({ state: "expired", error: "", scans: 3 })).toBe("deleted after a day");
    expect(exportWords({ state: "failed", error: "narrow the filter", scans: 0 })).toBe("not made: narrow the filter");
  });
});

describe("sizes", () => {
  it("have the unit that they are told in", () => {
    expect([312, 4100, 4_100_000, 2.5e9].map(bytes)).toEqual(["312 bytes", "4.1\u00a0kB", "4.1\u00a0MB", "2.5\u00a0GB"]);
  });
});
