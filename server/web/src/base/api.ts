// The server's /v1 interface: its types and one fetch wrapper. Fields follow the server's JSON names.

import type { Change, LinkedTo, Review, ScanVersion, TLP } from "../records/records";
import { download } from "./dom";

export type Verdict = "alarm" | "inconclusive" | "no_alarm";
export type Tier = "measured" | "published" | "simulated";

export interface Fraction {
  estimate: number;
  low: number;
  high: number;
}

export interface Finding {
  substance: string;
  cas?: string;
  class?: string;
  schedule?: string;
  controlled: boolean;
  unverified?: boolean;
  /** A container or window in front of the sample, not the sample. */
  container?: boolean;
  /** No reference has it: a model of the class says so. */
  unlisted?: boolean;
  tier: Tier;
  score: number;
  probability: number;
  chance_agreement?: number | null;
  shift_cm1: number;
  fraction?: Fraction | null;
  references?: string[] | null;
}

export interface Quality {
  snr: number;
  saturated: number;
  fluorescence: number;
  axis: string;
  axis_known?: string;
  axis_shift_cm1: number;
  low_cm1?: number;
  high_cm1?: number;
}

export interface Identification {
  sha256: string;
  technique: string;
  simulated?: boolean;
  verdict: Verdict;
  headline: string;
  summary: string;
  findings: Finding[] | null;
  candidates?: Finding[] | null;
  unexplained: number;
  quality: Quality;
  detection_limits: { substance: string; fraction: number }[] | null;
  reasons: string[] | null;
  next_steps: string[] | null;
  pipeline: string;
  library: string;
  algorithm: string;
}

/** A point, a region, or both. */
export interface Place {
  latitude?: number;
  longitude?: number;
  precision_m?: number;
  county?: string;
  state?: string;
  fips?: string;
}

export interface Scan {
  id: string;
  agency?: string;
  /** Marking by the Traffic Light Protocol. */
  tlp?: TLP;
  sha256: string;
  spectrum_index: number;
  siblings?: string[] | null;
  filename?: string;
  created: string;
  acquired: string;
  technique: string;
  simulated: boolean;
  device?: { type: string; model: string; serial_number: string } | null;
  location?: Place | null;
  case?: string;
  exhibit?: string;
  officer?: string;
  verdict: Verdict;
  headline: string;
  summary: string;
  identification: Identification;
  field_answers?: FieldAnswer[] | null;
  /** First one first; left out in lists. */
  laboratory_results?: LaboratoryResult[] | null;
  /** What is wrong with the measurement or its file; left out in lists. */
  warnings?: string[] | null;
  /** What people have said of it since it came; versions and reviews are left out in lists. */
  entered_by?: string;
  linked?: LinkedTo | null;
  version?: number;
  amended?: Change | null;
  review?: "" | Review["opinion"];
  versions?: ScanVersion[] | null;
  reviews?: Review[] | null;
  /** It was erased under a retention policy. */
  erased?: { at: string; policy: string; by: string } | null;
  holds?: Hold[] | null;
}

/** Why a scan must not be erased. */
export interface Hold {
  id: string;
  reason: string;
  set_by: string;
  set_at: string;
  released_by?: string;
  released_at?: string;
  release_reason?: string;
}

/** What was said of a scan, and shown, where it was before it came to this server. */
export interface FieldAnswer {
  scan_id: string;
  spectrum_index: number;
  answered: string;
  filename?: string;
  device?: { type: string; model: string; serial_number: string } | null;
  case?: string;
  exhibit?: string;
  officer?: string;
  identification: Identification;
}

/** How a laboratory judges a presumptive answer; see laboratory.ts for the words. */
export type ResultWord = "confirmed" | "refuted" | "corrected";

/** What a laboratory found in the sample of a scan. Never changed; the current one of a scan counts. */
export interface LaboratoryResult {
  id: string;
  scan_id: string;
  result: ResultWord;
  substances: { name: string; cas?: string; form?: string; substance_id: string }[];
  pure: boolean;
  technique: string;
  /** All techniques, the one above first. */
  methods?: string[] | null;
  laboratory: string;
  analyst?: string;
  report_number?: string;
  report?: { sha256: string; name: string; size: number } | null;
  note: string;
  entered_by: string;
  entered: string;
  current: boolean;
  proposal: string;
  not_proposed: string;
}

/** A scan that may become a reference, with what the person who asks may do about it. */
export interface Proposal {
  id: string;
  status: "open" | "accepted" | "rejected" | "withdrawn";
  substance: string;
  tier: Tier;
  laboratory_result: LaboratoryResult;
  decision: { accepted: boolean; reason: string; alone: boolean; decided_by: string; decided: string } | null;
  scan: Scan;
  may_reject: boolean;
  may_accept: boolean;
  must_be_alone: boolean;
  why_not: string;
}

export interface LibrarySnapshot {
  version: string;
  substances: number;
  references: number;
  references_by_tier: Partial<Record<Tier, number>>;
  controlled_measured: string[] | null;
}

/** One step from a library to the next; the numbers count scans with a laboratory result. */
export interface LibraryChange {
  id: string;
  noted: string;
  cause: string;
  before: LibrarySnapshot;
  after: LibrarySnapshot;
  state: "running" | "done" | "cancelled" | "failed";
  total: number;
  done: number;
  left_out: number;
  error: string;
  better: number;
  worse: number;
  changed: number;
  same: number;
}

interface GradedAnswer {
  verdict: Verdict;
  headline: string;
  named: string[];
  grade: string;
}

export interface ComparedScan {
  scan_id: string;
  substances: string[];
  simulated: boolean;
  before: GradedAnswer;
  after: GradedAnswer;
  effect: string;
}

/** How well the thresholds hold for a library, as sentences and tables. */
export interface ValidationReport {
  library: string;
  made?: string;
  sentences?: string[] | null;
  tables?: { title: string; columns: string[]; rows: (string | number)[][] }[] | null;
}

/** What has not been sent on to another server; the numbers count scans. */
export interface Queue {
  upstream: string;
  waiting: number;
  parked: number;
  oldest: string | null;
  last_error: string;
  last_tried: string | null;
  last_sent: string | null;
}

export interface QueuedFile {
  scan_id: string;
  filename: string;
  headline: string;
  scans: number;
  simulated: boolean;
  stored: string;
  attempts: number;
  error: string;
  parked: string | null;
}

/** One entry of the log of what was done. */
export interface LogEntry {
  seq: number;
  time: string;
  actor: string;
  role: string;
  agency: string;
  action: string;
  kind: string;
  id: string;
  detail: Record<string, unknown> | null;
}

/** A verification that runs, or the last one. */
export interface Verification {
  running: boolean;
  ended: string | null;
  done: number;
  total: number;
  error: string;
  faults: { kind: string; id: string; what: string }[] | null;
  result: { leaves: number; checkpoints: number; files: number; scans: number; records: number; faults: number } | null;
}

export interface ScanList {
  scans: Scan[] | null;
  next_cursor: string;
  total: number;
}

export interface Trace {
  label: string;
  tier?: Tier | "";
  kind: "spectrum" | "peaks";
  simulated?: boolean;
  x: number[];
  y: number[];
}

/** A part of an axis, in its unit, ends included. */
export interface Range {
  low: number;
  high: number;
}

export interface Overlay {
  scan: Trace;
  references: Trace[] | null;
  difference?: Trace | null;
  presumptive: string;
  saturated?: Range[] | null;
}

/** What the calibration of the axis is worth now. */
export interface Calibration {
  state: "valid" | "expired" | "failed";
  at?: string; // of the correction applied; left out when none was
  until?: string;
  standards?: string[] | null;
  mean_cm1?: number;
  worst_cm1?: number;
}

export interface DeviceState {
  attached: boolean;
  connected: boolean;
  info: { type: string; model: string; serial_number: string; port?: string; simulated?: boolean; laser_nm?: number } | null;
  error: string;
  temperature_c: number | null;
  expected_seconds: number;
  busy: boolean;
  previewing: boolean;
  preview_seconds: number;
  /** "" before it was first switched; "apart": not switched by the spectrometer; "unknown": to be treated as on. */
  laser?: "" | "on" | "off" | "apart" | "unknown";
  /** Left out when it was never calibrated, or calibration_error says why that is not known. */
  calibration?: Calibration | null;
  calibration_error?: string;
}

/** What the detector sees, thinned out for drawing. The stage "end" has no points: no more frames come. */
export interface LiveFrame {
  stage: string;
  frame: number;
  frames?: number;
  rate?: number;
  peak: number;
  snr?: number;
  integration_ms: number;
  saturated_points: number;
  saturated_ranges: Range[] | null;
  simulated: boolean;
  x: number[];
  y: number[];
}

export interface LibraryState {
  version: string;
  layers: { name: string; path_base: string; version: string; substances: number; references: number }[] | null;
  substances: number;
  references: number;
  references_by_tier: Partial<Record<Tier, number>>;
  controlled: number;
  controlled_without_measured: string[] | null;
  unverified: number;
  classes: { class: string; substances: number; controlled: number; measured: number; published: number; simulated: number }[] | null;
}

export interface PointProperties {
  scan_id: string;
  verdict: Verdict;
  headline: string;
  summary: string;
  substances: string[] | null;
  classes: string[] | null;
  probability: number;
  acquired: string;
  county?: string;
  state?: string;
  fips?: string;
  precision_m?: number;
  simulated: boolean;
}

export interface PointCollection {
  type: "FeatureCollection";
  features: { type: "Feature"; geometry: { type: "Point"; coordinates: [number, number] }; properties: PointProperties }[];
  without_place?: number;
  matched?: number; // scans that fit the filters, drawn or not
}

export interface FirstSeen {
  substance: string;
  class: string;
  controlled: boolean;
  region: { county?: string; state?: string; fips?: string };
  first_seen: string;
  scan_id: string;
  hits: number;
  scans_before: number;
  first_looked?: boolean;
  level: string;
  look_back?: boolean; // found later, with a reference that was not there when the scan was answered
  simulated: boolean;
}

/** A substance was in a region earlier than was known. */
export interface Alert {
  id: string;
  created: string;
  substance: string;
  scan_id: string;
  /** In words: "Adams, CO"; says so when it is not known. */
  place: string;
  county: string;
  state: string;
  simulated: boolean;
  first_seen: string;
  seen_before: string | null;
  read_by: string;
  read: string | null;
}

/** A look through all stored scans with a reference that was not there when they were answered. */
export interface Rescreen {
  id: string;
  substance: string;
  state: "running" | "done" | "cancelled" | "failed";
  error: string;
  total: number;
  done: number;
  reused: number;
  hits: number;
}

/** Files that were handed in together. */
export interface Batch {
  id: string;
  name: string;
  created: string;
  created_by: string;
  tlp: string;
  cancelled: string | null;
  files: number;
  waiting: number;
  done: number;
  failed: number;
  left: number;
  scans: number;
  rate: number;
  seconds_to_go: number | null;
}

export interface BatchFile {
  number: number;
  sha256: string;
  name: string;
  state: "waiting" | "done" | "failed" | "cancelled";
  error: string;
  scans: number;
  scan_id: string;
  verdict: string;
  headline: string;
  simulated: boolean;
}

/** A file of scans that was asked for. */
export interface ScanExport {
  id: string;
  created: string;
  format: "csv" | "zip";
  state: "waiting" | "ready" | "failed" | "expired";
  error: string;
  scans: number;
  size: number;
  sha256: string;
  simulated: boolean;
  expires: string | null;
}

/** What is done in the background; discarded: given up. */
export interface Job {
  id: number;
  kind: string;
  title: string;
  state: string;
  about: Record<string, unknown>;
  attempt: number;
  max_attempts: number;
  created: string;
  scheduled: string;
  tried: string | null;
  by: string;
  error: string;
}

export interface JobNumbers {
  waiting: number;
  running: number;
  failing: number;
  dead: number;
}

export interface JobWorker {
  id: string;
  server: boolean;
  host: string;
  library: string;
  started: string;
}

export interface SimilarScan {
  scan_id: string;
  score: number;
  shift_cm1: number;
  acquired: string;
  county: string;
  state: string;
  verdict: string;
  headline: string;
  simulated: boolean;
}

/** Where, when and by whom a scan is taken; every field is optional. */
export interface ScanFields {
  latitude?: number;
  longitude?: number;
  precision_m?: number;
  county?: string;
  state?: string;
  fips?: string;
  case?: string;
  exhibit?: string;
  officer?: string;
  tlp?: string;
}

/** What the server answered instead of a result (RFC 9457), or that it did not answer (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly type = "",
    /** What is wrong with which field of what was sent: "body.quantity.unit" to a sentence. */
    readonly fields: Record<string, string> = {},
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

/** Reads an error response; a body that is not problem+json still yields a readable Problem. */
export async function problemFrom(response: Response): Promise<Problem> {
  let title = response.statusText || `HTTP ${response.status}`;
  let detail = "";
  let type = "";
  const fields: Record<string, string> = {};
  try {
    const body = (await response.json()) as { type?: string; title?: string; detail?: string; errors?: { message?: string; location?: string }[] };
    title = body.title || title;
    type = body.type ?? "";
    const parts = (body.errors ?? []).map((e) => [e.location, e.message].filter(Boolean).join(": "));
    for (const e of body.errors ?? []) if (e.location?.startsWith("body") && e.message) fields[e.location] ??= e.message;
    detail = [body.detail, ...parts].filter(Boolean).join("; ");
  } catch {
    // Not JSON: the status line is all there is to say.
  }
  return new Problem(response.status, title, detail, type, fields);
}

/** The type of the problem that tells that a second factor is needed to log in. */
export const secondFactor = "urn:fentrace:second-factor";

/** Who is logged in. */
export interface Me {
  user: string;
  role: string;
  agency: string;
  clearance: string;
  permissions: string[];
  second_factor: boolean;
}

/** An access token of the own account; its secret is shown once, when it is made. */
export interface Token {
  id: string;
  name: string;
  scope: string;
  created: string;
  expires: string | null;
  used: string | null;
  used_from: string;
}

/** An account as those see it who look after people. */
export interface Person {
  name: string;
  role: string;
  agency: string;
  clearance: string;
  created: string;
  locked: string | null;
  sessions: number;
  tokens: number;
  second_factor: boolean;
}

export interface Agency {
  id: string;
  name: string;
  contact: string;
  people: number;
}

/** What one agency lets another see. */
export interface Share {
  id: string;
  from: string;
  to: string;
  tlp: string;
  aggregates: boolean;
  granted_by: string;
  granted: string;
  revoked_by: string;
  revoked: string | null;
}

/** How often an agency found something, from one that shares counts only. */
export interface SharedCount {
  agency: string;
  substance: string;
  controlled: boolean;
  region: { county?: string; state?: string };
  hits: number;
  fewer_than?: number;
  simulated: boolean;
}

/** What an authenticator app is set up with. */
export interface FactorSetup {
  secret: string;
  uri: string;
  qr: string;
}

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new Problem(0, "The Fentrace server did not answer", "Check that it is running and reachable, then try again.");
  }
  if (response.status === 401 && location.pathname !== "/login") {
    location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
  }
  if (!response.ok) throw await problemFrom(response);
  return response;
}

export async function getJSON<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, { headers: { Accept: "application/json, application/geo+json" }, signal });
  return (await response.json()) as T;
}

/** Reads a list to its end, page by page: the first page with the items of all of them. */
export async function getAll<T>(path: string, list: keyof T & string): Promise<T> {
  const first = await getJSON<T & { next_cursor: string }>(`${path}?limit=500`);
  const items = [...((first[list] as unknown[] | null) ?? [])];
  for (let cursor = first.next_cursor; cursor; ) {
    const page = await getJSON<T & { next_cursor: string }>(`${path}?limit=500&cursor=${encodeURIComponent(cursor)}`);
    items.push(...((page[list] as unknown[] | null) ?? []));
    cursor = page.next_cursor;
  }
  return { ...first, [list]: items };
}

async function postJSON(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return sendJSON("POST", path, body, signal);
}

/** A request that is done once, however often it is sent with this key. */
async function postOnce(path: string, body: unknown, key: string): Promise<Response> {
  return request(path, { method: "POST", headers: { "Content-Type": "application/json", "Idempotency-Key": `"${key}"` }, body: JSON.stringify(body) });
}

async function sendJSON(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return request(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

// One stream for the whole page: a browser opens only six connections to a server.
let events: EventSource | undefined;

function onEvent<T>(name: string, callback: (data: T) => void): () => void {
  events ??= new EventSource("/v1/events");
  const source = events;
  const listener = (event: Event) => callback(JSON.parse((event as MessageEvent<string>).data) as T);
  source.addEventListener(name, listener);
  return () => source.removeEventListener(name, listener);
}

/** Who was given what of a scan, and why. */
export interface Dissemination {
  id: string;
  at: string;
  kind: string;
  recipient: string;
  reason: string;
  released_by: string;
  tlp: string;
}

export const api = {
  disseminations: (scan: string) => getJSON<{ disseminations: Dissemination[] | null }>(`/v1/disseminations?scan=${encodeURIComponent(scan)}`),
  /** Fetches what is handed out and offers it as a download under the server's name for it. */
  handOut: async (path: string) => {
    const response = await request(path);
    const name = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "fentrace";
    download(name, await response.blob());
  },
  loginWays: () => getJSON<{ provider: string }>("/v1/login"),
  login: (body: { code: string } | { user: string; password: string; second?: string }) => postJSON("/v1/login", body),
  logout: () => request("/v1/logout", { method: "POST" }),
  me: () => getJSON<Me>("/v1/me"),
  people: () => getAll<{ people: Person[] | null; roles: string[] | null }>("/v1/admin/people", "people"),
  addPerson: async (body: { name: string; role: string; agency?: string }) => (await (await postJSON("/v1/admin/people", body)).json()) as { person: Person; code: string },
  changePerson: (name: string, body: { role?: string; agency?: string; clearance?: string; locked?: boolean }) => sendJSON("PATCH", `/v1/admin/people/${encodeURIComponent(name)}`, body),
  endSessions: (name: string) => request(`/v1/admin/people/${encodeURIComponent(name)}/end-sessions`, { method: "POST" }),
  revokeTokens: (name: string) => request(`/v1/admin/people/${encodeURIComponent(name)}/revoke-tokens`, { method: "POST" }),
  agencies: () => getJSON<{ agencies: Agency[] | null }>("/v1/admin/agencies"),
  addAgency: (id: string, body: { name: string; contact: string }) => postJSON(`/v1/admin/agencies/${encodeURIComponent(id)}`, body),
  shares: () => getAll<{ shares: Share[] | null }>("/v1/admin/shares", "shares"),
  addShare: (body: { from?: string; to: string; tlp: string; aggregates: boolean }) => postJSON("/v1/admin/shares", body),
  revokeShare: (id: string) => request(`/v1/admin/shares/${encodeURIComponent(id)}/revoke`, { method: "POST" }),
  tokens: () => getJSON<{ tokens: Token[] | null }>("/v1/tokens"),
  newToken: async (body: { name: string; scope: string; days: number }, key: string) => (await (await postOnce("/v1/tokens", body, key)).json()) as Token & { token: string },
  deleteToken: (id: string) => request(`/v1/tokens/${encodeURIComponent(id)}`, { method: "DELETE" }),
  setHold: (scan: string, reason: string, key: string) => postOnce(`/v1/scans/${encodeURIComponent(scan)}/hold`, { reason }, key),
  releaseHold: (scan: string, reason: string, key: string) => postOnce(`/v1/scans/${encodeURIComponent(scan)}/hold/release`, { reason }, key),
  setPassword: (password: string) => sendJSON("PUT", "/v1/me/password", { password }),
  newFactor: async () => (await (await postJSON("/v1/me/second-factor", {})).json()) as FactorSetup,
  confirmFactor: async (code: string) => (await (await sendJSON("PUT", "/v1/me/second-factor", { code })).json()) as { recovery_codes: string[] },
  removeFactor: (code: string) => postJSON("/v1/me/second-factor/remove", { code }),
  device: () => getJSON<DeviceState>("/v1/device"),
  library: () => getJSON<LibraryState>("/v1/library"),
  substances: () => getJSON<{ substances: { name: string; cas?: string }[] | null }>("/v1/library/substances"),
  proposals: () => getJSON<{ proposals: Proposal[] | null }>("/v1/library/proposals"),
  proposalOverlay: (id: string) => getJSON<Overlay>(`/v1/library/proposals/${encodeURIComponent(id)}/overlay`),
  decide: (id: string, body: { decision: "accept" | "reject"; reason: string; alone: boolean }) => postJSON(`/v1/library/proposals/${encodeURIComponent(id)}/decision`, body),
  libraryChanges: (signal?: AbortSignal) => getJSON<{ changes: LibraryChange[] | null }>("/v1/library/changes", signal),
  libraryChange: (id: string) => getJSON<LibraryChange & { scans: ComparedScan[] | null }>(`/v1/library/changes/${encodeURIComponent(id)}?limit=500`),
  cancelComparison: (id: string) => request(`/v1/library/changes/${encodeURIComponent(id)}/cancel`, { method: "POST" }),
  validation: () => getJSON<ValidationReport>("/v1/library/validation"),
  enterResult: async (scan: string, body: unknown) => (await (await postJSON(`/v1/scans/${encodeURIComponent(scan)}/laboratory-result`, body)).json()) as LaboratoryResult,
  addReport: (scan: string, result: string, file: File) =>
    request(`/v1/scans/${encodeURIComponent(scan)}/laboratory-results/${encodeURIComponent(result)}/report?filename=${encodeURIComponent(file.name)}`,
      { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file }),
  queue: (signal?: AbortSignal) => getJSON<Queue & { files: QueuedFile[] | null }>("/v1/queue", signal),
  retryRefused: () => request("/v1/queue/retry", { method: "POST" }),
  log: (query: URLSearchParams, signal?: AbortSignal) => getJSON<{ entries: LogEntry[] | null; next_cursor: string; size: number }>(`/v1/log?${query}`, signal),
  verification: (signal?: AbortSignal) => getJSON<Verification>("/v1/log/verification", signal),
  verify: async () => (await (await request("/v1/log/verification", { method: "POST" })).json()) as Verification,
  checkpoint: async () => {
    const text = await (await request("/v1/log/checkpoint")).text();
    return { name: `fentrace-checkpoint-${text.split("\n")[1] ?? ""}.txt`, text };
  },
  scan: (id: string) => getJSON<Scan>(`/v1/scans/${encodeURIComponent(id)}`),
  overlay: (id: string) => getJSON<Overlay>(`/v1/scans/${encodeURIComponent(id)}/overlay`),
  scans: (query: URLSearchParams, signal?: AbortSignal) => getJSON<ScanList>(`/v1/scans?${query}`, signal),
  points: (query: URLSearchParams, signal?: AbortSignal) => getJSON<PointCollection>(`/v1/map?${query}`, signal),
  firstSeen: (query: URLSearchParams, signal?: AbortSignal) =>
    getJSON<{ by: string; items: FirstSeen[] | null; scans: number; shared?: SharedCount[] | null }>(`/v1/intelligence/first-seen?${query}`, signal),
  alerts: (signal?: AbortSignal) => getJSON<{ alerts: Alert[] | null }>("/v1/alerts", signal),
  readAlert: (id: string) => request(`/v1/alerts/${encodeURIComponent(id)}/read`, { method: "POST" }),
  rescreens: (signal?: AbortSignal) => getJSON<{ rescreens: Rescreen[] | null }>("/v1/rescreens", signal),
  similar: (id: string, signal?: AbortSignal) => getJSON<{ scans: SimilarScan[] | null }>(`/v1/scans/${encodeURIComponent(id)}/similar`, signal),
  takeScan: async (fields: ScanFields, signal?: AbortSignal) => (await (await postJSON("/v1/device/scan", fields, signal)).json()) as Scan,
  startPreview: () => request("/v1/device/preview", { method: "POST" }),
  /** Answered when the laser is off; sent also while the page is left. */
  stopPreview: () => request("/v1/device/preview", { method: "DELETE", keepalive: true }),
  upload: async (file: File, fields: ScanFields, signal?: AbortSignal) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== "") form.set(name, String(value));
    form.set("file", file, file.name);
    return (await (await request("/v1/scans", { method: "POST", body: form, signal })).json()) as Scan;
  },
  /** Calls back after each scan the server stores; returns the function that ends the subscription. */
  onScan: (callback: (scan: { id: string; verdict: Verdict }) => void): (() => void) => onEvent("scan", callback),
  /** The same for each change of the queue of unsent scans. */
  onQueue: (callback: (queue: Queue) => void): (() => void) => onEvent("queue", callback),
  /** The same whenever another number of alerts is unread. */
  onAlerts: (callback: (alerts: { unread: number }) => void): (() => void) => onEvent("alerts", callback),
  /** The same for each step of a look through the past; at first for those that run. */
  onRescreen: (callback: (rescreen: Rescreen) => void): (() => void) => onEvent("rescreen", callback),
  batches: async (signal?: AbortSignal) => (await getJSON<{ batches: Batch[] | null }>("/v1/batches", signal)).batches ?? [],
  batch: (id: string, signal?: AbortSignal) => getJSON<Batch>(`/v1/batches/${encodeURIComponent(id)}`, signal),
  newBatch: async (name: string) => (await (await postJSON("/v1/batches", { name })).json()) as Batch,
  batchFiles: (id: string, after: number, signal?: AbortSignal) => getJSON<{ files: BatchFile[] | null; next: number }>(`/v1/batches/${encodeURIComponent(id)}/files?limit=1000&after=${after}`, signal),
  batchSums: (id: string, after: string) => getJSON<{ sha256: string[] | null; next: string }>(`/v1/batches/${encodeURIComponent(id)}/sums?after=${after}`),
  addToBatch: (id: string, name: string, file: Blob) => request(`/v1/batches/${encodeURIComponent(id)}/files?filename=${encodeURIComponent(name)}`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file }),
  cancelBatch: (id: string) => postJSON(`/v1/batches/${encodeURIComponent(id)}/cancel`, {}),
  retryBatch: (id: string) => postJSON(`/v1/batches/${encodeURIComponent(id)}/retry`, {}),
  exports: async (signal?: AbortSignal) => (await getJSON<{ exports: ScanExport[] | null }>("/v1/exports", signal)).exports ?? [],
  /** query holds filters as a list of scans has them. */
  newExport: (query: string, format: string) => request(`/v1/exports?format=${format}${query ? `&${query}` : ""}`, { method: "POST" }),
  jobs: (state: string, signal?: AbortSignal) => getJSON<{ jobs: Job[] | null; next: number; counts: Record<string, Record<string, number>> }>(state === "discarded" ? "/v1/jobs/dead" : `/v1/jobs${state ? `?state=${state}` : ""}`, signal),
  workers: async (signal?: AbortSignal) => (await getJSON<{ workers: JobWorker[] | null }>("/v1/workers", signal)).workers ?? [],
  changeJob: (id: number, how: "retry" | "discard" | "cancel") => postJSON(`/v1/jobs/${id}/${how}`, {}),
  /** The same whenever a batch has changed, twice a second at most. */
  onBatch: (callback: (batch: Batch) => void): (() => void) => onEvent("batch", callback),
  /** The same whenever the numbers of jobs have changed. */
  onJobs: (callback: (jobs: JobNumbers) => void): (() => void) => onEvent("jobs", callback),
  /** The same for each frame while the spectrometer works. */
  onFrame: (callback: (frame: LiveFrame) => void): (() => void) => onEvent("frame", callback),
};
