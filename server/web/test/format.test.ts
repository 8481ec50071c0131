import { describe, expect, it } from "vitest";
import { problemFrom } from "../src/base/api";
import { countdownText } from "../src/device/countdown";
import { axisLabel, count, instant, interval, metres, percent, place, probability } from "../src/base/format";
import { firstDay } from "../src/map/timeslider";

describe("numbers", () => {
  it("carry no more digits than they deserve", () => {
    expect([0, 0.0004, 0.034, 0.5, 0.973, 0.9952, 0.9999, 1].map(percent)).toEqual(["0 %", "< 0.1 %", "3.4 %", "50 %", "97 %", "99.5 %", "> 99.9 %", "100 %"]);
    expect(percent(NaN)).toBe("unknown");
    expect([1, 0.9999, 0.5, 0].map(probability)).toEqual(["> 99.9 %", "> 99.9 %", "50 %", "< 0.1 %"]);
    expect(interval({ estimate: 0.342, low: 0.271, high: 0.414 })).toBe("34 % (95 % interval 27 to 41 %)");
    expect(interval({ estimate: 0.0342, low: 0.03, high: 0.039 })).toBe("3.4 % (95 % interval 3.0 to 3.9 %)");
    expect(count(12345)).toBe("12\u202f345");
    expect([12.3, 1234, 15300].map(metres)).toEqual(["12 m", "1.2 km", "15 km"]);
  });

  it("show a place only as precisely as it is known", () => {
    expect(place({ latitude: 41.87654321, longitude: -87.63456789, precision_m: 30, county: "Cook", state: "Illinois" })).toBe("Cook, Illinois · 41.8765, -87.6346 ± 30 m");
    expect(place({ latitude: 41.87654321, longitude: -87.63456789, precision_m: 15000 })).toBe("41.9, -87.6 ± 15 km");
    expect(place({ latitude: 1, longitude: 2 })).toContain("precision not stated");
    expect(place({ county: "Clark", state: "IN" })).toBe("Clark, IN");
    expect(place(null)).toBe("no place");
  });

  it("show times in ISO form with their zone", () => {
    expect(instant("2026-11-03T14:05:00Z")).toMatch(/^2026-11-0[234] \d\d:\d\d (Z|[+-]\d\d:\d\d)$/);
    expect(instant("not a time")).toBe("not a time");
  });
});

describe("the countdown", () => {
  it("counts down, then says how late it is", () => {
    expect(countdownText(0, 4)).toBe("Scanning: 4 s left");
    expect(countdownText(3.2, 4)).toBe("Scanning: 1 s left");
    expect(countdownText(6.5, 4)).toBe("Scanning: 2 s longer than expected");
    expect(countdownText(3.4, 0)).toBe("Scanning: 3 s so far");
  });
});

describe("axes, spans and errors", () => {
  it("label the axis by technique", () => expect(["raman", "ir"].map(axisLabel)).toEqual(["Raman shift / cm-1", "Wavenumber / cm-1"]));

  it("start the window inside the days there are", () => {
    expect(firstDay({ last: 10, days: 7 })).toBe(4);
    expect(firstDay({ last: 2, days: 7 })).toBe(0);
    expect(firstDay({ last: 10, days: 0 })).toBe(0);
  });

  it("read problem+json, and anything else, into words", async () => {
    const problem = await problemFrom(new Response(JSON.stringify({ title: "Unprocessable", detail: "x.csv: line 3", errors: [{ location: "body.q", message: "expected number" }] }), { status: 422 }));
    expect([problem.status, problem.title, problem.detail]).toEqual([422, "Unprocessable", "x.csv: line 3; body.q: expected number"]);
    const plain = await problemFrom(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
    expect([plain.title, plain.detail]).toEqual(["Bad Gateway", ""]);
  });
});
