// Seizures, exhibits, amendments and reviews: their types, how they are asked for, and their words.
import { getJSON, request, type LaboratoryResult, type Me, type Place, type Scan, type ScanList } from "../base/api";
import { instant, place } from "../base/format";

export const markings = ["clear", "green", "amber", "amber+strict", "red"] as const;
export type TLP = (typeof markings)[number];
export const forms = ["powder", "tablet", "liquid", "paper", "plant", "residue", "other"] as const;
export const units = ["g", "mg", "kg", "ml", "l", "tablets", "pieces", "packages"] as const;

/** Who made a version of a record, when and why; the original has no reason. */
export interface Change {
  version: number;
  changed_by: string;
  changed: string;
  reason: string;
}

export interface Quantity {
  value?: number;
  unit?: string;
  uncertainty?: number;
}

export interface Seizure extends Change {
  id: string;
  agency: string;
  tlp: TLP;
  case: string;
  location: Place | null;
  seized: string;
  officer: string;
  note: string;
  simulated: boolean;
}

export interface SeizureItem extends Seizure {
  exhibits: number;
  scans: number;
  alarms: number;
}

export interface Exhibit extends Change {
  id: string;
  seizure_id: string;
  agency: string;
  tlp: TLP;
  label: string;
  form: string;
  quantity: Quantity | null;
  packaging: string;
  expected_as: string;
  taken: string;
  note: string;
  simulated: boolean;
  case: string;
}

/** The exhibit of a scan, in short, as it is now. */
export interface LinkedTo {
  exhibit_id: string;
  label: string;
  form: string;
  seizure_id: string;
  case: string;
}

/** The circumstances of a scan in one version. */
export interface ScanVersion extends Change {
  tlp: TLP;
  location: Place | null;
  case: string;
  exhibit: string;
  exhibit_id: string;
  officer: string;
}

export interface Review {
  id: string;
  result_id: string;
  opinion: "agree" | "disagree" | "needs_laboratory";
  reason: string;
  alone: boolean;
  reviewed_by: string;
  reviewed: string;
  current: boolean;
}

export interface MayReview {
  may_review: boolean;
  must_be_alone: boolean;
  why_not: string;
}

export interface WaitingReview extends MayReview {
  scan: Scan;
  laboratory_result: LaboratoryResult | null;
  entered_by: string;
}

const at = (...parts: string[]) => `/v1/${parts.map(encodeURIComponent).join("/")}`;

async function make<T>(path: string, body: unknown, headers: Record<string, string>): Promise<T> {
  const response = await request(path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
  return (await response.json()) as T;
}

/** A key for one record to be made: sent with every attempt, so that it is made once. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

const keyed = (key: string) => ({ "Idempotency-Key": `"${key}"` });
const matching = (version: number) => ({ "If-Match": `"${version}"` });

export const records = {
  seizures: (query: URLSearchParams, signal?: AbortSignal) => getJSON<{ seizures: SeizureItem[] | null; next_cursor: string; total: number }>(`/v1/seizures?${query}`, signal),
  seizure: (id: string) => getJSON<Seizure>(at("seizures", id)),
  seizureVersions: (id: string) => getJSON<{ versions: Seizure[] | null }>(at("seizures", id, "versions")),
  seizureScans: (id: string, cursor = "") => getJSON<ScanList>(`${at("seizures", id, "scans")}?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  exhibitsOf: (id: string) => getJSON<{ exhibits: Exhibit[] | null; total: number }>(`${at("seizures", id, "exhibits")}?limit=500`),
  exhibits: (query: URLSearchParams, signal?: AbortSignal) => getJSON<{ exhibits: Exhibit[] | null; total: number }>(`/v1/exhibits?${query}`, signal),
  exhibitVersions: (id: string) => getJSON<{ versions: Exhibit[] | null }>(at("exhibits", id, "versions")),
  newSeizure: (body: unknown, key: string) => make<Seizure>("/v1/seizures", body, keyed(key)),
  newExhibit: (seizure: string, body: unknown, key: string) => make<Exhibit>(at("seizures", seizure, "exhibits"), body, keyed(key)),
  amendSeizure: (id: string, version: number, body: unknown) => make<Seizure>(at("seizures", id, "amendments"), body, matching(version)),
  amendExhibit: (id: string, version: number, body: unknown) => make<Exhibit>(at("exhibits", id, "amendments"), body, matching(version)),
  amendScan: (id: string, version: number, body: unknown) => make<ScanVersion>(at("scans", id, "amendments"), body, matching(version)),
  reviews: (id: string) => getJSON<{ reviews: Review[] | null; answer: MayReview; result: MayReview | null }>(at("scans", id, "reviews")),
  review: (id: string, body: { result_id?: string; opinion: Review["opinion"]; reason: string; alone: boolean }, key: string) => make<Review>(at("scans", id, "reviews"), body, keyed(key)),
  waiting: (query: URLSearchParams, signal?: AbortSignal) => getJSON<{ reviews: WaitingReview[] | null; next_cursor: string; total: number }>(`/v1/reviews?${query}`, signal),
};

/** Records are amended by the agency they belong to. */
export const mayAmend = (me: Me, agency: string | undefined) => me.permissions.includes("records.amend") && (agency ?? me.agency) === me.agency;

/** What a person stated as the end of a sentence. */
export const ended = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** "1.5 ± 0.1 g" */
export function quantityWords(q: Quantity | null | undefined): string {
  if (q?.value === undefined) return "not weighed or counted";
  return `${q.value}${q.uncertainty === undefined ? "" : ` ± ${q.uncertainty}`} ${q.unit ?? ""}`.trim();
}

/** "exhibit 1A (powder), case 24-117" */
export function linkedWords(x: LinkedTo): string {
  return `exhibit ${x.label} (${x.form})${x.case ? `, case ${x.case}` : ""}`;
}

export function markingWord(tlp: TLP | undefined): string {
  return tlp ? `TLP:${tlp.toUpperCase()}` : "";
}

const opinions = { agree: "agrees", disagree: "disagrees", needs_laboratory: "asks for the laboratory" };

export function opinionWord(r: Review): string {
  return opinions[r.opinion];
}

/** Beside a scan: what a second person said of it last. */
export function reviewWord(scan: Scan): string {
  if (scan.review === "agree") return "reviewed";
  if (scan.review === "disagree") return "reviewer disagrees";
  return scan.review === "needs_laboratory" ? "reviewer asks for the laboratory" : "";
}

/** What the fields of records are called, in the order they are told. */
const labels: Record<string, string> = {
  label: "Label", case: "Case", exhibit: "Exhibit", exhibit_id: "Linked exhibit", form: "Form", quantity: "Quantity", packaging: "Packaging", expected_as: "Sold or declared as",
  seized: "Seized", taken: "Taken", location: "Place", officer: "Officer", note: "Note", tlp: "Marking",
};

/** A field of a record in words. */
export function fieldWords(name: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return "not stated";
  if (name === "location") return place(value as Place);
  if (name === "quantity") return quantityWords(value as Quantity);
  if (name === "tlp") return markingWord(value as TLP);
  if (name === "seized" || name === "taken") return instant(String(value));
  return String(value);
}

/** What is different between two versions of a record, in words. */
export function differences(before: object, after: object): { label: string; from: string; to: string }[] {
  const a = before as Record<string, unknown>;
  const b = after as Record<string, unknown>;
  return Object.entries(labels)
    .filter(([name]) => (name in a || name in b) && JSON.stringify(a[name] ?? null) !== JSON.stringify(b[name] ?? null))
    .map(([name, label]) => ({ label, from: fieldWords(name, a[name]), to: fieldWords(name, b[name]) }));
}

/** Only what is different from before, as an amendment sends it. */
export function changedFields(before: Record<string, unknown>, now: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value)));
}

/** What there is of a new record: empty fields are left out. */
export function statedFields(now: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(now).filter(([, v]) => v !== "" && v !== undefined && !(typeof v === "object" && v !== null && Object.keys(v).length === 0)));
}

/** "2026-11-01T14:05" in the reader's zone, as inputs of type datetime-local want it. */
export function localInput(time: string | Date): string {
  const t = new Date(time);
  if (Number.isNaN(t.getTime())) return "";
  const zoned = new Date(t.getTime() - t.getTimezoneOffset() * 60_000);
  return zoned.toISOString().slice(0, 16);
}

/** The instant of such an input, or "" when it holds none. */
export function fromLocalInput(text: string): string {
  const t = new Date(text);
  return text === "" || Number.isNaN(t.getTime()) ? "" : t.toISOString();
}

/** One thing that happened to a seizure. */
export interface Happening {
  at: string;
  text: string;
  href?: string;
}

/** What happened to a seizure, first one first. */
export function timeline(versions: Seizure[], exhibits: Exhibit[], scans: Scan[]): Happening[] {
  const out: Happening[] = [];
  const now = versions.at(-1);
  if (now) out.push({ at: now.seized, text: "Seized" });
  for (const v of versions) out.push({ at: v.changed, text: v.version === 1 ? `Entered by ${v.changed_by}` : `Amended by ${v.changed_by}: ${v.reason}` });
  for (const x of exhibits) {
    out.push({ at: x.taken, text: `Exhibit ${x.label} taken: ${x.form}, ${quantityWords(x.quantity)}` });
    if (x.version > 1) out.push({ at: x.changed, text: `Exhibit ${x.label} amended by ${x.changed_by}: ${x.reason}` });
  }
  for (const s of scans) {
    out.push({ at: s.acquired, text: `Scan of exhibit ${s.linked?.label ?? ""}: ${s.headline}${s.review ? ` (${reviewWord(s)})` : ""}`, href: `/scans/${encodeURIComponent(s.id)}` });
    if (s.amended) out.push({ at: s.amended.changed, text: `Scan of exhibit ${s.linked?.label ?? ""} amended by ${s.amended.changed_by}: ${s.amended.reason}`, href: `/scans/${encodeURIComponent(s.id)}` });
  }
  return out.map((e, i) => ({ e, i })).sort((a, b) => new Date(a.e.at).getTime() - new Date(b.e.at).getTime() || a.i - b.i).map(({ e }) => e);
}
