// One seizure: what it is, its exhibits, their scans, what happened when, and what it said before it was amended.
import { api, type Me, type Scan } from "../base/api";
import { fill, h, type Child } from "../base/dom";
import { count, instant, place } from "../base/format";
import { problemBox } from "../base/problem";
import { amendExhibit, amendSeizure, exhibitFields, recordForm } from "../records/recordform";
import { ended, markingWord, mayAmend, newKey, quantityWords, records, reviewWord, timeline, type Exhibit, type Seizure } from "../records/records";
import { name, type Page } from "../base/router";
import { headlineText, knownVerdict, shape } from "../result/verdict";
import { versionsList } from "../records/versions";
import { watermark } from "../result/watermark";

export const seizurePage: Page = (host, { path, query }) => {
  const id = path[1] ?? "";
  const page = h("div", { class: "page seizure" }, h("p", { class: "hint" }, "Reading the seizure\u2026"));
  host.append(page);
  let left = false;
  const load = async (opened: boolean) => {
    try {
      const [me, z, versions, exhibits, scans] = await Promise.all([api.me(), records.seizure(id), records.seizureVersions(id), records.exhibitsOf(id), records.seizureScans(id)]);
      if (!left) draw(page, { me, z, versions: versions.versions ?? [z], exhibits: inOrder(exhibits.exhibits ?? []), scans: scans.scans ?? [], more: scans.total - (scans.scans?.length ?? 0) }, opened, () => void load(false));
    } catch (cause) {
      if (!left) fill(page, h("h1", {}, "Seizure"), problemBox(cause, "Nothing was changed.", () => void load(opened)), h("p", {}, h("a", { href: "/seizures" }, "All seizures")));
    }
  };
  void load(query.get("new") === "exhibit");
  return () => { left = true; };
};

/** By label, as people count: 2 before 10. */
const inOrder = (exhibits: Exhibit[]) => exhibits.sort((a, b) => a.label.localeCompare(b.label, "en", { numeric: true }));

interface All { me: Me; z: Seizure; versions: Seizure[]; exhibits: Exhibit[]; scans: Scan[]; more: number }

function draw(page: HTMLElement, all: All, opened: boolean, again: () => void): void {
  const { z } = all;
  if (z.case) name(`Seizure ${z.case}`);
  fill(page,
    h("div", { class: "row" }, h("h1", { tabindex: -1 }, z.case ? `Seizure, case ${z.case}` : "Seizure without a case number yet"), z.simulated ? h("strong", { class: "badge" }, "SIMULATED") : null),
    facts(all, again), exhibitsCard(all, opened, again), scansCard(all), timelineCard(all), versionsCard(all.versions), z.simulated ? watermark("watermark") : null);
}

function facts({ me, z }: All, again: () => void): HTMLElement {
  const rows: [string, Child][] = [["Seized", instant(z.seized)], ["Place", place(z.location)], ["Officer", z.officer || "not stated"], ["Agency", z.agency], ["Marking", markingWord(z.tlp)],
    ["Note", z.note ? h("span", { class: "record-note break" }, z.note) : "none"]];
  return h("section", { class: "card" }, h("dl", {}, ...rows.flatMap(([n, v]) => [h("dt", {}, n), h("dd", {}, v)])),
    z.version > 1 ? h("p", { class: "hint" }, `Amended on ${instant(z.changed)} by ${z.changed_by} because: ${ended(z.reason)} `, h("a", { href: "#versions", class: "no-print", onclick: jump }, "What it said before")) : null,
    mayAmend(me, z.agency) ? h("p", { class: "no-print" }, h("button", { type: "button", class: "small", onclick: () => amendSeizure(z, again) }, "Amend"))
      : h("p", { class: "hint no-print" }, z.agency === me.agency ? "Your role reads this seizure; it does not amend it." : `It belongs to the agency ${z.agency}, which alone amends it.`));
}

function jump(event: Event): void {
  event.preventDefault();
  const target = document.querySelector<HTMLElement>("#versions");
  target?.focus({ preventScroll: true });
  target?.scrollIntoView({ block: "start" });
}

function exhibitsCard({ me, z, exhibits, scans }: All, opened: boolean, again: () => void): HTMLElement {
  const inside = h("div", {});
  const entry = h("details", { class: "record-entry no-print", id: "new-exhibit", open: opened, ontoggle: () => { if (entry.open) enter(); } }, h("summary", {}, "Enter an exhibit"), inside);
  const enter = () => {
    if (inside.firstChild) return;
    const key = newKey();
    const form = recordForm({ fields: exhibitFields({ taken: z.seized, tlp: z.tlp, label: nextLabel(exhibits) }), submit: "Enter the exhibit", send: async (body) => { await records.newExhibit(z.id, body, key); again(); } });
    inside.append(form);
    form.querySelector<HTMLElement>('[name="label"]')?.focus();
  };
  const may = mayAmend(me, z.agency);
  if (opened && may) enter();
  return h("section", { class: "card", "data-testid": "exhibits" }, h("h2", {}, `Exhibits: ${count(exhibits.length)}`),
    exhibits.length ? h("ul", { class: "exhibits" }, ...exhibits.map((x) => exhibitItem(x, scans.filter((s) => s.linked?.exhibit_id === x.id), may, again)))
      : h("p", { class: "empty" }, may ? "No exhibits yet. Enter what was found below, one exhibit for each thing that is packed by itself." : "No exhibits yet."), may ? entry : null);
}

/** The number after the highest one in use; people overwrite it. */
export function nextLabel(exhibits: { label: string }[]): string {
  return String(1 + Math.max(0, ...exhibits.map((x) => parseInt(x.label, 10)).filter((n) => Number.isFinite(n))));
}

function exhibitItem(x: Exhibit, scans: Scan[], may: boolean, again: () => void): HTMLElement {
  const past = h("div", {});
  const show = async () => {
    try {
      fill(past, versionsList((await records.exhibitVersions(x.id)).versions ?? []));
    } catch (cause) {
      fill(past, problemBox(cause, "Nothing was changed.", () => void show()));
    }
  };
  return h("li", { "data-exhibit": x.id },
    h("p", {}, h("strong", {}, `Exhibit ${x.label}`), " ", h("span", { class: "chip" }, x.form), " ", quantityWords(x.quantity), x.tlp ? h("small", {}, ` ${markingWord(x.tlp)}`) : null),
    h("p", { class: "hint break" }, [x.packaging, x.expected_as && `sold or declared as ${x.expected_as}`, `taken ${instant(x.taken)}`, x.note, `${count(scans.length)} ${scans.length === 1 ? "scan" : "scans"}`].filter(Boolean).join(" · ")),
    h("div", { class: "row no-print" }, may ? h("button", { type: "button", class: "small", onclick: () => amendExhibit(x, again) }, "Amend") : null,
      x.version > 1 ? h("details", { ontoggle: () => { if (!past.firstChild) void show(); } }, h("summary", {}, `Amended ${x.version === 2 ? "once" : `${x.version - 1} times`}`), past) : null));
}

function scansCard({ scans, more }: All): HTMLElement {
  const item = (s: Scan) => {
    return h("li", { class: "row-verdict" }, shape(knownVerdict(s.verdict), 24), h("span", {}, h("a", { href: `/scans/${encodeURIComponent(s.id)}` }, headlineText(s)),
      h("small", {}, ` ${[`exhibit ${s.linked?.label ?? ""}`, instant(s.acquired), reviewWord(s) || "waits for a review"].join(" · ")}`)));
  };
  return h("section", { class: "card", "data-testid": "seizure-scans" }, h("h2", {}, "Scans of its exhibits"),
    scans.length ? h("ul", { class: "seizure-scans" }, ...scans.map(item)) : h("p", { class: "empty" }, "No scans yet. Take one, or open one from ", h("a", { href: "/scans" }, "Scans"), ", and link it to an exhibit there."),
    more > 0 ? h("p", { class: "hint" }, `and ${count(more)} more`) : null);
}

function timelineCard({ versions, exhibits, scans }: All): HTMLElement {
  return h("section", { class: "card", "data-testid": "timeline" }, h("h2", {}, "What happened when"),
    h("ol", { class: "timeline" }, ...timeline(versions, exhibits, scans).map((e) => h("li", {}, h("time", { datetime: e.at, class: "number" }, instant(e.at)), h("span", {}, e.href ? h("a", { href: e.href }, e.text) : e.text)))));
}

function versionsCard(versions: Seizure[]): HTMLElement {
  return h("section", { class: "card", id: "versions", tabindex: -1 }, h("h2", {}, "What it said before"), versionsList(versions) ?? h("p", { class: "hint" }, `Never amended. Entered by ${versions[0]?.changed_by ?? ""}, ${instant(versions[0]?.changed ?? "")}.`));
}
