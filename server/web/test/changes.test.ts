import { describe, expect, it } from "vitest";
import type { LaboratoryResult, LibrarySnapshot } from "../src/base/api";
import { numbers } from "../src/library/changes";
import { resultText } from "../src/result/laboratory";

const before: LibrarySnapshot = { version: "a", substances: 10, references: 3, references_by_tier: { measured: 1, published: 2 }, controlled_measured: ["cocaine"] };

describe("what changed in a library", () => {
  it("is told in numbers before and now", () => {
    expect(numbers(before, { ...before, references_by_tier: { measured: 2, published: 2, simulated: 1 }, substances: 11 })).toEqual([
      "measured references: 1 before, 2 now", "SIMULATED references: 0 before, 1 now", "substances: 10 before, 11 now"]);
  });
  it("names controlled substances that gained or lost their measured reference", () => {
    expect(numbers(before, { ...before, controlled_measured: ["fentanyl"] })).toEqual([
      "controlled, and now with a measured reference: fentanyl", "controlled, and no longer with a measured reference: cocaine"]);
  });
  it("says so when only the content is another", () => expect(numbers(before, { ...before, version: "b", controlled_measured: null, references_by_tier: before.references_by_tier })).toHaveLength(1));
  it("says so when the numbers are the same", () => expect(numbers(before, { ...before, version: "b" })).toEqual(["the same numbers with other content"]));
});

describe("a laboratory result in one line", () => {
  const result: LaboratoryResult = { id: "1", scan_id: "2", result: "corrected", substances: [{ name: "fentanyl", form: "hydrochloride", substance_id: "fentanyl" }, { name: "novelanyl", substance_id: "" }],
    pure: false, technique: "GC-MS", laboratory: "State Laboratory", note: "", entered_by: "ada", entered: "2026-11-01T12:00:00Z", current: true, proposal: "", not_proposed: "" };
  it("says how, where and what", () => expect(resultText(result)).toBe("corrected by GC-MS, State Laboratory: fentanyl (hydrochloride), novelanyl (in no library)"));
  it("says that a sample is pure", () => expect(resultText({ ...result, pure: true, substances: [{ name: "caffeine", substance_id: "caffeine" }] })).toContain(": pure caffeine"));
  it("says so when nothing was found", () => expect(resultText({ ...result, result: "refuted", substances: [] })).toContain("nothing of the answer found"));
});
