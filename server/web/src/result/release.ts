// Handing a scan out: evidence pack, STIX or report for somebody, with what was handed out before.
import { api, type Dissemination, type Scan } from "../base/api";
import { h, type Child } from "../base/dom";
import { instant } from "../base/format";
import { problemBox } from "../base/problem";

const kinds: [string, string, (id: string) => string][] = [
  ["evidence", "Evidence pack", (id) => `/v1/scans/${id}/evidence?`],
  ["stix", "STIX 2.1", (id) => `/v1/scans/${id}/stix?`],
  ["report", "Report (PDF)", (id) => `/v1/scans/${id}?as=pdf&`],
];

/** Shown to whoever may see who was given what; others find the card hidden. */
export function releaseCard(scan: Scan): HTMLElement {
  const list = h("div", { "data-testid": "disseminations" });
  const said = h("div", { role: "status" });
  const recipient = h("input", { type: "text", maxlength: 200, placeholder: "office and name" });
  const reason = h("input", { type: "text", maxlength: 200, placeholder: "such as: case 26-117" });
  const card = h("section", { class: "card no-print", id: "release", hidden: true, "data-testid": "release", "aria-labelledby": "release-title" },
    h("h2", { id: "release-title" }, "Hand out"), keeping(scan),
    h("p", { class: "hint" }, "The evidence pack holds everything about this scan with proofs of its custody; ", h("code", {}, "fentrace verify"), " checks it without a server. That it was handed out, to whom and why, is kept on record for good."),
    h("div", { class: "release-for" }, h("label", { class: "field" }, "Given to", recipient), h("label", { class: "field" }, "Why", reason)),
    h("div", { class: "row" }, ...kinds.map(([kind, words, path]) => h("button", { type: "button", "data-testid": `release-${kind}`, onclick: () => void hand(path(encodeURIComponent(scan.id))) }, words))),
    said, list);
  const show = async () => {
    const page = await api.disseminations(scan.id);
    list.replaceChildren(...past(page.disseminations ?? []));
    card.hidden = false;
  };
  const hand = async (path: string) => {
    try {
      await api.handOut(path + new URLSearchParams({ recipient: recipient.value.trim(), reason: reason.value.trim() }).toString());
      said.replaceChildren(h("p", {}, "Handed out and noted."));
    } catch (cause) {
      said.replaceChildren(problemBox(cause, "Nothing was handed out."));
    }
    await show().catch(() => undefined);
  };
  show().catch(() => undefined); // not for everybody to see
  return card;
}

function keeping(scan: Scan): Child {
  if (scan.erased) return h("p", { class: "chip chip-warn" }, `Erased ${instant(scan.erased.at)} under the rule "${scan.erased.policy}" by ${scan.erased.by}. Its hash and this record are kept.`);
  return null; // a hold has its own card
}

function past(all: Dissemination[]): HTMLElement[] {
  if (all.length === 0) return [h("p", { class: "hint" }, "Nobody was given it so far.")];
  return [h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Handed out" },
    h("table", {}, h("caption", {}, "Handed out, newest first"),
      h("thead", {}, h("tr", {}, ...["When", "What", "To", "Why", "By", "Marking"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, ...all.map((d) => h("tr", {}, h("td", {}, instant(d.at)), h("td", {}, d.kind), h("td", { class: "break" }, d.recipient || "not stated"),
        h("td", { class: "break" }, d.reason || "not stated"), h("td", {}, d.released_by), h("td", {}, `TLP:${d.tlp.toUpperCase()}`))))))];
}
