// All seizures, and the form for a new one.
import { api } from "../base/api";
import { fill, h } from "../base/dom";
import { count, instant, region } from "../base/format";
import { problemBox } from "../base/problem";
import { newSeizureStart, recordForm, seizureFields } from "../records/recordform";
import { markingWord, newKey, records, type SeizureItem } from "../records/records";
import { go, note, type Page } from "../base/router";

const names = ["q", "county", "state", "from", "to"] as const;

export const seizuresPage: Page = (host, { query }) => {
  const inputs = Object.fromEntries(names.map((n) => [n, h("input", { id: `seizures-${n}`, type: n === "from" || n === "to" ? "date" : "search", value: query.get(n) ?? "", autocomplete: "off", oninput: () => later() })])) as Record<(typeof names)[number], HTMLInputElement>;
  const body = h("div", {});
  const status = h("p", { class: "list-status", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => void load(false) }, "Load more");
  const table = h("a", { class: "button", href: "/v1/seizures?as=csv&limit=500", download: "" }, "These as CSV");
  let rest: ReturnType<typeof setTimeout> | undefined;
  let loading: AbortController | undefined;
  let cursor = "";
  let rows = h("tbody", {});
  const later = () => { clearTimeout(rest); rest = setTimeout(() => void load(true), 300); };
  const asked = () => {
    const q = new URLSearchParams();
    for (const n of names) if (inputs[n].value) q.set(n, inputs[n].value);
    return q;
  };
  const load = async (restart: boolean) => {
    loading?.abort();
    const mine = (loading = new AbortController());
    const q = asked();
    if (restart) note(q);
    try {
      const ask = new URLSearchParams(q);
      if (!restart && cursor) ask.set("cursor", cursor);
      const page = await records.seizures(ask, mine.signal);
      if (restart) {
        rows = h("tbody", {});
        fill(body, page.total ? listing(rows) : empty(q.size > 0));
      }
      rows.append(...(page.seizures ?? []).map(row));
      cursor = page.next_cursor;
      status.textContent = page.total ? `${count(rows.rows.length)} of ${count(page.total)} seizures listed, newest first` : "";
      table.href = `/v1/seizures?${new URLSearchParams([...q, ["as", "csv"], ["limit", "500"]])}`;
      table.hidden = page.total === 0;
      more.hidden = cursor === "";
    } catch (cause) {
      if (!mine.signal.aborted) fill(body, problemBox(cause, "Nothing was changed.", () => void load(restart)));
    }
  };
  const field = (n: (typeof names)[number], label: string) => h("div", { class: n === "q" ? "field wide" : "field" }, h("label", { for: inputs[n].id }, label), inputs[n]);
  host.append(h("div", { class: "page" }, h("h1", {}, "Seizures"), entry(query.has("new")),
    h("form", { class: "filters no-print", role: "search", onsubmit: (e: SubmitEvent) => { e.preventDefault(); void load(true); } }, field("q", "Case, officer, place or note"), field("county", "County"), field("state", "State"), field("from", "From"), field("to", "To")),
    h("div", { class: "list-tools" }, status, table), body, h("p", { class: "load-more" }, more)));
  void load(true);
  return () => { clearTimeout(rest); loading?.abort(); };
};

/** The form for a new seizure, folded away until it is wanted; shown to those who may enter one. */
function entry(open: boolean): HTMLElement {
  const me = api.me();
  const inside = h("div", {});
  const box = h("details", { class: "card record-entry no-print", id: "new-seizure", ontoggle: () => void draw() }, h("summary", {}, "Enter a new seizure"), inside);
  const draw = async () => {
    if (!box.open || inside.firstChild) return;
    const user = await me.then((m) => m.user, () => "");
    const key = newKey();
    const simulated = h("input", { type: "checkbox", id: "seizure-simulated" });
    const form = recordForm({ fields: seizureFields(newSeizureStart(user)), submit: "Enter the seizure",
      send: async (fields) => { const z = await records.newSeizure({ ...fields, ...(simulated.checked ? { simulated: true } : {}) }, key); go(`/seizures/${z.id}?new=exhibit`); } });
    form.lastElementChild?.before(h("label", { class: "check" }, simulated, " SIMULATED: made up for training"));
    inside.append(form);
    form.querySelector<HTMLElement>('[name="case"]')?.focus();
  };
  box.hidden = true;
  me.then((m) => (box.hidden = !m.permissions.includes("records.amend")), () => undefined);
  if (open) box.open = true;
  return box;
}

function empty(filtered: boolean): HTMLElement {
  return h("div", { class: "empty card" }, h("p", {}, filtered ? "No seizure fits these filters. Widen the dates or clear a field."
    : "No seizures yet. Enter the first one above: when and where, then its exhibits. Scans are linked to an exhibit on their own page."));
}

function listing(rows: HTMLElement): HTMLElement {
  return h("div", { class: "list" }, h("div", { class: "table-scroll" }, h("table", { class: "scans seizures", "data-testid": "seizures" },
    h("thead", {}, h("tr", {}, ...["Case", "Seized", "Place", "Officer", "Exhibits", "Scans", "Agency", "Marking"].map((t) => h("th", { scope: "col" }, t)))), rows)));
}

function row(z: SeizureItem): HTMLElement {
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: `/seizures/${encodeURIComponent(z.id)}` }, z.case || "no case number yet"), z.simulated ? h("span", {}, " ", h("strong", { class: "badge" }, "SIMULATED")) : null, z.version > 1 ? h("small", {}, ` amended, version ${z.version}`) : null),
    h("td", { "data-label": "Seized", class: "number" }, instant(z.seized)), h("td", { "data-label": "Place" }, region(z.location) || (z.location ? "outside the atlas" : "none")), h("td", { "data-label": "Officer" }, z.officer || "not stated"),
    h("td", { "data-label": "Exhibits", class: "number" }, count(z.exhibits)), h("td", { "data-label": "Scans", class: "number" }, `${count(z.scans)}${z.alarms ? `, ${count(z.alarms)} presumptive ${z.alarms === 1 ? "alarm" : "alarms"}` : ""}`),
    h("td", { "data-label": "Agency" }, z.agency), h("td", { "data-label": "Marking" }, markingWord(z.tlp)));
}
