// Other stored scans that look like one, whatever they were answered.
import { api, type Scan, type SimilarScan } from "../base/api";
import { h } from "../base/dom";
import { count, instant, region } from "../base/format";
import { problemBox } from "../base/problem";
import { knownVerdict, shape } from "./verdict";

/** "0.94 · Adams, CO · 2026-01-03 12:00 Z" */
export function similarText(s: SimilarScan): string {
  return [`correlation ${s.score.toFixed(2)}`, region(s), instant(s.acquired)].filter(Boolean).join(" \u00b7 ");
}

/** Looks only when asked to: every scan ever stored is looked at. */
export function similarCard(scan: Scan): HTMLElement {
  const status = h("p", { class: "hint", role: "status" }, "Looks at every scan ever stored, whatever it was answered.");
  const list = h("ol", { class: "county-scans", "data-testid": "similar" });
  const look = h("button", { type: "button", class: "small no-print", "data-testid": "look-similar", onclick: () => void load() }, "Look for similar scans");
  const load = async () => {
    look.disabled = true;
    status.textContent = "Looking\u2026";
    try {
      const found = (await api.similar(scan.id)).scans ?? [];
      list.replaceChildren(...found.map(similarItem));
      status.textContent = found.length ? `${count(found.length)} most similar, best first. Alike is not the same: a laboratory must say.` : "No stored scan looks like this one.";
    } catch (cause) {
      status.replaceChildren(problemBox(cause, "Nothing was changed.", () => void load()));
    }
    look.disabled = false;
  };
  return h("section", { class: "card", "aria-labelledby": "similar-title" }, h("h2", { id: "similar-title" }, "Similar scans"), look, status, list);
}

function similarItem(s: SimilarScan): HTMLElement {
  return h("li", {}, shape(knownVerdict(s.verdict), 18),
    h("span", {}, h("a", { href: `/scans/${encodeURIComponent(s.scan_id)}` }, s.headline), s.simulated ? h("span", { class: "badge" }, "SIMULATED") : null),
    h("small", {}, similarText(s)));
}
