// The table of a batch: filtered and sorted as the server does for the export, so that what is exported is what is shown.
import type { Batch, BatchFile } from "../base/api";

export type Column = "number" | "name" | "state" | "verdict" | "headline";

export interface View {
  state: string;
  verdict: string;
  q: string;
  sort: Column;
  descending: boolean;
}

export const columns: Column[] = ["number", "name", "state", "verdict", "headline"];

/** The view that an address stands for. */
export function readView(query: URLSearchParams): View {
  const sort = query.get("sort") as Column;
  return { state: query.get("state") ?? "", verdict: query.get("verdict") ?? "", q: query.get("q") ?? "",
    sort: columns.includes(sort) ? sort : "number", descending: query.get("descending") === "true" };
}

/** The same as query parameters, of the page and of the export alike. */
export function writeView(v: View): URLSearchParams {
  const out = new URLSearchParams();
  for (const name of ["state", "verdict", "q"] as const) if (v[name]) out.set(name, v[name]);
  if (v.sort !== "number") out.set("sort", v.sort);
  if (v.descending) out.set("descending", "true");
  return out;
}

// Only A to Z change, as in the database.
const lower = (s: string) => s.replace(/[A-Z]/g, (c) => c.toLowerCase());

/** The files of a view in its order. */
export function shown(files: BatchFile[], v: View): BatchFile[] {
  const q = lower(v.q);
  const found = files.filter((f) => (!v.state || f.state === v.state) && (!v.verdict || f.verdict === v.verdict) &&
    (!q || [f.name, f.headline, f.error].some((t) => lower(t).includes(q))));
  const key: Record<Column, (f: BatchFile) => string | number> = { number: (f) => f.number, name: (f) => lower(f.name), state: (f) => f.state, verdict: (f) => f.verdict, headline: (f) => lower(f.headline) };
  const of = key[v.sort];
  const sign = v.descending ? -1 : 1;
  return found.sort((a, b) => sign * (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : a.number - b.number));
}

/** How long a batch still takes, in words. */
export function timeLeft(b: Pick<Batch, "waiting" | "seconds_to_go">): string {
  if (b.waiting === 0) return "";
  const s = b.seconds_to_go;
  if (s === null) return "time left not known yet";
  if (s < 90) return `about ${Math.max(1, Math.round(s))} s left`;
  if (s < 90 * 60) return `about ${Math.round(s / 60)} min left`;
  return `about ${Math.round(s / 3600)} h left`;
}
