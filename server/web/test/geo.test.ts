import { describe, expect, it } from "vitest";
import { CountyFinder, around, byCounty, byDay, circle, contains, labelPoint, scansClass, shareClass, wilson, type Area, type PointFeature } from "../src/map/geo";

const square = (id: string, name: string, x: number, hole = false): Area => ({
  type: "Feature", id, properties: { name },
  geometry: { type: "Polygon", coordinates: [[[x, 0], [x + 10, 0], [x + 10, 10], [x, 10], [x, 0]], ...(hole ? [[[x + 4, 4], [x + 6, 4], [x + 6, 6], [x + 4, 6], [x + 4, 4]]] : [])] },
});
const finder = new CountyFinder({ type: "FeatureCollection", features: [square("01001", "Left", 0, true), square("02001", "Right", 20)] }, new Map([["01", "First"], ["02", "Second"]]));
const point = (lon: number, verdict: "alarm" | "no_alarm", acquired: string, substances: string[] = [], fips?: string): PointFeature => ({
  type: "Feature", geometry: { type: "Point", coordinates: [lon, 2] },
  properties: { scan_id: acquired, verdict, headline: "", summary: "", substances, classes: [], probability: 1, acquired, fips, simulated: true },
});

describe("finding a county", () => {
  it("by its outline, holes left out", () => {
    expect(finder.find([1, 1])).toEqual({ fips: "01001", county: "Left", state: "First" });
    expect(finder.find([5, 5])).toBeNull();
    expect(finder.find([15, 5])).toBeNull();
    expect(contains(square("x", "x", 0), [5, 5])).toBe(true);
  });
  it("by its code or its name", () => {
    expect(finder.name("02001")?.county).toBe("Right");
    expect(finder.named("right county", "Second")?.fips).toBe("02001");
    expect(finder.named("Right", "First")).toBeNull();
  });
  it("labels it at its centre", () => expect(labelPoint(square("x", "x", 20))).toEqual([25, 5]));
});

describe("counting", () => {
  const points = [point(1, "alarm", "2026-11-01T12:00:00Z", ["heroin"]), point(2, "no_alarm", "2026-11-03T12:00:00Z"), point(22, "alarm", "2026-11-03T13:00:00Z", ["cocaine"]), point(1, "no_alarm", "2026-11-02T12:00:00Z", [], "02001"), point(15, "alarm", "2026-11-02T12:00:00Z")];

  it("adds scans and hits per county; a stated code counts before the outline", () => {
    const counts = byCounty(points, finder).map((c) => [c.fips, c.hits, c.scans]);
    expect(counts).toContainEqual(["01001", 1, 2]);
    expect(counts).toContainEqual(["02001", 1, 2]);
    expect(counts).toContainEqual(["", 1, 1]);
  });
  it("keeps the denominator when one substance is asked for", () => {
    expect(byCounty(points, finder, "heroin").map((c) => [c.fips, c.hits, c.scans])).toEqual([["01001", 1, 2], ["02001", 0, 2], ["", 0, 1]]);
  });
  it("lists a county's newest scan first", () => expect(byCounty(points, finder)[0]!.points[0]!.properties.acquired).toBe("2026-11-03T12:00:00Z"));
  it("has every day between the first and the last", () => {
    expect(byDay([points[0]!, points[1]!]).map((d) => d.scans)).toEqual([1, 0, 1]);
    expect(byDay([])).toEqual([]);
  });
});

describe("shares", () => {
  it("have the Wilson interval", () => {
    const [low, high] = wilson(3, 10); // Wilson 1927: 0.108 to 0.603
    expect(low).toBeCloseTo(0.1078, 3);
    expect(high).toBeCloseTo(0.6032, 3);
    expect(wilson(0, 5)[0]).toBe(0);
    expect(wilson(5, 5)[1]).toBe(1);
    expect(wilson(0, 0)).toEqual([0, 1]);
  });
  it("are not coloured for fewer than five scans", () => {
    expect(shareClass(4, 4)).toBe(-1);
    expect([0, 1, 4, 9, 20].map((k) => shareClass(k, 20))).toEqual([0, 1, 2, 3, 4]);
    expect([1, 5, 20, 50, 200].map(scansClass)).toEqual([0, 1, 2, 3, 4]);
  });
});

it("shows all points with room around them", () => {
  expect(around([])).toBeNull();
  expect(around([point(10, "alarm", "2026-11-01T12:00:00Z")])).toEqual([[7, 0], [13, 4]]);
  expect(around([point(0, "alarm", "2026-11-01T12:00:00Z"), point(100, "alarm", "2026-11-01T12:00:00Z")])).toEqual([[-8, 0], [108, 4]]);
});

it("draws a closed circle of the stated radius", () => {
  const ring = circle([-87, 42], 1000).geometry.coordinates[0]!;
  expect(ring).toHaveLength(65);
  expect((ring[16]![1]! - 42) * 111_320).toBeCloseTo(1000, 0);
  expect((ring[0]![0]! + 87) * 111_320 * Math.cos((42 * Math.PI) / 180)).toBeCloseTo(1000, 0);
});
