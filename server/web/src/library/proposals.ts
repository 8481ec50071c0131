// Scans that laboratory results propose as references: looked at, then accepted or rejected by a second person.
import { api, type Overlay, type Proposal } from "../base/api";
import { h, type Child } from "../base/dom";
import { count, instant, scanTitle, techniqueName } from "../base/format";
import { resultText } from "../result/laboratory";
import { problemBox } from "../base/problem";
import { note } from "../base/router";
import { watermark } from "../result/watermark";

/** The card of all proposals; opened is the id of the one to show, decided is called after each decision. */
export function proposalsCard(opened: string, decided: () => void): HTMLElement {
  const body = h("div", {});
  const said = h("p", { role: "status", class: "laboratory-said", tabindex: -1 });
  const card = h("section", { class: "card", id: "proposals", "data-testid": "proposals", "aria-labelledby": "proposals-title" }, h("h2", { id: "proposals-title" }, "Proposed references"), said, body);
  const load = () => api.proposals().then(
    ({ proposals }) => {
      const all = proposals ?? [];
      const waiting = all.filter((p) => p.status === "open");
      const past = all.filter((p) => p.status !== "open");
      const show = (p: Proposal) => item(p, p.id === opened, (id) => { opened = id; note(new URLSearchParams(id ? { proposal: id } : {})); }, (words) => { said.textContent = words; said.focus(); void load(); decided(); });
      body.replaceChildren(
        waiting.length ? h("ul", { class: "proposals" }, ...waiting.map(show)) : h("p", { class: "empty" }, "Nothing waits for a review. A laboratory result that says a sample is one pure substance proposes its scan here."),
        ...(past.length ? [h("details", { open: past.some((p) => p.id === opened) }, h("summary", {}, `Decided or withdrawn: ${count(past.length)}`), h("ul", { class: "proposals" }, ...past.map(show)))] : []));
    },
    (cause) => body.replaceChildren(problemBox(cause, "Nothing was changed.", () => void load())));
  void load();
  return card;
}

function item(p: Proposal, open: boolean, opens: (id: string) => void, done: (words: string) => void): HTMLElement {
  const detail = h("div", { class: "proposal-detail" });
  let drawn = false;
  const draw = () => {
    if (drawn) return;
    drawn = true;
    detail.append(...facts(p), plot(p), ...(p.status === "open" ? [decision(p, done)] : []));
  };
  const box = h("details", { open, "data-proposal": p.id, ontoggle: () => { if (box.open) draw(); opens(box.open ? p.id : ""); } },
    h("summary", {}, h("strong", {}, p.substance), " ", tier(p), " ", h("span", { class: p.status === "open" ? "chip" : "chip chip-warn" }, p.status),
      h("small", {}, ` ${[techniqueName(p.scan.technique), scanTitle(p.scan), instant(p.scan.acquired)].join(" · ")}`)),
    detail);
  if (open) draw();
  return h("li", {}, box);
}

function tier(p: Proposal): HTMLElement {
  return p.tier === "simulated" ? h("strong", { class: "badge" }, "SIMULATED") : h("span", { class: "chip" }, "measured");
}

function facts(p: Proposal): HTMLElement[] {
  const q = p.scan.identification.quality;
  const rows: [string, Child][] = [
    ["Laboratory", resultText(p.laboratory_result)], ["Entered by", `${p.laboratory_result.entered_by}, ${instant(p.laboratory_result.entered)}`],
    ["Presumptive answer", h("a", { href: `/scans/${encodeURIComponent(p.scan.id)}` }, p.scan.headline)],
    ["Axis", q.axis === "ok" ? "ok" : "not checked by known lines"],
    ["Device", p.scan.device ? `${p.scan.device.model}, serial ${p.scan.device.serial_number}` : "from a file"], ["Signal to noise", q.snr > 0 ? String(Math.round(q.snr)) : "not measured"],
  ];
  if (p.laboratory_result.note) rows.push(["Note", p.laboratory_result.note]);
  if (p.decision) rows.push(["Decision", `${p.decision.accepted ? "accepted" : "rejected"} by ${p.decision.decided_by}${p.decision.alone ? ", alone, without a second person" : ""}, ${instant(p.decision.decided)}${p.decision.reason ? `: ${p.decision.reason}` : ""}`]);
  return [h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))];
}

function plot(p: Proposal): HTMLElement {
  const host = h("div", { class: "proposal-plot" });
  const mark = p.scan.simulated ? watermark() : null;
  const draw = async () => {
    try {
      const [overlay, { overlayPlot }] = await Promise.all([api.proposalOverlay(p.id), import("../plot/plot")]);
      host.append(h("p", { class: "hint" }, comparison(overlay, p)));
      overlayPlot(host, overlay, { id: p.scan.id, plot: `proposal-plot-${p.id}`, title: `Proposed reference of ${p.substance}`, technique: p.scan.technique, simulated: p.scan.simulated, saturated: overlay.saturated ?? [] });
      if (mark) host.append(mark);
    } catch (cause) {
      host.append(problemBox(cause, "The proposal stands; only its drawing is missing.", () => { host.replaceChildren(); void draw(); }));
    }
  };
  void draw();
  return host;
}

/** What the drawing shows, in words. */
function comparison(overlay: Overlay, p: Proposal): string {
  const n = overlay.references?.length ?? 0;
  return n === 0 ? `The library has no reference of ${p.substance} with this technique to compare with. Look all the more closely.` : `Proposed scan above; below it ${n === 1 ? "the reference" : `${count(n)} references`} of ${p.substance} that the library has.`;
}

function decision(p: Proposal, done: (words: string) => void): HTMLElement {
  if (!p.may_reject) return h("p", { class: "hint" }, p.why_not);
  const reason = h("input", { id: `reason-${p.id}`, maxlength: 200, autocomplete: "off" });
  const alone = h("input", { type: "checkbox" });
  const problems = h("div", {});
  const buttons: HTMLButtonElement[] = [];
  const decide = async (word: "accept" | "reject") => {
    for (const b of buttons) b.disabled = true;
    problems.replaceChildren();
    try {
      await api.decide(p.id, { decision: word, reason: reason.value, alone: p.must_be_alone && alone.checked });
      done(word === "accept" ? `Accepted. Scans are answered with this reference of ${p.substance} from now on.` : `Rejected. The scan of ${p.substance} stays no reference.`);
    } catch (cause) {
      problems.replaceChildren(problemBox(cause, "What you entered is still here."));
      for (const b of buttons) b.disabled = false;
    }
  };
  buttons.push(h("button", { type: "button", class: "primary accept", disabled: !p.may_accept, onclick: () => void decide("accept") }, "Accept as reference"),
    h("button", { type: "button", class: "reject", onclick: () => void decide("reject") }, "Reject"));
  return h("div", { class: "decision no-print" },
    p.must_be_alone ? h("p", {}, "You entered this laboratory result, and no other account may review here. ", h("label", { class: "check" }, alone, " Accept without a second person; this is recorded")) : p.why_not ? h("p", {}, p.why_not) : null,
    h("div", { class: "field" }, h("label", { for: reason.id }, p.must_be_alone ? "Reason (needed)" : "Reason (needed to reject)"), reason), problems, h("div", { class: "row" }, ...buttons));
}
