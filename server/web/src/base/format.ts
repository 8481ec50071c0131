// Numbers, times and places as people read them: with units, ISO dates with zone, and no more digits than are known.
import type { Fraction, Place, Scan } from "./api";

/** A share of 0..1 in per cent: whole numbers, one digit below 10 %, and never 0 % or 100 % unless it is exactly that. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "unknown";
  const p = share * 100;
  if (p > 0 && p < 0.1) return "< 0.1 %";
  if (p < 100 && p > 99.9) return "> 99.9 %";
  if ((p > 0 && p < 10) || (p < 100 && p >= 99)) return `${p.toFixed(1).replace(/\.0$/, "")} %`;
  return `${Math.round(p)} %`;
}

/** A probability in per cent. It comes from a model, so it is never shown as certain: the ends read > 99.9 % and < 0.1 %. */
export function probability(p: number): string {
  return percent(Math.min(0.9995, Math.max(0.0005, p)));
}

/** A fraction with its 95 % interval; the digits follow the width of the interval. */
export function interval(f: Fraction): string {
  const digits = (f.high - f.low) * 100 < 2 ? 1 : 0;
  const n = (v: number) => (v * 100).toFixed(digits);
  return `${n(f.estimate)} % (95 % interval ${n(f.low)} to ${n(f.high)} %)`;
}

const pad = (n: number, width = 2) => String(n).padStart(width, "0");

/** An instant in the reader's own zone, ISO 8601 with the offset: 2026-11-03 14:05 -05:00. */
export function instant(text: string): string {
  const t = new Date(text);
  if (Number.isNaN(t.getTime())) return text;
  return `${day(t)} ${pad(t.getHours())}:${pad(t.getMinutes())} ${offset(t)}`;
}

function offset(t: Date): string {
  const minutes = -t.getTimezoneOffset();
  if (minutes === 0) return "Z";
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

/** The calendar day of an instant in the reader's zone, 2026-11-03. */
export function day(t: Date): string {
  return `${pad(t.getFullYear(), 4)}-${pad(t.getMonth() + 1)}-${pad(t.getDate())}`;
}

/** A distance with the digits it deserves: 30 m, 1.2 km, 15 km. */
export function metres(m: number): string {
  if (m < 1000) return `${Math.max(1, Math.round(m))} m`;
  const km = m / 1000;
  return km < 10 ? `${Number(km.toFixed(1))} km` : `${Math.round(km)} km`;
}

/** County and state as written by the server, "" when neither is known. */
export function region(p: { county?: string; state?: string } | null | undefined): string {
  return [p?.county, p?.state].filter(Boolean).join(", ");
}

/** A place with its precision: "Cook, Illinois · 41.88, -87.63 ± 30 m". Coordinates carry only the digits the precision supports. */
export function place(p: Place | null | undefined): string {
  if (!p) return "no place";
  if (p.latitude === undefined || p.longitude === undefined) return region(p) || "no place";
  const precision = p.precision_m ?? 0;
  const digits = precision <= 0 ? 4 : Math.max(1, Math.min(5, Math.round(Math.log10(111_000 / precision))));
  const coordinates = `${p.latitude.toFixed(digits)}, ${p.longitude.toFixed(digits)}`;
  return [region(p), precision > 0 ? `${coordinates} ± ${metres(precision)}` : `${coordinates}, precision not stated`].filter(Boolean).join(" · ");
}

export function techniqueName(technique: string): string {
  return { raman: "Raman", ir: "Infrared" }[technique] ?? technique;
}

/** Axis label as chemists write it. */
export function axisLabel(technique: string): string {
  return technique === "ir" ? "Wavenumber / cm-1" : "Raman shift / cm-1";
}

/** A count with thin groups of three: 12 345. */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** What a scan is called in a list: its file, exhibit or device, else its id. */
export function scanTitle(scan: Scan): string {
  return scan.filename || scan.exhibit || scan.device?.model || scan.id.slice(0, 8);
}

/** A size of data in words: "312 bytes", "4.1 MB". */
export function bytes(n: number): string {
  if (n < 1000) return `${n} bytes`;
  const [unit, of]: [string, number] = n < 1e6 ? ["kB", 1e3] : n < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(n / of).toFixed(1)}\u00a0${unit}`;
}
