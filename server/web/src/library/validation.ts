// How well the thresholds hold for this library, where the server can say it.
import { api, Problem, type ValidationReport } from "../base/api";
import { h } from "../base/dom";
import { instant } from "../base/format";
import { problemBox } from "../base/problem";
import { table } from "../base/table";

/** The card of the validation report. A server that makes none answers "no such route", and the card stays hidden. */
export function validationCard(): HTMLElement {
  const card = h("section", { class: "card", id: "validation", "data-testid": "validation", hidden: true, "aria-labelledby": "validation-title" }, h("h2", { id: "validation-title" }, "Validation"));
  const load = () => api.validation().then(
    (report) => {
      card.hidden = false;
      card.append(...view(report));
    },
    (cause) => {
      if (cause instanceof Problem && cause.status === 404) return;
      card.hidden = false;
      card.append(problemBox(cause, "Nothing was changed.", () => { card.querySelector(".problem")?.remove(); void load(); }));
    });
  void load();
  return card;
}

function view(report: ValidationReport): HTMLElement[] {
  return [
    h("p", { class: "hint" }, report.made ? `Made ${instant(report.made)} for library version ` : "For library version ", h("code", { title: report.library }, report.library.slice(0, 12))),
    ...(report.sentences ?? []).map((s) => h("p", {}, s)),
    ...(report.tables ?? []).map((t) => table(t.title, t.columns, t.rows)),
  ];
}
