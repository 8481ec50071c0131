// What the library holds and lacks, what laboratory results propose to add to it, and what each change did.
import { api, type LibraryState } from "../base/api";
import { changesCard } from "../library/changes";
import { h } from "../base/dom";
import { count } from "../base/format";
import { problemBox } from "../base/problem";
import { proposalsCard } from "../library/proposals";
import type { Page } from "../base/router";
import { table } from "../base/table";
import { validationCard } from "../library/validation";

export const libraryPage: Page = (host, { query }) => {
  const holds = h("section", { class: "card", "data-testid": "library-holds", "aria-labelledby": "holds-title" }, h("h2", { id: "holds-title" }, "What it holds"));
  const lacks = h("section", { class: "card", "data-testid": "library-lacks", "aria-labelledby": "lacks-title" }, h("h2", { id: "lacks-title" }, "What is missing"));
  const left = new AbortController();
  const load = () => api.library().then(
    (l) => {
      holds.replaceChildren(holds.firstElementChild!, ...holding(l));
      lacks.replaceChildren(lacks.firstElementChild!, ...lacking(l));
    },
    (cause) => holds.append(problemBox(cause, "Nothing was changed.", () => { holds.querySelector(".problem")?.remove(); void load(); })));
  void load();
  const changes = changesCard(left.signal);
  const proposals = proposalsCard(query.get("proposal") ?? "", () => { void load(); changes.reload(); });
  host.append(h("div", { class: "page library-page" }, h("h1", {}, "Library"),
    h("div", { class: "library-columns" },
      h("div", { class: "stack" }, proposals, changes.card, validationCard()),
      h("div", { class: "stack" }, lacks, holds))));
  return () => left.abort();
};

function lacking(l: LibraryState): HTMLElement[] {
  const missing = l.controlled_without_measured ?? [];
  return [
    missing.length
      ? h("p", {}, h("strong", { class: "figure" }, count(missing.length)), ` of ${count(l.controlled)} controlled substances have no measured reference. No scan can be named after them by a measured spectrum.`)
      : h("p", {}, "Every controlled substance has a measured reference."),
    missing.length ? h("div", { class: "missing-list", tabindex: 0, role: "region", "aria-label": "Controlled substances without a measured reference" }, h("ul", {}, ...missing.map((name) => h("li", {}, name)))) : null,
    h("p", { class: "hint" }, "Three ways to add them: a laboratory result on a scan of the pure substance (on the page of the scan); your instrument and a standard, ", h("code", {}, "fentrace library learn"), "; files of another library, ", h("code", {}, "fentrace library import"), "."),
  ].filter((e) => e !== null);
}

function holding(l: LibraryState): HTMLElement[] {
  const tiers = l.references_by_tier ?? {};
  const tier = (name: string, n: number | undefined, what: string) => h("li", {}, h("strong", { class: "figure" }, count(n ?? 0)), h("span", {}, name), h("small", {}, what));
  const layers = l.layers ?? [];
  return [
    h("ul", { class: "tiers" }, tier("measured", tiers.measured, "may support a named alarm"), tier("published", tiers.published, "peak tables: class and candidates"), tier("SIMULATED", tiers.simulated, "only for simulated scans")),
    h("p", {}, `${count(l.substances)} substances, ${count(l.controlled)} of them controlled${l.unverified ? `; ${count(l.unverified)} with unverified entries` : ""}.`),
    table("References by class", ["Class", "Substances", "Controlled", "Measured", "Published", "SIMULATED"], (l.classes ?? []).map((c) => [c.class || "unknown class", c.substances, c.controlled, c.measured, c.published, c.simulated])),
    table("Layers, lowest first", ["Layer", "Substances", "References", "Version"], layers.map((x) => [x.name, x.substances, x.references, h("code", { title: x.version }, x.version.slice(0, 12))])),
    h("p", { class: "hint version" }, "Version ", h("code", {}, l.version)),
  ];
}
