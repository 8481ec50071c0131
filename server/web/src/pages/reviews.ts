// What waits for a second person.
import { fill, h } from "../base/dom";
import { count, instant, scanTitle } from "../base/format";
import { resultText } from "../result/laboratory";
import { problemBox } from "../base/problem";
import { records, type WaitingReview } from "../records/records";
import { note, type Page } from "../base/router";
import { headlineText, knownVerdict, looks, shape, verdicts } from "../result/verdict";

export const reviewsPage: Page = (host, { query }) => {
  const list = h("ul", { class: "reviews", "data-testid": "reviews" });
  const status = h("p", { class: "list-status", role: "status" });
  const problems = h("div", {});
  const more = h("button", { type: "button", hidden: true, onclick: () => void load(false) }, "Load more");
  const verdict = h("select", { id: "reviews-verdict", onchange: () => void load(true) }, ...[["", "any"], ...verdicts.map((v) => [v, looks[v].word])].map(([v, t]) => h("option", { value: v, selected: v === (query.get("verdict") ?? "") }, t ?? "")));
  let cursor = "";
  let loading: AbortController | undefined;
  const load = async (restart: boolean) => {
    loading?.abort();
    const mine = (loading = new AbortController());
    const q = new URLSearchParams(verdict.value ? { verdict: verdict.value } : {});
    if (restart) note(q);
    q.set("limit", "25");
    if (!restart && cursor) q.set("cursor", cursor);
    try {
      const page = await records.waiting(q, mine.signal);
      if (restart) list.replaceChildren();
      list.append(...(page.reviews ?? []).map(item));
      cursor = page.next_cursor;
      more.hidden = cursor === "";
      fill(problems);
      status.textContent = page.total ? `${count(page.total)} wait for a second person, newest first` : "Nothing waits for a review. What is scanned or entered by a laboratory comes here until a second person has looked at it.";
    } catch (cause) {
      if (!mine.signal.aborted) fill(problems, problemBox(cause, "Nothing was changed.", () => void load(restart)));
    }
  };
  host.append(h("div", { class: "page" }, h("h1", {}, "Waiting for a review"),
    h("div", { class: "filters no-print" }, h("div", { class: "field" }, h("label", { for: verdict.id }, "Verdict"), verdict)), h("div", { class: "list-tools" }, status), problems, list, h("p", { class: "load-more" }, more)));
  void load(true);
  return () => loading?.abort();
};

function item(w: WaitingReview): HTMLElement {
  return h("li", { class: "card row-verdict" }, shape(knownVerdict(w.scan.verdict), 24), h("span", {},
    h("a", { href: `/scans/${encodeURIComponent(w.scan.id)}#review` }, w.laboratory_result ? `Laboratory result: ${resultText(w.laboratory_result)}` : headlineText(w.scan)),
    h("small", {}, ` ${[scanTitle(w.scan), instant(w.scan.acquired), w.entered_by && `entered by ${w.entered_by}`].filter(Boolean).join(" · ")} `, w.scan.simulated ? h("strong", { class: "badge" }, "SIMULATED") : null),
    w.may_review ? null : h("small", {}, ` ${w.why_not}`)));
}
