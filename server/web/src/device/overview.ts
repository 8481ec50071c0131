// What the first page says about the library and the latest scans.
import { api, type LibraryState } from "../base/api";
import { h } from "../base/dom";
import { count, instant, region } from "../base/format";
import { problemBox } from "../base/problem";
import { headlineText, knownVerdict, shape } from "../result/verdict";

/** Tier counts, and which controlled substances have no measured reference yet. */
export function libraryCard(): HTMLElement {
  const card = h("section", { class: "card", id: "library", "data-testid": "library" }, h("h2", {}, "Library"));
  api.library().then((l) => card.append(...libraryText(l)), (cause) => card.append(problemBox(cause, "Nothing was changed.")));
  return card;
}

function libraryText(l: LibraryState): HTMLElement[] {
  const tiers = l.references_by_tier ?? {};
  const missing = l.controlled_without_measured ?? [];
  const tier = (name: string, n: number | undefined, what: string) => h("li", {}, h("strong", { class: "figure" }, count(n ?? 0)), h("span", {}, name), h("small", {}, what));
  return [
    h("ul", { class: "tiers" }, tier("measured", tiers.measured, "may support a named alarm"), tier("published", tiers.published, "peak tables: class and candidates"), tier("SIMULATED", tiers.simulated, "only for simulated scans")),
    h("p", {}, `${count(l.substances)} substances, ${count(l.controlled)} of them controlled${l.unverified ? `; ${count(l.unverified)} with unverified entries` : ""}.`),
    missing.length
      ? h("details", { class: "missing" }, h("summary", {}, `Controlled substances without a measured reference: ${count(missing.length)}`), h("p", {}, missing.join(", ")), h("p", { class: "hint" }, "How to add references: ", h("a", { href: "/library" }, "Library")))
      : h("p", {}, "Every controlled substance has a measured reference."),
    h("p", { class: "hint version" }, "Version ", h("code", { title: l.version }, l.version.length > 24 ? `${l.version.slice(0, 24)}\u2026` : l.version)),
  ];
}

/** The five latest scans. */
export function latestCard(): HTMLElement {
  const card = h("section", { class: "card", "data-testid": "latest" }, h("h2", {}, "Latest scans"));
  const load = async () => {
    const { scans, total } = await api.scans(new URLSearchParams({ limit: "5" }));
    if (!scans?.length) return card.append(h("p", { class: "empty" }, "No scans yet. Press Scan, or drop a file above."));
    return card.append(
      h("ul", { class: "latest" }, ...scans.map((s) => {
        const verdict = knownVerdict(s.verdict);
        return h("li", {}, shape(verdict, 22), h("a", { href: `/scans/${encodeURIComponent(s.id)}` }, headlineText(s)),
          h("small", {}, [s.simulated ? "SIMULATED" : "", instant(s.acquired), region(s.location)].filter(Boolean).join(" · ")));
      })),
      h("p", {}, h("a", { href: "/scans" }, `All ${count(total)} scans`)));
  };
  load().catch((cause) => card.append(problemBox(cause, "Nothing was changed.")));
  return card;
}
