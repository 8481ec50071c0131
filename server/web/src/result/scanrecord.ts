// What people have said of a scan since it came: its exhibit, amendments of its circumstances, reviews by a second person.
import { api, type Scan } from "../base/api";
import { fill, h, type Child } from "../base/dom";
import { instant } from "../base/format";
import { problemBox } from "../base/problem";
import { formDialog, kept, recordForm, scanFields } from "../records/recordform";
import { ended, linkedWords, markingWord, mayAmend, newKey, opinionWord, records, type Exhibit, type MayReview, type Review } from "../records/records";
import { versionsList } from "../records/versions";

/** The card; it draws itself anew after each change. */
export function scanRecordCard(scan: Scan): HTMLElement {
  const card = h("section", { class: "card scan-record", id: "review", tabindex: -1, "data-testid": "scan-record", "aria-labelledby": "record-title" });
  const said = h("p", { role: "status", class: "laboratory-said", tabindex: -1 });
  const again = async (words: string) => {
    said.textContent = words;
    try {
      show(await api.scan(scan.id));
    } catch (cause) {
      card.append(problemBox(cause, "What you did is stored.", () => void again(words)));
    }
    said.focus();
  };
  const show = (s: Scan) => fill(card, h("h2", { id: "record-title" }, "Exhibit, amendments, review"), said, linkLine(s, again), circumstances(s, again), versionsList(s.versions ?? []), reviewPart(s, again));
  show(scan);
  return card;
}

function linkLine(s: Scan, again: (words: string) => Promise<void>): HTMLElement {
  return h("p", {}, s.linked ? h("span", {}, "Scan of ", h("a", { href: `/seizures/${encodeURIComponent(s.linked.seizure_id)}` }, linkedWords(s.linked)), ". ") : "Not linked to an exhibit. ",
    forAmenders(s, h("button", { type: "button", class: "small no-print", onclick: () => chooseExhibit(s, again) }, s.linked ? "Link to another exhibit" : "Link to an exhibit")));
}

/** Shown to those who may amend the scan. */
function forAmenders(s: Scan, button: HTMLElement): HTMLElement {
  button.hidden = true;
  api.me().then((me) => (button.hidden = !mayAmend(me, s.agency)), () => undefined);
  return button;
}

function circumstances(s: Scan, again: (words: string) => Promise<void>): HTMLElement {
  const amend = () => formDialog("Amend the circumstances of this scan", (close) => recordForm({ fields: scanFields(s), submit: "Amend", amends: true, cancel: close, reload: () => (close(), void again("")),
    send: async (body) => { await records.amendScan(s.id, s.version ?? 1, body); close(); await again("Amended. Lists, the map and reports follow it; the original is kept below."); } }),
  `Place, case, exhibit, officer and marking. The spectrum and its presumptive answer are never amended. ${kept}`);
  return h("p", {}, s.amended ? `Version ${s.version}, amended on ${instant(s.amended.changed)} by ${s.amended.changed_by} because: ${ended(s.amended.reason)} ` : "Place, case, exhibit and officer are as they were stated with the scan. ", markingWord(s.tlp), " ",
    forAmenders(s, h("button", { type: "button", class: "small no-print", onclick: amend }, "Amend")));
}

/** Exhibits to choose from, by case or label; the link is an amendment. */
function chooseExhibit(s: Scan, again: (words: string) => Promise<void>): void {
  formDialog("Link this scan to an exhibit", (close) => {
    const search = h("input", { id: "exhibit-search", type: "search", autocomplete: "off", value: s.case ?? "" });
    const reason = h("input", { id: "exhibit-reason", maxlength: 2000, required: true, value: "linked to the exhibit it was taken of" });
    const found = h("ul", { class: "exhibit-choice", "aria-live": "polite" });
    const problems = h("div", {});
    let loading: AbortController | undefined;
    let rest: ReturnType<typeof setTimeout> | undefined;
    const link = async (id: string) => {
      try {
        await records.amendScan(s.id, s.version ?? 1, { exhibit_id: id, reason: reason.value });
        close();
        await again(id ? "Linked." : "No longer linked.");
      } catch (cause) {
        fill(problems, problemBox(cause, "Nothing was stored."));
      }
    };
    const look = async () => {
      loading?.abort();
      const mine = (loading = new AbortController());
      try {
        const page = await records.exhibits(new URLSearchParams({ q: search.value, limit: "20", simulated: String(s.simulated) }), mine.signal);
        const some = page.exhibits ?? [];
        fill(found, ...(some.length ? some.map((x) => h("li", {}, choice(x, x.id === s.linked?.exhibit_id, () => void link(x.id)))) : [h("li", { class: "hint" }, search.value ? "No exhibit fits. Search for its label or case number, or clear the field." : "There are no exhibits yet. Enter the seizure first, on the page Seizures.")]));
      } catch (cause) {
        if (!mine.signal.aborted) fill(problems, problemBox(cause, "Nothing was changed."));
      }
    };
    search.addEventListener("input", () => { clearTimeout(rest); rest = setTimeout(() => void look(), 250); });
    void look();
    return h("div", { class: "record-form" }, h("div", { class: "field" }, h("label", { for: search.id }, "Case, label or what it was sold as"), search), found,
      h("div", { class: "field" }, h("label", { for: reason.id }, "Why (needed)"), reason), problems,
      h("div", { class: "row" }, h("a", { class: "button", href: "/seizures?new=1", onclick: close }, "Enter a new seizure"), s.linked ? h("button", { type: "button", onclick: () => void link("") }, "End the link") : null, h("button", { type: "button", onclick: close }, "Cancel")));
  }, s.simulated ? "SIMULATED exhibits only, because the scan is SIMULATED." : kept);
}

function choice(x: Exhibit, chosen: boolean, link: () => void): HTMLElement {
  return h("button", { type: "button", disabled: chosen, onclick: link }, h("strong", {}, x.label), ` ${x.form}${x.case ? `, case ${x.case}` : ""}${x.expected_as ? `, sold as ${x.expected_as}` : ""}, taken ${instant(x.taken)}${chosen ? " (this one now)" : ""}`);
}

function reviewPart(s: Scan, again: (words: string) => Promise<void>): HTMLElement {
  const reviews = s.reviews ?? [];
  const entry = h("div", { class: "no-print" });
  const last = s.laboratory_results?.find((r) => r.current);
  const about = (r: Review): string => (r.result_id === "" ? "the presumptive answer" : r.result_id === last?.id ? "the laboratory result" : "an earlier laboratory result");
  records.reviews(s.id).then(
    ({ answer, result }) => fill(entry, last && result ? reviewForm(s, result, "the laboratory result", last.id, again) : reviewForm(s, answer, "the presumptive answer", "", again)),
    (cause) => fill(entry, problemBox(cause, "Nothing was changed.")));
  return h("div", { class: "scan-review" }, h("h3", {}, "Review by a second person"),
    reviews.length ? h("ul", { "data-testid": "scan-reviews" }, ...[...reviews].reverse().map((r) => h("li", { class: r.current ? "" : "superseded" }, h("strong", {}, r.reviewed_by), ` ${opinionWord(r)} about ${about(r)}, ${instant(r.reviewed)}`, r.reason ? `: ${r.reason}` : "",
      r.alone ? h("span", { class: "chip chip-warn" }, "alone, without a second person") : null, r.current ? null : h("span", { class: "chip" }, "a later review counts"))))
      : h("p", { class: "hint" }, "Nobody has reviewed it yet."), entry);
}

function reviewForm(s: Scan, may: MayReview, what: string, resultID: string, again: (words: string) => Promise<void>): Child {
  if (!may.may_review) return h("p", { class: "hint" }, may.why_not);
  const key = newKey();
  const reason = h("input", { id: "review-reason", maxlength: 2000, autocomplete: "off" });
  const alone = h("input", { type: "checkbox", id: "review-alone" });
  const problems = h("div", {});
  const buttons: HTMLButtonElement[] = [];
  const send = async (opinion: Review["opinion"]) => {
    for (const b of buttons) b.disabled = true;
    fill(problems);
    try {
      await records.review(s.id, { ...(resultID ? { result_id: resultID } : {}), opinion, reason: reason.value, alone: may.must_be_alone && alone.checked }, `${key}-${opinion}`);
      await again("Your review is stored.");
    } catch (cause) {
      fill(problems, problemBox(cause, "Nothing was stored. What you entered is still here."));
      for (const b of buttons) b.disabled = false;
    }
  };
  const button = (opinion: Review["opinion"], text: string) => h("button", { type: "button", class: `review-${opinion}`, onclick: () => void send(opinion) }, text);
  buttons.push(button("agree", "Agree"), button("disagree", "Disagree"), button("needs_laboratory", "Needs laboratory"));
  return h("div", { class: "decision" }, h("p", {}, `What do you think of ${what}?`),
    may.must_be_alone ? h("p", {}, "You entered it, and no other account may review here. ", h("label", { class: "check" }, alone, " Review without a second person; this is recorded")) : null,
    h("div", { class: "field" }, h("label", { for: reason.id }, may.must_be_alone ? "Reason (needed)" : "Reason (needed to disagree)"), reason), problems, h("div", { class: "row" }, ...buttons));
}
