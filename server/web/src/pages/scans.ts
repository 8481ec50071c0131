// Every stored scan, filtered by the address bar.
import { api, type Scan } from "../base/api";
import { scansCSV } from "../base/csv";
import { download, h } from "../base/dom";
import { count, day, instant, probability, region, scanTitle, techniqueName } from "../base/format";
import { exportList } from "../records/exports";
import { problemBox } from "../base/problem";
import { linkedWords } from "../records/records";
import { note, type Page } from "../base/router";
import { apiQuery, readFilters, writeFilters, type FilterName, type Filters } from "../base/url";
import { headline, knownVerdict, looks, shape, verdicts } from "../result/verdict";
import { watermark } from "../result/watermark";

export const scansPage: Page = (host, { query }) => {
  let filters: Filters = readFilters(query);
  let scans: Scan[] = [];
  let cursor = "";
  let loading: AbortController | undefined;
  const body = h("tbody", {});
  const status = h("p", { class: "list-status", role: "status" });
  const problems = h("div", {});
  const fresh = h("button", { type: "button", class: "small", hidden: true });
  const more = h("button", { type: "button", hidden: true, onclick: () => void load() }, "Load more");
  const csv = h("button", { type: "button", class: "small", disabled: true, onclick: () => download(`fentrace-scans-${day(new Date())}.csv`, new Blob([scansCSV(scans)], { type: "text/csv" })) }, "Export the listed rows as CSV");
  const exports = exportList();
  const ask = (format: string) => exports.ask(apiQuery(filters).toString(), format);
  const marked = h("div", { class: "mark-slot" });

  const load = async (restart = false) => {
    loading?.abort();
    const mine = (loading = new AbortController());
    if (restart) cursor = "";
    more.disabled = true;
    try {
      const page = await api.scans(apiQuery(filters, { limit: "50", cursor }), mine.signal);
      if (restart) {
        scans = [];
        body.replaceChildren();
      }
      const next = page.scans ?? [];
      scans.push(...next);
      body.append(...next.map(row));
      cursor = page.next_cursor;
      problems.replaceChildren();
      status.textContent = page.total === 0 ? emptyWords(filters) : `${count(scans.length)} of ${count(page.total)} scans listed, newest first`;
      marked.replaceChildren(...(scans.some((s) => s.simulated) ? [watermark("watermark")] : []));
    } catch (cause) {
      if (mine.signal.aborted) return;
      problems.replaceChildren(problemBox(cause, scans.length ? "The rows already listed are kept." : "Nothing was changed.", () => void load(restart)));
    }
    more.hidden = cursor === "";
    more.disabled = false;
    csv.disabled = scans.length === 0;
  };
  const changed = (next: Filters) => {
    filters = next;
    note(writeFilters(filters));
    void load(true);
  };

  let arrived = 0;
  const unsubscribe = api.onScan(() => {
    arrived++;
    fresh.hidden = false;
    fresh.textContent = `${count(arrived)} new ${arrived === 1 ? "scan" : "scans"}: list again`;
  });
  fresh.addEventListener("click", () => { arrived = 0; fresh.hidden = true; void load(true); });

  host.append(h("div", { class: "page" }, h("h1", {}, "Scans"), filterForm(filters, changed), h("div", { class: "list-tools" }, status, fresh, h("a", { href: "/reviews" }, "Waiting for a review"), csv,
    h("button", { type: "button", class: "small", onclick: () => ask("csv") }, "Export these: CSV"), h("button", { type: "button", class: "small", onclick: () => ask("zip") }, "Export these: ZIP with files")), problems, exports.element,
    h("div", { class: "list" }, h("div", { class: "table-scroll" }, h("table", { class: "scans", "data-testid": "scans" },
      h("thead", {}, h("tr", {}, ...["Verdict", "Substances", "Acquired", "Place", "Technique", "File or exhibit"].map((t) => h("th", { scope: "col" }, t)))), body)), marked),
    h("p", { class: "load-more" }, more)));
  void load(true);
  return () => {
    unsubscribe();
    exports.end();
    loading?.abort();
  };
};

function emptyWords(filters: Filters): string {
  return Object.keys(filters).length ? "No scan fits these filters. Widen the dates or clear a field." : "No scans yet. Take one on the Scan page, or drop a file there.";
}

function row(s: Scan): HTMLElement {
  const verdict = knownVerdict(s.verdict);
  const { word, rest } = headline(s);
  const findings = s.identification?.findings ?? [];
  return h("tr", { class: `row-${verdict}` },
    h("th", { scope: "row" }, h("span", { class: "row-verdict" }, shape(verdict, 24), h("span", {}, h("a", { href: `/scans/${encodeURIComponent(s.id)}` }, word), h("small", {}, rest, s.review === "disagree" ? h("span", { class: "chip chip-warn" }, "reviewer disagrees") : null, s.simulated ? h("span", { class: "badge" }, "SIMULATED") : null)))),
    h("td", { "data-label": "Substances" }, findings.length ? findings.map((f) => `${f.substance} ${probability(f.probability).replaceAll(" ", "\u00a0")}`).join(", ") : "none named"),
    h("td", { "data-label": "Acquired", class: "number" }, instant(s.acquired)),
    h("td", { "data-label": "Place" }, region(s.location) || (s.location ? "outside the atlas" : "none")),
    h("td", { "data-label": "Technique" }, techniqueName(s.technique)),
    h("td", { "data-label": "File or exhibit", class: "break" }, scanTitle(s), s.linked ? h("small", {}, h("br"), h("a", { href: `/seizures/${encodeURIComponent(s.linked.seizure_id)}` }, linkedWords(s.linked))) : null));
}

/** The filter row; every change is handed on at once, typing after a short rest. */
function filterForm(filters: Filters, changed: (f: Filters) => void): HTMLElement {
  const inputs = new Map<FilterName, HTMLInputElement | HTMLSelectElement>();
  let rest: ReturnType<typeof setTimeout> | undefined;
  const read = () => {
    clearTimeout(rest);
    const query = new URLSearchParams(writeFilters({ class: filters.class })); // a filter without a field here stays as the address had it
    for (const [name, input] of inputs) if (input.value) query.set(name, input.value);
    changed(readFilters(query));
  };
  const select = (name: FilterName, label: string, options: [string, string][]) => {
    const element = h("select", { id: `filter-${name}`, onchange: read }, ...[["", "any"], ...options].map(([value, text]) => h("option", { value, selected: filters[name] === value }, text)));
    inputs.set(name, element);
    return h("div", { class: "field" }, h("label", { for: element.id }, label), element);
  };
  const text = (name: FilterName, label: string, type = "search") => {
    const element = h("input", { id: `filter-${name}`, type, value: filters[name] ?? "", autocomplete: "off", oninput: () => { clearTimeout(rest); rest = setTimeout(read, 300); } });
    inputs.set(name, element);
    return h("div", { class: "field" }, h("label", { for: element.id }, label), element);
  };
  return h("form", { class: "filters no-print", role: "search", onsubmit: (event: SubmitEvent) => { event.preventDefault(); read(); } },
    select("verdict", "Verdict", verdicts.map((v) => [v, looks[v].word])), select("technique", "Technique", [["raman", "Raman"], ["ir", "Infrared"]]), text("substance", "Substance"), text("county", "County"), text("state", "State"),
    text("from", "From", "date"), text("to", "To", "date"), text("q", "Text"),
    select("reviewed", "Review", [["no", "waits for one"], ["yes", "reviewed"], ["disagreed", "disagreed"], ["needs_laboratory", "needs laboratory"]]),
    h("button", { type: "button", class: "small clear", onclick: () => { for (const input of inputs.values()) input.value = ""; filters = {}; read(); } }, "Clear"));
}
