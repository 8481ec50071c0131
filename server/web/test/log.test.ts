import { describe, expect, it } from "vitest";
import { detailWords } from "../src/pages/log";

describe("the detail of an entry", () => {
  it("cuts hashes short and keeps the rest", () => {
    expect(detailWords({ file: "0123456789abcdef".repeat(4), index: 0, parameters: { q: "C-7" } })).toBe("file: 0123456789ab…, index: 0, parameters: q: C-7");
  });
  it("is empty where there is none", () => expect(detailWords(null)).toBe(""));
});
