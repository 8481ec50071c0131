import { describe, expect, it } from "vitest";
import type { Scan } from "../src/base/api";
import { cell, csv, scansCSV, tracesCSV } from "../src/base/csv";
import { prepare } from "../src/plot/plotdata";

const scan = {
  id: "1", sha256: "ab", spectrum_index: 0, filename: '=HYPERLINK("x")', created: "2026-11-01T10:00:00Z", acquired: "2026-11-01T10:00:00Z", technique: "raman", simulated: true, device: null,
  location: { latitude: 41.5, longitude: -87.25, county: "Cook", state: "Illinois", fips: "17031" }, verdict: "alarm", headline: "ALARM: heroin", summary: "One, two.",
  identification: { findings: [{ substance: "heroin", probability: 0.9 }, { substance: "caffeine", probability: 0.8 }], library: "L" },
} as unknown as Scan;

describe("CSV", () => {
  it("quotes what has to be quoted", () => {
    expect(cell('a "b", c')).toBe('"a ""b"", c"');
    expect(cell("two\nlines")).toBe('"two\nlines"');
    expect(cell(null)).toBe("");
    expect(cell(-1.5)).toBe("-1.5");
  });

  it.each(["=1+1", "+1", "-1", "@x", "\tx"])("keeps a spreadsheet from running %j", (text) => expect(cell(text).replace(/^"/, "")).toMatch(/^'/));

  it("ends every row with CRLF", () => expect(csv(["a"], [["b"]])).toBe("a\r\nb\r\n"));

  it("gives every scan one row that says it is presumptive and simulated", () => {
    const [header = "", row = "", rest] = scansCSV([scan]).split("\r\n");
    expect(rest).toBe("");
    expect(header.split(",").length).toBe(26);
    expect(row).toContain("heroin; caffeine,0.9,raman,true,Cook,Illinois,17031,41.5,-87.25");
    expect(row).toContain(`"'=HYPERLINK(""x"")"`);
    expect(row).toContain("SIMULATED. Presumptive field result. Laboratory confirmation required.");
  });

  it("writes the shown range of the traces in their own units", () => {
    const series = prepare({ scan: { label: "scan", kind: "spectrum", x: [1, 2, 3], y: [0.1, 0.2, 0.3] }, references: [{ label: "A", kind: "peaks", tier: "published", x: [2.5], y: [1] }], presumptive: "" });
    const lines = tracesCSV(series, "ir", false, 2, 3).trim().split("\r\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe("trace,label,tier,kind,wavenumber_cm1,value,note");
    expect(lines[3]).toMatch(/^reference,A,published,peaks,2.5,1,Presumptive/);
  });
});
