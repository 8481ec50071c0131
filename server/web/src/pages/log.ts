// What was done, by whom; whether everything is as it was stored; and a checkpoint to keep elsewhere.
import { api, type LogEntry, type Verification } from "../base/api";
import { download, h } from "../base/dom";
import { count, instant } from "../base/format";
import { problemBox } from "../base/problem";
import { note, type Page } from "../base/router";

const fields = ["actor", "action", "record"] as const;
const actions = ["collect", "alter", "consult", "disclose", "combine", "erase", "log-in", "grant", "revoke", "refuse"];
/** How often the page asks how far the verification is, ms. */
const askAgain = 700;

export const logPage: Page = (host, { query }) => {
  const left = new AbortController();
  host.append(h("div", { class: "page" }, h("h1", {}, "Log"),
    h("p", { class: "hint" }, "Every entry is a leaf of a hash tree: none can be changed or taken out without its being found."),
    verifyCard(left.signal), entriesCard(query, left.signal)));
  return () => left.abort();
};

function verifyCard(left: AbortSignal): HTMLElement {
  const said = h("div", { "aria-live": "polite", "data-testid": "verification" });
  const bar = h("progress", { hidden: true, "aria-label": "Verifying" });
  const begin = h("button", { type: "button", class: "primary" }, "Verify now");
  const save = h("button", { type: "button" }, "Save a checkpoint");
  const failed = (cause: unknown) => { if (!left.aborted) said.replaceChildren(problemBox(cause, "Nothing was changed.")); };
  const show = (v: Verification) => {
    begin.disabled = v.running;
    bar.hidden = !v.running;
    bar.max = Math.max(1, v.total);
    bar.value = v.done;
    said.replaceChildren(...verificationWords(v));
    if (v.running) setTimeout(() => { if (!left.aborted) api.verification(left).then(show, failed); }, askAgain);
  };
  begin.addEventListener("click", () => void api.verify().then(show, failed));
  save.addEventListener("click", () => void api.checkpoint().then((c) => download(c.name, new Blob([c.text], { type: "text/plain" })), failed));
  api.verification(left).then(show, failed);
  return h("section", { class: "card stack" }, h("h2", {}, "Is everything as it was stored?"),
    h("p", {}, "The log is computed anew, and every file, spectrum, answer, laboratory result and decision is compared with it."),
    bar, said, h("div", { class: "list-tools" }, begin, save),
    h("p", { class: "hint" }, "Keep checkpoints where nobody who runs this server can reach them. fentrace verify --checkpoint FILE then shows that the log was not made anew or cut back."));
}

function verificationWords(v: Verification): HTMLElement[] {
  if (v.error) return [h("p", {}, v.error)];
  const faults = v.faults ?? [];
  const list = faults.length ? [h("ul", { class: "stack" }, ...faults.map((f) => h("li", { class: "break" }, h("strong", {}, f.kind), ` ${f.id}: ${f.what}`)))] : [];
  if (v.running) return [h("p", {}, `Verifying: ${count(v.done)} of ${count(v.total)} records${faults.length ? `, ${count(faults.length)} faults` : ""}`), ...list];
  if (!v.result || !v.ended) return [h("p", {}, "Nothing was verified since this server was started.")];
  const seen = `${count(v.result.leaves)} entries, ${count(v.result.checkpoints)} checkpoints, ${count(v.result.files)} files, ${count(v.result.scans)} scans, ${count(v.result.records)} other records`;
  return [h("p", {}, h("strong", {}, v.result.faults ? `WRONG: ${count(v.result.faults)} faults.` : "Everything is as it was stored."), ` ${seen}, at ${instant(v.ended)}.`), ...list];
}

function entriesCard(query: URLSearchParams, left: AbortSignal): HTMLElement {
  let cursor = "";
  const body = h("tbody", {});
  const problems = h("div", {});
  const status = h("p", { class: "list-status", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => void load(false) }, "Load more");
  const inputs = fields.map((name) =>
    name === "action"
      ? h("select", { id: `log-${name}`, name }, ...["", ...actions].map((a) => h("option", { value: a, selected: query.get(name) === a }, a || "any")))
      : h("input", { id: `log-${name}`, name, type: "search", value: query.get(name) ?? "", autocomplete: "off" }));
  const load = async (restart: boolean) => {
    if (restart) cursor = "";
    const asked = new URLSearchParams();
    for (const input of inputs) if (input.value.trim()) asked.set(input.name, input.value.trim());
    note(asked);
    asked.set("cursor", cursor);
    try {
      const page = await api.log(asked, left);
      if (restart) body.replaceChildren();
      body.append(...(page.entries ?? []).map(row));
      cursor = page.next_cursor;
      status.textContent = body.childElementCount ? `${count(body.childElementCount)} entries listed, newest first; the log has ${count(page.size)}` : "No entry fits.";
      problems.replaceChildren();
    } catch (cause) {
      if (!left.aborted) problems.replaceChildren(problemBox(cause, "The rows already listed are kept.", () => void load(restart)));
    }
    more.hidden = cursor === "";
  };
  void load(true);
  const labels = { actor: "Who", action: "Action", record: "Record (id)" };
  return h("section", { class: "card" }, h("h2", {}, "Entries"),
    h("form", { class: "filters", role: "search", onsubmit: (event: SubmitEvent) => { event.preventDefault(); void load(true); } },
      ...inputs.map((input, i) => h("div", { class: "field" }, h("label", { for: input.id }, labels[fields[i]!]), input)), h("button", { type: "submit", class: "small" }, "List")),
    h("div", { class: "list-tools" }, status), problems,
    h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Entries of the log" }, h("table", { class: "stacked", "data-testid": "log" },
      h("thead", {}, h("tr", {}, ...["Number", "Time", "Who", "Action", "Record", "Detail"].map((t) => h("th", { scope: "col" }, t)))), body)),
    h("p", { class: "load-more" }, more));
}

function row(e: LogEntry): HTMLElement {
  const record = e.kind === "scan" ? h("a", { href: `/scans/${encodeURIComponent(e.id)}` }, e.id) : e.id;
  return h("tr", {}, h("th", { scope: "row", class: "number" }, e.seq), h("td", { class: "number", "data-label": "Time" }, instant(e.time)),
    h("td", { class: "break", "data-label": "Who" }, [e.actor || "nobody", e.role, e.agency].filter(Boolean).join(", ")), h("td", { "data-label": "Action" }, e.action),
    h("td", { class: "break", "data-label": "Record" }, `${e.kind} `, record), h("td", { class: "break", "data-label": "Detail" }, h("small", {}, detailWords(e.detail))));
}

/** The members of a detail in a line; hashes are cut short. */
export function detailWords(detail: Record<string, unknown> | null): string {
  const words = (v: unknown): string =>
    typeof v === "string" ? (/^[0-9a-f]{64}$/.test(v) ? `${v.slice(0, 12)}…` : v) : v !== null && typeof v === "object" ? detailWords(v as Record<string, unknown>) : String(v);
  return Object.entries(detail ?? {}).map(([name, v]) => `${name}: ${words(v)}`).join(", ");
}
