// Forms of records: fields with their errors beside them, filled in beforehand as far as is known, sent once however often it is tried.
import { Problem, type Place } from "../base/api";
import { atlas } from "../map/atlas";
import { h, type Child } from "../base/dom";
import { keptFields, numberOf } from "../device/exhibit";
import { problemBox } from "../base/problem";
import { changedFields, forms, fromLocalInput, localInput, markings, markingWord, records, statedFields, units, type Exhibit, type Quantity, type Seizure, type TLP } from "./records";

/** One field of a record: value is what it holds, undefined when what is typed is no value. */
interface Field {
  name: string;
  element: HTMLElement;
  value: () => unknown;
  first: HTMLElement;
}

type Input = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
let made = 0; // so that ids are there once

function labelled(label: string, input: Input, needed: boolean, ...more: Child[]): HTMLElement {
  input.id = `record-${++made}`;
  if (needed) input.required = true;
  return h("div", { class: "field" }, h("label", { for: input.id }, label, needed ? " (needed)" : ""), input, ...more);
}

function text(name: string, label: string, value: string, needed = false, more: Record<string, string | number> = {}): Field {
  const input = h("input", { name, value, maxlength: 200, autocomplete: "off", ...more });
  return { name, first: input, element: labelled(label, input, needed), value: () => input.value.trim() };
}

function longText(name: string, label: string, value: string): Field {
  const input = h("textarea", { name, rows: 2, maxlength: 2000 });
  input.value = value;
  return { name, first: input, element: labelled(label, input, false), value: () => input.value.trim() };
}

/** A time to the minute; one that is not touched keeps its seconds. */
function time(name: string, label: string, value: string, needed: boolean): Field {
  const shown = localInput(value);
  const input = h("input", { name, type: "datetime-local", value: shown });
  return { name, first: input, element: labelled(label, input, needed), value: () => (input.value === shown ? value : fromLocalInput(input.value)) };
}

function choice(name: string, label: string, options: readonly [string, string][], value: string, needed = false): Field {
  const input = h("select", { name }, ...options.map(([v, t]) => h("option", { value: v, selected: v === value }, t)));
  return { name, first: input, element: labelled(label, input, needed), value: () => input.value };
}

const number = (name: string, value: number | undefined, min: number, max: number) => h("input", { name, type: "number", step: "any", inputmode: "decimal", min, max, value: value === undefined ? "" : String(value) });

function quantity(value: Quantity | null): Field {
  const amount = number("value", value?.value, 0, 1e9);
  const plus = number("uncertainty", value?.uncertainty, 0, 1e9);
  const unit = h("select", { name: "unit" }, ...units.map((u) => h("option", { value: u, selected: u === (value?.unit ?? "g") }, u)));
  const element = h("div", { class: "record-three", role: "group", "aria-label": "Quantity" }, labelled("Quantity", amount, false), labelled("± (95 %)", plus, false), labelled("Unit", unit, false));
  return { name: "quantity", first: amount, element, value: () => {
    const v = numberOf(amount);
    const u = numberOf(plus);
    if (v === undefined && u === undefined && amount.validity.valid && plus.validity.valid) return {};
    return { ...(v === undefined ? {} : { value: v }), unit: unit.value, ...(u === undefined ? {} : { uncertainty: u }) };
  } };
}

/** Where: coordinates with their radius, found by this device when asked, and the region, looked up from them. */
function where(value: Place | null): Field {
  const lat = number("latitude", value?.latitude, -90, 90);
  const lon = number("longitude", value?.longitude, -180, 180);
  const radius = number("precision_m", value?.precision_m, 0, 1e6);
  const county = h("input", { name: "county", maxlength: 200, autocomplete: "off", value: value?.county ?? "" });
  const state = h("input", { name: "state", maxlength: 200, autocomplete: "off", value: value?.state ?? "" });
  const fips = h("input", { name: "fips", maxlength: 5, inputmode: "numeric", autocomplete: "off", value: value?.fips ?? "" });
  const said = h("p", { class: "hint", role: "status" });
  const look = async () => {
    const [a, o] = [numberOf(lat), numberOf(lon)];
    if (a === undefined || o === undefined) return;
    try {
      const found = (await atlas()).finder.find([o, a]);
      if (!found) return void (said.textContent = "In no county of the atlas; the county can be typed.");
      [county.value, state.value, fips.value] = [found.county ?? "", found.state ?? "", found.fips ?? ""];
      said.textContent = "";
    } catch {
      said.textContent = "The county could not be looked up; the coordinates are kept.";
    }
  };
  lat.addEventListener("change", () => void look());
  lon.addEventListener("change", () => void look());
  const locate = () => {
    said.textContent = "Asking this device for its place\u2026";
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      [lat.value, lon.value, radius.value] = [coords.latitude.toFixed(5), coords.longitude.toFixed(5), String(Math.ceil(coords.accuracy))];
      said.textContent = "";
      void look();
    }, (problem) => (said.textContent = `This device gave no place (${problem.message || "not permitted"}). The place can be typed.`), { enableHighAccuracy: true, timeout: 15_000, maximumAge: 60_000 });
  };
  const element = h("fieldset", { class: "record-place" }, h("legend", {}, "Place"),
    h("div", { class: "record-three" }, labelled("Latitude / degrees", lat, false), labelled("Longitude / degrees", lon, false), labelled("Within / m", radius, false)),
    h("div", { class: "record-three" }, labelled("County", county, false), labelled("State", state, false), labelled("FIPS", fips, false)),
    "geolocation" in navigator ? h("button", { type: "button", class: "small", onclick: locate }, "Use this device's place") : null, said);
  return { name: "location", first: lat, element, value: () => {
    const out: Place = {};
    const [a, o, r] = [numberOf(lat), numberOf(lon), numberOf(radius)];
    if (a !== undefined) out.latitude = a;
    if (o !== undefined) out.longitude = o;
    if (r !== undefined) out.precision_m = r;
    for (const [name, input] of [["county", county], ["state", state], ["fips", fips]] as const) if (input.value.trim()) out[name] = input.value.trim();
    return out;
  } };
}

const marking = (value: TLP | undefined) => choice("tlp", "Marking", markings.map((m) => [m, markingWord(m)] as [string, string]), value ?? "amber");

export function seizureFields(z: Partial<Seizure>): Field[] {
  return [time("seized", "Seized", z.seized ?? "", true), text("case", "Case number", z.case ?? ""), text("officer", "Officer", z.officer ?? "", false, { autocomplete: "name" }),
    where(z.location ?? null), longText("note", "Note", z.note ?? ""), marking(z.tlp)];
}

export function exhibitFields(x: Partial<Exhibit>): Field[] {
  return [text("label", "Label, as written on it", x.label ?? "", true), choice("form", "Form", forms.map((f) => [f, f] as [string, string]), x.form ?? "powder", true), quantity(x.quantity ?? null),
    text("packaging", "Packaging", x.packaging ?? "", false, { placeholder: "such as knotted plastic bag" }), text("expected_as", "Sold or declared as", x.expected_as ?? ""),
    time("taken", "Taken", x.taken ?? "", true), longText("note", "Note", x.note ?? ""), marking(x.tlp)];
}

export function scanFields(s: { location?: Place | null; case?: string; exhibit?: string; officer?: string; tlp?: TLP }): Field[] {
  return [text("case", "Case", s.case ?? ""), text("exhibit", "Exhibit, as stated", s.exhibit ?? ""), text("officer", "Officer", s.officer ?? ""), where(s.location ?? null), marking(s.tlp)];
}

/** What a new seizure begins with: now, and the officer and place stated last in this browser. */
export function newSeizureStart(user: string): Partial<Seizure> {
  const kept = keptFields();
  const { latitude, longitude, precision_m, county, state, fips } = kept;
  return { seized: new Date().toISOString(), officer: kept.officer ?? user, case: kept.case ?? "", location: latitude === undefined ? null : { latitude, longitude, precision_m, county, state, fips } };
}

const valuesOf = (fields: Field[]) => Object.fromEntries(fields.map((f) => [f.name, f.value()]));

interface FormOptions {
  fields: Field[];
  submit: string;
  /** Sends what is stated, or what is different for an amendment; its reason is asked for then. */
  send: (body: Record<string, unknown>) => Promise<void>;
  amends?: boolean;
  cancel?: () => void;
  /** Shows the record as it is now, when somebody was faster. */
  reload?: () => void;
}

/** A form whose errors stand beside their fields. Until it is sent, what was entered stays. */
export function recordForm(o: FormOptions): HTMLFormElement {
  const fields = o.amends ? [...o.fields, text("reason", "Why it is amended", "", true, { maxlength: 2000 })] : o.fields;
  const before = valuesOf(o.fields);
  const problems = h("div", {});
  const submit = h("button", { type: "submit", class: "primary" }, o.submit);
  const form = h("form", { class: "record-form no-print", novalidate: true });
  const wrong = (field: Field, name: string, sentence: string) => {
    const inside = [...field.element.querySelectorAll<Input>("input, select, textarea")];
    const input = inside.find((i) => i.name === name) ?? (field.first as Input);
    const id = `${input.id}-wrong`;
    (input.closest(".field") ?? field.element).append(h("p", { class: "wrong", id }, sentence));
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
    return input;
  };
  const clear = () => {
    problems.replaceChildren();
    for (const p of form.querySelectorAll(".wrong")) p.remove();
    for (const i of form.querySelectorAll("[aria-invalid]")) (i.removeAttribute("aria-invalid"), i.removeAttribute("aria-describedby"));
  };
  /** What the browser itself sees: a number that is none, a needed field that is empty. */
  const checked = () => fields.flatMap((f) => [...f.element.querySelectorAll<Input>("input, select, textarea")].filter((i) => !i.validity.valid).map((i) => wrong(f, i.name, i.validationMessage)));
  const refused = (cause: unknown) => {
    const beside: Input[] = [];
    if (cause instanceof Problem)
      for (const [location, sentence] of Object.entries(cause.fields)) {
        const path = location.split(".").slice(1).reverse();
        const field = fields.find((f) => path.some((p) => f.name === p || f.element.querySelector(`[name="${CSS.escape(p)}"]`)));
        if (field) beside.push(wrong(field, path[0] ?? "", sentence));
      }
    const stale = cause instanceof Problem && cause.status === 412;
    if (beside.length === 0 || stale) problems.replaceChildren(problemBox(cause, "Nothing was stored. What you entered is still here."), stale && o.reload ? h("button", { type: "button", onclick: o.reload }, "Show it as it is now") : "");
    beside[0]?.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void (async () => {
      clear();
      const first = checked()[0];
      if (first) return first.focus();
      const now = valuesOf(fields);
      const body = o.amends ? { ...changedFields(before, valuesOf(o.fields)), reason: now.reason } : statedFields(now);
      if (o.amends && Object.keys(body).length === 1) return void problems.replaceChildren(h("p", { class: "wrong", role: "alert" }, "Nothing is different yet: change what has to be amended."));
      submit.disabled = true;
      await o.send(body).catch(refused);
      submit.disabled = false;
    })();
  });
  form.append(...fields.map((f) => f.element), problems, h("div", { class: "row" }, submit, o.cancel ? h("button", { type: "button", onclick: o.cancel }, "Cancel") : null));
  return form;
}

/** A form in a window over the page. */
export function formDialog(title: string, form: (close: () => void) => HTMLElement, hint = ""): void {
  const dialog = h("dialog", { class: "record-dialog", "aria-labelledby": "dialog-title" });
  const close = () => (dialog.close(), dialog.remove());
  dialog.append(h("h2", { id: "dialog-title" }, title), hint ? h("p", { class: "hint" }, hint) : "", form(close));
  dialog.addEventListener("cancel", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export const kept = "Nothing is overwritten: the original stays readable, with who amended it, when and why.";

export function amendSeizure(z: Seizure, done: () => void): void {
  formDialog("Amend this seizure", (close) => recordForm({ fields: seizureFields(z), submit: "Amend", amends: true, cancel: close, reload: () => (close(), done()),
    send: async (body) => (await records.amendSeizure(z.id, z.version, body), close(), done()) }), kept);
}

export function amendExhibit(x: Exhibit, done: () => void): void {
  formDialog(`Amend exhibit ${x.label}`, (close) => recordForm({ fields: exhibitFields(x), submit: "Amend", amends: true, cancel: close, reload: () => (close(), done()),
    send: async (body) => (await records.amendExhibit(x.id, x.version, body), close(), done()) }), kept);
}
