// What looking through the past found: where a substance was earlier than was known, and which scans look like one.
import { api, type Alert, type SimilarScan } from "./api";
import { h } from "./dom";
import { count, instant, region } from "./format";
import { problemBox } from "./problem";

/** Where something was seen earlier than was known, those not read yet first; empty when there is nothing. */
export function alertsCard(): HTMLElement {
  const list = h("ol", { class: "first-seen" });
  const status = h("p", { class: "hint", role: "status" });
  const card = h("section", { class: "card", "data-testid": "alerts", "aria-labelledby": "alerts-title", hidden: true }, h("h2", { id: "alerts-title" }, "Earlier than was known"), status, list);
  const load = () => api.alerts().then(
    ({ alerts }) => {
      const all = alerts ?? [];
      const unread = all.filter((a) => !a.read).length;
      card.hidden = all.length === 0;
      status.textContent = `${count(unread)} not read. Found by looking through the past with a new reference; presumptive, and the answers given then stay.`;
      list.replaceChildren(...all.slice(0, 20).map((a) => item(a, () => void load())));
    },
    (cause) => {
      card.hidden = false;
      status.replaceChildren(problemBox(cause, "The map is not affected.", () => void load()));
    });
  void load();
  return card;
}

function item(a: Alert, read: () => void): HTMLElement {
  const button = h("button", { type: "button", class: "small", onclick: () => { button.disabled = true; api.readAlert(a.id).then(read, read); } }, "I have read this");
  return h("li", {}, h("a", { href: `/scans/${encodeURIComponent(a.scan_id)}` }, a.substance), a.simulated ? h("span", { class: "badge" }, "SIMULATED") : null,
    h("span", { class: "first-where" }, `${region(a) || "unknown place"} \u00b7 ${instant(a.first_seen)}`), h("small", {}, earlier(a)),
    a.read ? h("small", {}, `Read by ${a.read_by}, ${instant(a.read)}.`) : button);
}

/** How much earlier, in words. */
export function earlier(a: Alert): string {
  if (!a.seen_before) return "It was not known to have been here.";
  const days = Math.floor((Date.parse(a.seen_before) - Date.parse(a.first_seen)) / 86_400_000);
  const by = days < 1 ? "less than a day" : days === 1 ? "1 day" : `${count(days)} days`;
  return `Thought to be first seen on ${instant(a.seen_before)}: ${by} later.`;
}

/** The scans most like one, looked for when the card is opened. */
export function similarCard(scanID: string): HTMLElement {
  const list = h("div", {});
  let asked = false;
  const load = () => {
    if (asked) return;
    asked = true;
    list.replaceChildren(h("p", { class: "hint" }, "Looking through all stored scans\u2026"));
    api.similar(scanID).then(
      async ({ scans }) => list.replaceChildren(await similarList(scans ?? [])),
      (cause) => list.replaceChildren(problemBox(cause, "Nothing was changed.", () => { asked = false; load(); })));
  };
  const box = h("details", { ontoggle: () => { if (box.open) load(); } }, h("summary", {}, h("strong", {}, "What else looked like this")), list);
  return h("section", { class: "card", "data-testid": "similar" }, box);
}

async function similarList(found: SimilarScan[]): Promise<HTMLElement> {
  if (!found.length) return h("p", { class: "empty" }, "No other stored scan agrees by a correlation of 0.7 or more.");
  const scans = await Promise.all(found.map((f) => api.scan(f.scan_id)));
  return h("ul", { class: "first-seen" }, ...scans.map((scan, i) => h("li", {}, h("a", { href: `/scans/${encodeURIComponent(scan.id)}` }, scan.headline), scan.simulated ? h("span", { class: "badge" }, "SIMULATED") : null,
    h("small", {}, `correlation ${(found[i]?.score ?? 0).toFixed(2)} \u00b7 ${instant(scan.acquired)}`))));
}
