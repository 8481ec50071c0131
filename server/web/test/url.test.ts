import { describe, expect, it } from "vitest";
import { apiQuery, isDay, nextPath, readFilters, writeFilters } from "../src/base/url";

describe("filters in the address", () => {
  it("survive the way out and back", () => {
    const filters = { verdict: "alarm", technique: "ir", substance: "α-Methylfentanyl & co", county: "St. Louis", from: "2026-02-01", to: "2026-02-28", q: "a=b" };
    expect(readFilters(new URLSearchParams(writeFilters(filters).toString()))).toEqual(filters);
  });

  it("leave out what means nothing", () => {
    expect(readFilters(new URLSearchParams("verdict=maybe&technique=nmr&from=2026-02-30&to=yesterday&county=%20&other=1"))).toEqual({});
  });

  it("have one address for one view", () => {
    expect(writeFilters({ q: "x", verdict: "alarm" }).toString()).toBe(writeFilters({ verdict: "alarm", q: "x" }).toString());
  });

  it("ask the server for whole days, the last included", () => {
    const query = apiQuery({ from: "2026-02-27", to: "2026-02-28" }, { limit: "50", cursor: "" });
    const length = new Date(query.get("to")!).getTime() - new Date(query.get("from")!).getTime();
    expect(length).toBe(2 * 24 * 3600 * 1000 - 1);
    expect(query.get("limit")).toBe("50");
    expect(query.has("cursor")).toBe(false);
  });

  it("know the calendar", () => {
    expect(isDay("2024-02-29")).toBe(true);
    expect(isDay("2026-02-29")).toBe(false);
    expect(isDay("2026-2-9")).toBe(false);
  });
});

describe("where log-in leads", () => {
  it("goes to a path of this server", () => expect(nextPath("?next=" + encodeURIComponent("/scans?verdict=alarm"))).toBe("/scans?verdict=alarm"));

  it.each(["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/\t/elsewhere.example", "javascript:alert(1)", "/login?next=/", ""])("does not go to %j", (next) => {
    expect(nextPath("?next=" + encodeURIComponent(next))).toBe("/");
  });
});
