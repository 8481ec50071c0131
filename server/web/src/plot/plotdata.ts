// From an overlay to what is drawn: no drawing here.
import type { Overlay, Trace } from "../base/api";

/** One trace with its place on the plot: drawn at offset + gain * y. */
export interface Series {
  role: "scan" | "reference" | "difference";
  label: string;
  tier: string;
  kind: "spectrum" | "peaks";
  simulated: boolean;
  x: number[]; // ascending, cm-1
  y: number[];
  gain: number;
  offset: number;
}

/** Lanes of the plot in its y units: scan 0..1, references 0..-1, difference below. */
export const lanes = { top: 1.2, mirrorBottom: -1, differenceZero: -1.5, differenceGain: 0.42, bottom: -1.98 };

/** The scan, then the references mirrored below, then the difference. Points that are not finite are dropped. */
export function prepare(overlay: Overlay): Series[] {
  const series = [place(overlay.scan, "scan", 1, 0)];
  for (const reference of overlay.references ?? []) series.push(place(reference, "reference", -1, 0));
  if (overlay.difference) {
    const difference = place(overlay.difference, "difference", 1, lanes.differenceZero);
    const reach = difference.y.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
    difference.gain = lanes.differenceGain / reach;
    series.push(difference);
  }
  return series.filter((s) => s.x.length > 0);
}

function place(trace: Trace, role: Series["role"], gain: number, offset: number): Series {
  const order: number[] = [];
  for (let i = 0; i < Math.min(trace.x.length, trace.y.length); i++) if (Number.isFinite(trace.x[i]) && Number.isFinite(trace.y[i])) order.push(i);
  order.sort((a, b) => trace.x[a]! - trace.x[b]!);
  return {
    role, gain, offset, kind: trace.kind, label: trace.label, tier: trace.tier ?? "", simulated: Boolean(trace.simulated),
    x: order.map((i) => trace.x[i]!), y: order.map((i) => trace.y[i]!),
  };
}

/** The series on one common axis, as the plot wants them: [x, ...values], null where a series has no point. */
export function align(series: Series[]): [number[], ...(number | null)[][]] {
  const xs = [...new Set(series.flatMap((s) => s.x))].sort((a, b) => a - b);
  const index = new Map(xs.map((x, i) => [x, i]));
  const columns = series.map((s) => {
    const column = new Array<number | null>(xs.length).fill(null);
    s.x.forEach((x, i) => (column[index.get(x)!] = s.offset + s.gain * s.y[i]!));
    return column;
  });
  return [xs, ...columns];
}

export interface Line {
  x: number;
  y: number;
}

/**
 * The n strongest lines of a trace by prominence (height over the higher of the two valleys beside it), strongest first.
 * Lines within 10 cm-1 of a stronger one belong to it; what stands out by less than 3 % of the trace is noise. For a peak
 * table they are its highest entries.
 */
export function strongestLines(s: Pick<Series, "x" | "y" | "kind">, n: number): Line[] {
  const lines: (Line & { prominence: number })[] = [];
  let [low, high] = [s.kind === "peaks" ? 0 : Infinity, -Infinity];
  for (const y of s.y) [low, high] = [Math.min(low, y), Math.max(high, y)];
  s.x.forEach((x, i) => {
    const y = s.y[i]!;
    if (s.kind === "peaks") lines.push({ x, y, prominence: y });
    else if (y > (s.y[i - 1] ?? Infinity) && y >= (s.y[i + 1] ?? Infinity)) lines.push({ x, y, prominence: y - valley(s.y, i) });
  });
  lines.sort((a, b) => b.prominence - a.prominence);
  const kept: Line[] = [];
  for (const line of lines) {
    if (kept.length === n) break;
    if (line.prominence > 0.03 * (high - low) && kept.every((k) => Math.abs(k.x - line.x) >= 10)) kept.push({ x: line.x, y: line.y });
  }
  return kept;
}

/** The higher of the two lowest points between a line and the next higher points left and right. */
function valley(y: number[], top: number): number {
  const side = (step: number) => {
    let low = y[top]!;
    for (let i = top + step; i >= 0 && i < y.length && y[i]! <= y[top]!; i += step) low = Math.min(low, y[i]!);
    return low;
  };
  return Math.max(side(-1), side(1));
}

/** What the plot shows, in words, for people who cannot see it. */
export function describe(series: Series[]): string {
  const scan = series.find((s) => s.role === "scan");
  if (!scan) return "The scan holds no points to draw.";
  const lines = strongestLines(scan, 3).map((l) => Math.round(l.x));
  const references = series.filter((s) => s.role === "reference");
  const low = Math.round(scan.x[0]!);
  const high = Math.round(scan.x.at(-1)!);
  const strongest = lines.length ? `Strongest lines at ${lines.join(", ")} cm-1.` : "No line stands out.";
  const mirrored = references.length
    ? `References mirrored below: ${references.map((r) => `${r.label}${r.kind === "peaks" ? " (peak table)" : ""}`).join("; ")}.`
    : "No reference to compare with.";
  return `Scan from ${low} to ${high} cm-1. ${strongest} ${mirrored}`;
}

/** The band between two positions, in either order, at least so wide. */
export function span(a: number, b: number, least: number): { left: number; width: number } {
  const width = Math.max(Math.abs(b - a), least);
  return { left: (a + b) / 2 - width / 2, width };
}
