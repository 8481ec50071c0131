// Geography without a network: which county a point lies in, and what the scans of a county add up to.
import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from "geojson";
import type { PointCollection } from "../base/api";
import { day } from "../base/format";

export type Area = Feature<Polygon | MultiPolygon, { name: string }>;
export type PointFeature = PointCollection["features"][number];

/** Whether [lon, lat] lies inside the area (even-odd rule, holes respected). */
export function contains(area: Area, [x, y]: [number, number]): boolean {
  return polygons(area).some((rings) => rings.reduce((inside, ring) => (crosses(ring, x, y) ? !inside : inside), false));
}

function polygons(area: Area): Position[][][] {
  return area.geometry.type === "Polygon" ? [area.geometry.coordinates] : area.geometry.coordinates;
}

function crosses(ring: Position[], x: number, y: number): boolean {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi = 0, yi = 0] = ring[i]!;
    const [xj = 0, yj = 0] = ring[j]!;
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}

/** Finds counties quickly by comparing bounding boxes first. */
export class CountyFinder {
  private readonly boxes: { area: Area; box: [number, number, number, number] }[];
  private readonly byId: Map<string, Area>;
  private readonly byName: Map<string, string>;
  constructor(
    counties: FeatureCollection<Polygon | MultiPolygon, { name: string }>,
    private readonly states: ReadonlyMap<string, string>,
  ) {
    this.boxes = counties.features.map((area) => ({ area, box: bounds(area) }));
    this.byId = new Map(counties.features.map((area) => [String(area.id), area]));
    this.byName = new Map(counties.features.map((area) => [`${area.properties.name}, ${states.get(String(area.id).slice(0, 2))}`.toLowerCase(), String(area.id)]));
  }

  find(point: [number, number]): { fips: string; county: string; state: string } | null {
    const [x, y] = point;
    const hit = this.boxes.find(({ area, box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3] && contains(area, point));
    return hit ? this.name(String(hit.area.id)) : null;
  }

  /** County and state of a five-digit FIPS code, null when there is no such county. */
  name(fips: string): { fips: string; county: string; state: string } | null {
    const area = this.byId.get(fips);
    return area ? { fips, county: area.properties.name, state: this.states.get(fips.slice(0, 2)) ?? "" } : null;
  }

  /** The county of that name in that state (postal code), null when there is none. */
  named(county: string, state: string): { fips: string; county: string; state: string } | null {
    const fips = this.byName.get(`${county.replace(/ (county|parish|borough)$/i, "")}, ${state}`.toLowerCase());
    return fips ? this.name(fips) : null;
  }

  area(fips: string): Area | undefined {
    return this.byId.get(fips);
  }
}

export function bounds(area: Area): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of polygons(area).flat()) {
    for (const [x = 0, y = 0] of ring) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return box;
}

/** A point inside the largest part of an area, good enough to write its name at: the vertex mean of the longest ring. */
export function labelPoint(area: Area): [number, number] {
  const ring = polygons(area).map((p) => p[0]!).reduce((a, b) => (extent(b) > extent(a) ? b : a));
  // The area-weighted centroid (shoelace formula).
  let [sum, cx, cy] = [0, 0, 0];
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi = 0, yi = 0] = ring[i]!;
    const [xj = 0, yj = 0] = ring[j]!;
    const cross = xj * yi - xi * yj;
    sum += cross;
    cx += (xj + xi) * cross;
    cy += (yj + yi) * cross;
  }
  return sum === 0 ? (ring[0] as [number, number]) : [cx / (3 * sum), cy / (3 * sum)];
}

function extent(ring: Position[]): number {
  let sum = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) sum += ring[j]![0]! * ring[i]![1]! - ring[i]![0]! * ring[j]![1]!;
  return Math.abs(sum);
}

/** The box around all points with some room, at least six degrees wide; null without points. */
export function around(points: PointFeature[]): [[number, number], [number, number]] | null {
  if (points.length === 0) return null;
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { geometry } of points) {
    const [x, y] = geometry.coordinates;
    [west, south, east, north] = [Math.min(west, x), Math.min(south, y), Math.max(east, x), Math.max(north, y)];
  }
  const dx = Math.max(0.08 * (east - west), (6 - (east - west)) / 2);
  const dy = Math.max(0.08 * (north - south), (4 - (north - south)) / 2);
  return [[west - dx, Math.max(-85, south - dy)], [east + dx, Math.min(85, north + dy)]];
}

/** A circle of radius metres around [lon, lat], as a polygon of 64 corners. */
export function circle([lon, lat]: [number, number], radius: number): Feature<Polygon> {
  const ring: Position[] = [];
  for (let i = 0; i <= 64; i++) {
    const a = (i / 64) * 2 * Math.PI;
    const dy = (radius / 111_320) * Math.sin(a);
    const dx = ((radius / 111_320) * Math.cos(a)) / Math.max(0.01, Math.cos((lat * Math.PI) / 180));
    ring.push([lon + dx, lat + dy]);
  }
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}

/** The 95 % Wilson score interval of k out of n (Wilson 1927), 0..1. */
export function wilson(k: number, n: number): [number, number] {
  if (n === 0) return [0, 1];
  const z = 1.959964;
  const p = k / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return [k === 0 ? 0 : Math.max(0, middle - half), k === n ? 1 : Math.min(1, middle + half)];
}

export interface CountyCount {
  fips: string;
  county: string;
  state: string;
  scans: number;
  hits: number;
  points: PointFeature[]; // newest first
}

/** Whether a scan counts as a hit: an alarm, naming the substance when one is asked for. */
export function isHit(point: PointFeature, substance = ""): boolean {
  return point.properties.verdict === "alarm" && (substance === "" || (point.properties.substances ?? []).includes(substance));
}

/** Scans and hits per county, most hits first. Points outside every county are gathered under the empty code. */
export function byCounty(points: PointFeature[], finder: CountyFinder, substance = ""): CountyCount[] {
  const counties = new Map<string, CountyCount>();
  for (const point of points) {
    const stated = point.properties.fips ? finder.name(point.properties.fips) : null;
    const home = stated ?? finder.find(point.geometry.coordinates) ?? { fips: "", county: "Outside the map's counties", state: "" };
    let entry = counties.get(home.fips);
    if (!entry) {
      entry = { ...home, scans: 0, hits: 0, points: [] };
      counties.set(home.fips, entry);
    }
    entry.scans++;
    if (isHit(point, substance)) entry.hits++;
    entry.points.push(point);
  }
  const list = [...counties.values()];
  for (const entry of list) entry.points.sort((a, b) => b.properties.acquired.localeCompare(a.properties.acquired));
  return list.sort((a, b) => b.hits - a.hits || b.scans - a.scans || a.county.localeCompare(b.county));
}

/** Fewer scans than this say too little about a share; the map hatches such counties. */
export const fewScans = 5;

/** The class of a county on the map: -1 for too few scans, else the share of hits in steps 0 to 4. */
export function shareClass(hits: number, scans: number): -1 | 0 | 1 | 2 | 3 | 4 {
  if (scans < fewScans) return -1;
  const share = hits / scans;
  if (share === 0) return 0;
  return share < 0.1 ? 1 : share < 0.25 ? 2 : share < 0.5 ? 3 : 4;
}

/** The class of a county by number of scans, 0 to 4. */
export function scansClass(scans: number): 0 | 1 | 2 | 3 | 4 {
  return scans < 5 ? 0 : scans < 20 ? 1 : scans < 50 ? 2 : scans < 200 ? 3 : 4;
}

export interface DayCount {
  day: string; // YYYY-MM-DD in the reader's zone
  scans: number;
  hits: number;
}

/** Scans and hits of every day from the first to the last, days without a scan included; at most ten years. */
export function byDay(points: PointFeature[], substance = ""): DayCount[] {
  const counts = new Map<string, DayCount>();
  for (const point of points) {
    const name = day(new Date(point.properties.acquired));
    const entry = counts.get(name) ?? { day: name, scans: 0, hits: 0 };
    entry.scans++;
    if (isHit(point, substance)) entry.hits++;
    counts.set(name, entry);
  }
  const names = [...counts.keys()].sort();
  if (names.length === 0) return [];
  const days: DayCount[] = [];
  const [y = 0, m = 1, d = 1] = names[0]!.split("-").map(Number);
  for (let i = 0; i < 3660; i++) {
    const name = day(new Date(y, m - 1, d + i, 12));
    days.push(counts.get(name) ?? { day: name, scans: 0, hits: 0 });
    if (name >= names.at(-1)!) break;
  }
  return days;
}
