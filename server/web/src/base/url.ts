// The address bar holds the view: filters and map state to and from query parameters.
import { verdicts } from "../result/verdict";

export const filterNames = ["verdict", "technique", "substance", "class", "county", "state", "from", "to", "q", "reviewed"] as const;
export type FilterName = (typeof filterNames)[number];
export type Filters = Partial<Record<FilterName, string>>;

/** Reads the filters of a query string; empty and meaningless values are left out. */
export function readFilters(query: URLSearchParams): Filters {
  const filters: Filters = {};
  for (const name of filterNames) {
    const value = query.get(name)?.trim();
    if (!value) continue;
    if (name === "verdict" && !(verdicts as readonly string[]).includes(value)) continue;
    if (name === "technique" && value !== "raman" && value !== "ir") continue;
    if (name === "reviewed" && !["yes", "no", "disagreed", "needs_laboratory"].includes(value)) continue;
    if ((name === "from" || name === "to") && !isDay(value)) continue;
    filters[name] = value;
  }
  return filters;
}

/** A real calendar day, YYYY-MM-DD. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const [y = 0, m = 0, d = 0] = text.split("-").map(Number);
  const t = new Date(y, m - 1, d);
  return t.getFullYear() === y && t.getMonth() === m - 1 && t.getDate() === d;
}

/** Filters as a query string in a fixed order, so that the same view has the same address. */
export function writeFilters(filters: Filters): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of filterNames) if (filters[name]) query.set(name, filters[name]);
  return query;
}

/** The same filters as the server wants them: days become the instants at which they start and end in the reader's zone. */
export function apiQuery(filters: Filters, extra: Record<string, string> = {}): URLSearchParams {
  const query = writeFilters(filters);
  if (filters.from) query.set("from", startOf(filters.from).toISOString());
  if (filters.to) {
    const end = startOf(filters.to);
    end.setDate(end.getDate() + 1);
    query.set("to", new Date(end.getTime() - 1).toISOString());
  }
  for (const [name, value] of Object.entries(extra)) if (value) query.set(name, value);
  return query;
}

function startOf(dayText: string): Date {
  const [y = 0, m = 1, d = 1] = dayText.split("-").map(Number);
  return new Date(y, m - 1, d);
}

/** Where to go after log-in: a path on this very server, else the first page. */
export function nextPath(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  // A second slash or a backslash would make browsers read another host; control characters are stripped by them.
  if (!next.startsWith("/") || /^\/[/\\]/.test(next) || /[\u0000-\u001f\\]/.test(next) || next.startsWith("/login")) return "/";
  return next;
}
