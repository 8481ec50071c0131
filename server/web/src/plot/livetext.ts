// A live frame in words: no drawing here.
import type { LiveFrame } from "../base/api";
import { strongestLines } from "./plotdata";

const stages: Record<string, string> = { preview: "Preview", exposure: "Looking for the exposure", sample: "Sample", dark: "Dark" };

/** The figures under the plot, renewed with every frame. */
export function liveText(f: LiveFrame): string {
  const count = f.frames ? `frame ${f.frame} of ${f.frames}` : `frame ${f.frame}`;
  const parts = [`${stages[f.stage] ?? f.stage}, ${count}`, milliseconds(f.integration_ms), `highest pixel at ${Math.round(f.peak * 100)} % of full scale`];
  if (f.saturated_points > 0) parts.push(`${f.saturated_points} points at full scale`);
  if (f.snr) parts.push(`signal to noise ${Math.round(f.snr)}`);
  if (f.rate) parts.push(`${f.rate.toFixed(1)} frames a second`);
  return parts.join(" · ");
}

/** What the plot shows, for people who cannot see it. */
export function liveSummary(f: LiveFrame): string {
  const lines = strongestLines({ x: f.x, y: f.y, kind: "spectrum" }, 3).map((l) => Math.round(l.x));
  const strongest = lines.length ? `Strongest lines at ${lines.join(", ")} cm-1.` : "No line stands out.";
  const full = f.saturated_points > 0 ? `The detector is at full scale at ${f.saturated_points} points: ${ranges(f)}.` : `Highest pixel at ${Math.round(f.peak * 100)} percent of full scale.`;
  return `${f.simulated ? "SIMULATED. " : ""}${stages[f.stage] ?? f.stage}. ${full} ${strongest}`;
}

function ranges(f: LiveFrame): string {
  const all = f.saturated_ranges ?? [];
  const named = all.slice(0, 3).map((r) => (r.low === r.high ? `${Math.round(r.low)}` : `${Math.round(r.low)} to ${Math.round(r.high)}`));
  return `${named.join(", ")} cm-1${all.length > 3 ? ` and ${all.length - 3} more` : ""}`;
}

function milliseconds(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toPrecision(3)} s` : `${Number(ms.toPrecision(3))} ms`;
}
