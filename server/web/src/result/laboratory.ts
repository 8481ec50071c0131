// What a laboratory found in the sample of a scan: entering it, and its history beside the presumptive answer. This is the one
// file of the pages that speaks of confirmed results, because only a laboratory gives them.
import { api, type LaboratoryResult, type ResultWord, type Scan } from "../base/api";
import { h, type Child } from "../base/dom";
import { instant } from "../base/format";
import { problemBox } from "../base/problem";

const results: [ResultWord, string, string][] = [
  ["confirmed", "Confirmed", "what the presumptive answer rests on is there"],
  ["refuted", "Refuted", "none of it is there"],
  ["corrected", "Corrected", "something else, or something more, is there"],
];

/** "refuted by GC-MS, State Laboratory: caffeine" */
export function resultText(r: LaboratoryResult): string {
  const found = r.substances.map((s) => s.name + (s.form ? ` (${s.form})` : "") + (s.substance_id ? "" : " (in no library)")).join(", ");
  return `${r.result} by ${(r.methods?.length ? r.methods : [r.technique]).join(", ")}, ${r.laboratory}: ${found ? (r.pure ? `pure ${found}` : found) : "nothing of the answer found"}`;
}

/** One line for beside the verdict, when a laboratory has spoken. */
export function laboratoryLine(scan: Scan): Child {
  const last = scan.laboratory_results?.find((r) => r.current);
  return last ? h("p", { class: "verdict-field", "data-testid": "laboratory-line" }, h("strong", {}, "Laboratory: "), resultText(last)) : null;
}

/** History and form. The form is shown to whoever may enter results; the card draws itself anew after each. */
export function laboratoryCard(scan: Scan): HTMLElement {
  const history = h("div", {});
  const entry = h("div", { class: "no-print" });
  const said = h("p", { role: "status", class: "laboratory-said", tabindex: -1 });
  const card = h("section", { class: "card laboratory", id: "laboratory", "data-testid": "laboratory", "aria-labelledby": "laboratory-title" },
    h("h2", { id: "laboratory-title" }, "Laboratory result"), history, said, entry);
  const show = (s: Scan) => history.replaceChildren(...past(s));
  show(scan);
  api.me().then(({ permissions }) => {
    if (!permissions.includes("results.enter")) {
      entry.replaceChildren(h("p", { class: "hint" }, "Laboratory results are entered by a chemist, a reviewer or the operator."));
      return;
    }
    const form = resultForm(scan, async (body, report) => {
      const stored = await api.enterResult(scan.id, body);
      const lost = report && (await api.addReport(scan.id, stored.id, report).then(() => "", (cause: unknown) => `The result is stored, its report file is not: ${cause instanceof Error ? cause.message : String(cause)} Enter the same again with the file. `));
      show(await api.scan(scan.id));
      said.textContent = (lost || "") + (stored.proposal ? "Stored. The scan is proposed as a reference; a second person reviews it on the Library page." : `Stored. Not proposed as a reference: ${stored.not_proposed}.`);
      said.focus();
    });
    entry.replaceChildren(h("details", { class: "laboratory-entry" }, h("summary", {}, "Enter a laboratory result"), form));
  }, () => undefined);
  return card;
}

function past(scan: Scan): HTMLElement[] {
  const all = scan.laboratory_results ?? [];
  if (all.length === 0) return [h("p", { class: "hint" }, "No laboratory has reported on this sample here yet. The presumptive answer above stays as it was given whatever the laboratory finds; both are kept.")];
  return [h("ol", { class: "laboratory-history" }, ...[...all].reverse().map((r) => h("li", { class: r.current ? "" : "superseded" },
    h("p", {}, h("strong", {}, resultText(r)), " ", h("span", { class: r.current ? "chip" : "chip chip-warn" }, r.current ? "counts" : "superseded by a later result")),
    r.analyst || r.report_number || r.report ? h("p", {}, [r.analyst && `Analyst ${r.analyst}`, r.report_number && `report ${r.report_number}`].filter(Boolean).join(", "), " ",
      r.report ? h("a", { href: `/v1/scans/${encodeURIComponent(scan.id)}/laboratory-results/${encodeURIComponent(r.id)}/report`, download: "" }, `Report: ${r.report.name}`) : null) : null,
    r.note ? h("p", { class: "break laboratory-note" }, r.note) : null,
    h("p", { class: "hint" }, `Entered by ${r.entered_by}, ${instant(r.entered)}. `, r.proposal ? h("a", { href: `/library?proposal=${encodeURIComponent(r.proposal)}` }, "Proposed as a reference") : `Not proposed as a reference: ${r.not_proposed}.`))))];
}

interface Entry {
  result: ResultWord;
  substances: string[];
  pure: boolean;
  allow_unknown: boolean;
  technique: string;
  methods: string[];
  laboratory: string;
  analyst: string;
  report_number: string;
  note: string;
}

const remembered = "fentrace-laboratory";

function resultForm(scan: Scan, send: (entry: Entry, report?: File) => Promise<void>): HTMLElement {
  const chosen: string[] = [];
  const list = h("ul", { class: "substance-list", "aria-label": "Substances the laboratory found" });
  const names = h("datalist", { id: "substance-names" });
  api.substances().then(({ substances }) => names.append(...(substances ?? []).map((s) => h("option", { value: s.name }, s.cas ?? ""))), () => undefined);
  const add = () => {
    const name = substance.value.trim();
    if (name && !chosen.some((c) => c.toLowerCase() === name.toLowerCase())) chosen.push(name);
    substance.value = "";
    drawList();
  };
  const substance = h("input", { id: "laboratory-substance", list: "substance-names", autocomplete: "off", maxlength: 200, placeholder: "name or CAS number",
    onkeydown: (e: KeyboardEvent) => { if (e.key === "Enter" && substance.value.trim()) { e.preventDefault(); add(); } } });
  const drawList = () => list.replaceChildren(...chosen.map((name, i) => h("li", {}, name, " ", h("button", { type: "button", class: "small", "aria-label": `Remove ${name}`, onclick: () => { chosen.splice(i, 1); drawList(); substance.focus(); } }, "Remove"))));
  const found = [...new Set((scan.identification.findings ?? []).map((f) => f.substance))];
  const radios = results.map(([value, word, what]) => h("label", { class: "check" },
    h("input", { type: "radio", name: "result", value, required: true, onchange: () => { if (value === "confirmed" && chosen.length === 0) { chosen.push(...found); drawList(); } } }), h("span", {}, h("strong", {}, word), `: ${what}`)));
  const pure = h("input", { type: "checkbox", id: "laboratory-pure" });
  const unknown = h("input", { type: "checkbox", id: "laboratory-unknown" });
  const technique = h("input", { id: "laboratory-technique", list: "second-techniques", required: true, maxlength: 200, autocomplete: "off" });
  const laboratory = h("input", { id: "laboratory-name", required: true, maxlength: 200, autocomplete: "organization", value: localStorage.getItem(remembered) ?? "" });
  const methods = h("input", { id: "laboratory-methods", maxlength: 600, autocomplete: "off", placeholder: "such as LC-MS/MS; FTIR" });
  const analyst = h("input", { id: "laboratory-analyst", maxlength: 200, autocomplete: "off" });
  const number = h("input", { id: "laboratory-number", maxlength: 200, autocomplete: "off" });
  const report = h("input", { id: "laboratory-report", type: "file" });
  const note = h("textarea", { id: "laboratory-note", rows: 3, maxlength: 2000 });
  const submit = h("button", { type: "submit", class: "primary", id: "laboratory-submit" }, "Store the result");
  const problems = h("div", {});
  const form = h("form", { class: "laboratory-form", onsubmit: (e: SubmitEvent) => { e.preventDefault(); void store(); } });
  const store = async () => {
    add();
    submit.disabled = true;
    problems.replaceChildren();
    try {
      await send({ result: new FormData(form).get("result") as ResultWord, substances: chosen, pure: pure.checked, allow_unknown: unknown.checked, technique: technique.value, methods: methods.value.split(/[;,]/).map((m) => m.trim()).filter(Boolean),
        laboratory: laboratory.value, analyst: analyst.value, report_number: number.value, note: note.value }, report.files?.[0]);
      localStorage.setItem(remembered, laboratory.value);
      form.reset();
      chosen.length = 0;
      drawList();
      form.closest("details")?.removeAttribute("open");
    } catch (cause) {
      problems.replaceChildren(problemBox(cause, "Nothing was stored. What you entered is still here."));
    }
    submit.disabled = false;
  };
  const field = (label: string, input: HTMLElement, ...more: Child[]) => h("div", { class: "field" }, h("label", { for: input.id }, label), input, ...more);
  form.append(
    h("fieldset", {}, h("legend", {}, "The presumptive answer is"), ...radios),
    h("div", { class: "field" }, h("label", { for: substance.id }, "Present according to the laboratory"), h("div", { class: "add-substance" }, substance, h("button", { type: "button", onclick: () => { add(); substance.focus(); } }, "Add")), names, list,
      h("label", { class: "check" }, unknown, " Keep names that no library has"), h("label", { class: "check" }, pure, " The sample is this one substance and nothing else (a good scan of it is proposed as a reference)")),
    field("Second technique", technique, h("datalist", { id: "second-techniques" }, ...["GC-MS", "LC-MS/MS", "LC-HRMS", "NMR", "FTIR"].map((value) => h("option", { value })))),
    field("Further methods", methods), field("Laboratory", laboratory), field("Analyst", analyst), field("Number of the laboratory's report", number), field("The report as a file", report), field("Note", note), problems, h("p", {}, submit),
    h("p", { class: "hint" }, "A stored result is never changed. A later one counts instead, and both are kept."));
  return form;
}
