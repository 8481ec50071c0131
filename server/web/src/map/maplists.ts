// The lists beside the map: counties in view, and what was seen where for the first time.
import { api, type FirstSeen } from "../base/api";
import { h } from "../base/dom";
import { count, instant, percent, region } from "../base/format";
import { fewScans, wilson, type CountyCount } from "./geo";
import { problemBox } from "../base/problem";
import { knownVerdict, looks, shape } from "../result/verdict";

/** One county: hits of scans with the interval of the share, and its scans to go to. */
export function countyItem(c: CountyCount, look: () => void): HTMLElement {
  const [low, high] = wilson(c.hits, c.scans);
  const share = c.scans < fewScans ? `too few scans for a share (n < ${fewScans})` : `${percent(c.hits / c.scans)} (95 % interval ${percent(low)} to ${percent(high)})`;
  const name = region(c) || c.county;
  const meter = h("span", { class: "mini-bar", "aria-hidden": "true" });
  meter.style.setProperty("--share", `${c.scans < fewScans ? 0 : (c.hits / c.scans) * 100}%`);
  return h("li", {}, h("details", {},
    h("summary", {}, h("span", { class: "county-name" }, name), h("span", { class: "county-n" }, `${count(c.hits)} of ${count(c.scans)}`), meter, h("small", {}, share)),
    h("p", {}, c.fips ? h("button", { type: "button", class: "small", onclick: look }, "Show on the map") : null, " ",
      h("a", { href: `/scans?${listed(c)}` }, "All in the list")),
    h("ul", { class: "county-scans" }, ...c.points.slice(0, 12).map((p) => {
      const verdict = knownVerdict(p.properties.verdict);
      return h("li", {}, shape(verdict, 18), h("a", { href: `/scans/${encodeURIComponent(p.properties.scan_id)}` }, (p.properties.substances ?? []).join(", ") || looks[verdict].word.toLowerCase()), h("small", {}, instant(p.properties.acquired)));
    }))));
}

/** The list's filter for a county, in the words its scans were stored with. */
function listed(c: CountyCount): URLSearchParams {
  const { county = c.county, state = c.state } = c.points[0]?.properties ?? {};
  return new URLSearchParams({ county, state });
}

/** First seen by county or state, newest first. */
export function firstSeenCard(): HTMLElement {
  const list = h("ol", { class: "first-seen", "data-testid": "first-seen" });
  const status = h("p", { class: "hint", role: "status" });
  const others = h("div", {});
  const by = h("select", { id: "first-by", onchange: () => void load() }, h("option", { value: "county" }, "by county"), h("option", { value: "state" }, "by state"));
  const only = h("input", { type: "checkbox", checked: true, onchange: () => void load() });
  const load = async () => {
    try {
      const answer = await api.firstSeen(new URLSearchParams({ by: by.value }));
      const items = (answer.items ?? []).filter((i) => !only.checked || i.controlled).sort((a, b) => b.first_seen.localeCompare(a.first_seen));
      status.textContent = items.length ? `${count(items.length)} presumptive firsts among ${count(answer.scans)} scans; newest first. Each needs a laboratory result.` : "Nothing named yet: firsts appear here once scans with a place name a substance.";
      const show = (n: number) => list.replaceChildren(...items.slice(0, n).map(firstItem), ...(items.length > n ? [h("li", { class: "more" }, h("button", { type: "button", class: "small", onclick: () => show(items.length) }, `Show all ${count(items.length)}`))] : []));
      show(12);
      const shared = (answer.shared ?? []).filter((s) => !only.checked || s.controlled);
      others.replaceChildren(...(shared.length ? [h("h3", {}, "Counted by other agencies"), h("p", { class: "hint" }, "They share numbers of whole months, and no scans."),
        h("ul", { class: "plain" }, ...shared.map((s) => h("li", {}, h("strong", {}, s.substance), `, ${region(s.region)}: ${s.fewer_than ? `fewer than ${s.fewer_than}` : count(s.hits)} (${s.agency})`, s.simulated ? h("span", { class: "badge" }, "SIMULATED") : null)))] : []));
    } catch (cause) {
      status.replaceChildren(problemBox(cause, "The map is not affected.", () => void load()));
    }
  };
  void load();
  return h("section", { class: "card" }, h("h2", {}, "First seen"), h("div", { class: "row" }, h("label", { class: "sr-only", for: "first-by" }, "Region"), by, h("label", { class: "check" }, only, " controlled only")), status, list, others);
}

function firstItem(item: FirstSeen): HTMLElement {
  const looked = item.first_looked ?? item.scans_before === 0;
  const before = looked ? "First looked: no earlier scan here, so it may have been present before." : `First seen after ${count(item.scans_before)} earlier ${item.scans_before === 1 ? "scan" : "scans"} here without it.`;
  return h("li", {}, h("a", { href: `/scans/${encodeURIComponent(item.scan_id)}` }, item.substance), item.controlled ? h("span", { class: "chip chip-controlled" }, "controlled") : null, item.simulated ? h("span", { class: "badge" }, "SIMULATED") : null,
    item.look_back ? h("span", { class: "chip", title: "Not named when it was scanned: found later with a new reference" }, "found by looking back") : null,
    h("span", { class: "first-where" }, `${region(item.region) || "unknown place"} · ${instant(item.first_seen)}`), h("small", {}, `${before} Seen ${count(item.hits)} ${item.hits === 1 ? "time" : "times"} in all.`));
}
