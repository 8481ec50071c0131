// What a scan was answered, and shown, before it came to this server.
import type { FieldAnswer, Scan } from "../base/api";
import { h, type Child } from "../base/dom";
import { instant, probability } from "../base/format";
import { knownVerdict, shape } from "./verdict";

/** Whether the two answers say something else to whoever reads them. */
export function differs(scan: Pick<Scan, "verdict" | "headline">, answer: FieldAnswer): boolean {
  return answer.identification.verdict !== scan.verdict || answer.identification.headline !== scan.headline;
}

/** One line for beside the verdict when whoever took the scan was shown something else. */
export function fieldLine(scan: Scan): Child {
  const other = [...new Set((scan.field_answers ?? []).filter((a) => differs(scan, a)).map((a) => a.identification.headline))];
  return other.length ? h("p", { class: "verdict-field" }, h("strong", {}, "In the field it was answered: "), other.join("; ")) : null;
}

/** The field answers of a scan; null without any. */
export function fieldAnswersCard(scan: Scan): Child {
  const answers = scan.field_answers ?? [];
  if (answers.length === 0) return null;
  return h("section", { class: "card", id: "field-answers", "data-testid": "field-answers" }, h("h2", {}, "As answered in the field"),
    h("p", { class: "hint" }, "This is what was shown where the scan was taken. The answer above was given here, with the library of this server; both are kept."),
    h("ul", { class: "field-answers" }, ...answers.map((a) => item(scan, a))));
}

function item(scan: Scan, a: FieldAnswer): HTMLElement {
  const answer = a.identification;
  const findings = (answer.findings ?? []).map((f) => `${f.substance} (${probability(f.probability)})`).join(", ");
  const facts = [`answered ${instant(a.answered)}`, a.device && `${a.device.model} ${a.device.serial_number}`, a.exhibit && `exhibit ${a.exhibit}`, a.case && `case ${a.case}`, a.officer && `officer ${a.officer}`];
  return h("li", {}, h("div", { class: "finding-head" }, shape(knownVerdict(answer.verdict), 22), h("strong", {}, answer.headline),
      answer.simulated ? h("strong", { class: "badge" }, "SIMULATED") : null,
      h("span", { class: differs(scan, a) ? "chip chip-warn" : "chip" }, differs(scan, a) ? "differs from the answer above" : "same as the answer above")),
    h("p", {}, answer.summary),
    findings ? h("p", { class: "hint" }, `Found: ${findings}`) : null,
    h("p", { class: "hint" }, facts.filter(Boolean).join(" · ")),
    h("p", { class: "hint break" }, "Library ", h("code", {}, answer.library), " · Algorithm ", h("code", {}, answer.algorithm), " · Scan id there ", h("code", {}, a.scan_id)));
}
