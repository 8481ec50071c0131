// Tables as files. Every row carries the presumptive line, because rows are copied out of files without their header.
import type { Scan } from "./api";
import { presumptive } from "../result/verdict";
import type { Series } from "../plot/plotdata";

export type Cell = string | number | boolean | null | undefined;

/** One RFC 4180 cell. Text that a spreadsheet would run as a formula is made text by a leading apostrophe. */
export function cell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as CSV with CRLF line ends. */
export function csv(header: string[], rows: Cell[][]): string {
  return [header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** The scans of a list, one row each, in the order shown. */
export function scansCSV(scans: Scan[]): string {
  const header = [
    "id", "acquired", "verdict", "headline", "summary", "substances", "probability", "technique", "simulated", "county", "state", "fips",
    "latitude", "longitude", "precision_m", "case", "exhibit", "exhibit_id", "officer", "review", "device", "serial_number", "filename", "sha256", "library", "note",
  ];
  const rows = scans.map((s) => {
    const findings = s.identification?.findings ?? [];
    return [
      s.id, s.acquired, s.verdict, s.headline, s.summary, findings.map((f) => f.substance).join("; "), findings[0]?.probability,
      s.technique, s.simulated, s.location?.county, s.location?.state, s.location?.fips, s.location?.latitude, s.location?.longitude,
      s.location?.precision_m, s.linked?.case || s.case, s.linked?.label || s.exhibit, s.linked?.exhibit_id, s.officer, s.review, s.device?.model, s.device?.serial_number, s.filename, s.sha256,
      s.identification?.library, note(s.simulated),
    ];
  });
  return csv(header, rows);
}

/** The drawn traces between low and high, one row per point, in their own units (not mirrored or shifted as drawn). */
export function tracesCSV(series: Series[], technique: string, simulated: boolean, low = -Infinity, high = Infinity): string {
  const axis = technique === "ir" ? "wavenumber_cm1" : "raman_shift_cm1";
  const rows = series.flatMap((s) =>
    s.x.flatMap((x, i) => (x >= low && x <= high ? [[s.role, s.label, s.tier, s.kind, x, s.y[i], note(simulated || s.simulated)]] : [])),
  );
  return csv(["trace", "label", "tier", "kind", axis, "value", "note"], rows);
}

function note(simulated: boolean): string {
  return simulated ? `SIMULATED. ${presumptive}` : presumptive;
}
