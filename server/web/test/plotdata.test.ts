import { describe as suite, expect, it } from "vitest";
import type { Overlay } from "../src/base/api";
import { align, describe, lanes, prepare, strongestLines } from "../src/plot/plotdata";

const overlay: Overlay = {
  scan: { label: "scan", kind: "spectrum", x: [400, 300, 200, 100], y: [0.1, 1, 0.2, 0] },
  references: [
    { label: "A", kind: "spectrum", tier: "measured", x: [100, 200, 300], y: [0, 0.3, 1] },
    { label: "B", kind: "peaks", tier: "published", x: [305, 250], y: [1, 0.4] },
  ],
  difference: { label: "rest", kind: "spectrum", x: [100, 200], y: [2, -4] },
  presumptive: "",
};

suite("preparing the overlay", () => {
  it("puts the scan above, references mirrored below and the difference in its own lane", () => {
    const series = prepare(overlay);
    expect(series.map((s) => [s.role, s.gain])).toEqual([["scan", 1], ["reference", -1], ["reference", -1], ["difference", lanes.differenceGain / 4]]);
    expect(series[3]!.offset).toBe(lanes.differenceZero);
  });

  it("sorts descending axes", () => {
    const scan = prepare(overlay)[0]!;
    expect(scan.x).toEqual([100, 200, 300, 400]);
    expect(scan.y).toEqual([0, 0.2, 1, 0.1]);
  });

  it("drops points that are not finite and traces that hold none", () => {
    const series = prepare({ ...overlay, scan: { ...overlay.scan, y: [NaN, 1, Infinity, 0] }, references: [{ label: "empty", kind: "peaks", x: [], y: [] }], difference: null });
    expect(series).toHaveLength(1);
    expect(series[0]!.x).toEqual([100, 300]);
  });

  it("keeps the difference inside its lane however large it is", () => {
    const [, ...columns] = align(prepare(overlay));
    const values = columns[3]!.filter((v) => v !== null);
    expect(Math.max(...values)).toBeLessThan(lanes.mirrorBottom);
    expect(Math.min(...values)).toBeGreaterThan(lanes.bottom);
  });

  it("aligns on the union of the axes with gaps where a trace has no point", () => {
    const [x, scan, a, b] = align(prepare(overlay));
    expect(x).toEqual([100, 200, 250, 300, 305, 400]);
    expect(scan).toEqual([0, 0.2, null, 1, null, 0.1]);
    expect(a).toEqual([0, -0.3, null, -1, null, null]);
    expect(b).toEqual([null, null, -0.4, null, -1, null]);
  });
});

suite("the strongest lines", () => {
  const gauss = (centre: number, height: number) => (x: number) => height * Math.exp(-((x - centre) ** 2) / 50);
  const x = Array.from({ length: 900 }, (_, i) => 200 + 2 * i);
  const parts = [gauss(1002, 1), gauss(1031, 0.5), gauss(1602, 0.6), gauss(620, 0.2)];

  it("finds them in order of strength", () => {
    const y = x.map((v) => parts.reduce((sum, f) => sum + f(v), 0));
    expect(strongestLines({ kind: "spectrum", x, y }, 3).map((l) => l.x)).toEqual([1002, 1602, 1030]);
  });

  it("is not misled by a sloping background", () => {
    const y = x.map((v) => parts.reduce((sum, f) => sum + f(v), 0) + (2000 - v) / 400);
    expect(strongestLines({ kind: "spectrum", x, y }, 2).map((l) => Math.round(l.x / 10))).toEqual([100, 160]);
  });

  it("takes a peak table as it stands", () => {
    expect(strongestLines({ kind: "peaks", x: [10, 500, 900], y: [1, 0.2, 0.7] }, 2).map((l) => l.x)).toEqual([10, 900]);
  });

  it("passes over noise", () => {
    const y = x.map((v, i) => parts.reduce((sum, f) => sum + f(v), 0) + 0.005 * (i % 2));
    expect(strongestLines({ kind: "spectrum", x, y }, 20)).toHaveLength(4);
  });

  it("finds none in a flat or empty trace", () => {
    expect(strongestLines({ kind: "spectrum", x: [1, 2, 3], y: [5, 5, 5] }, 3)).toEqual([]);
    expect(strongestLines({ kind: "spectrum", x: [], y: [] }, 3)).toEqual([]);
  });

  it("are said in words together with the references", () => {
    const y = x.map((v) => parts.reduce((sum, f) => sum + f(v), 0));
    const text = describe(prepare({ ...overlay, scan: { label: "scan", kind: "spectrum", x, y } }));
    expect(text).toContain("Strongest lines at 1002, 1602, 1030 cm-1");
    expect(text).toContain("B (peak table)");
  });
});
