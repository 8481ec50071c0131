// What each version of the library changed: its numbers, and the answers to scans whose content a laboratory has stated.
import { api, type LibraryChange, type LibrarySnapshot, type Tier } from "../base/api";
import { h, type Child } from "../base/dom";
import { count, instant } from "../base/format";
import { problemBox } from "../base/problem";

const pollMS = 1000;

/** The card of all changes, kept up to date while a comparison runs, until left ends. */
export function changesCard(left: AbortSignal): { card: HTMLElement; reload: () => void } {
  const body = h("div", {});
  const card = h("section", { class: "card", id: "changes", "data-testid": "changes", "aria-labelledby": "changes-title" }, h("h2", { id: "changes-title" }, "What changed"),
    h("p", { class: "hint" }, "Every scan whose content a laboratory has stated is answered again with the new library and compared with the answer before. Scans that are references themselves are left out: they would agree with themselves. Stored answers stay as they were given."), body);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const opened = new Set<string>();
  const running = new Map<string, (c: LibraryChange) => void>(); // moves on the figures of a comparison, so that nobody loses his place
  let drawn = "";
  const load = async () => {
    clearTimeout(timer);
    try {
      const { changes } = await api.libraryChanges(left);
      const all = changes ?? [];
      const states = JSON.stringify(all.map((c) => [c.id, c.state, c.total]));
      if (drawn === states && all.length) for (const c of all) running.get(c.id)?.(c);
      else {
        running.clear();
        body.replaceChildren(...(all.length ? [h("ol", { class: "changes" }, ...all.map((c) => item(c, opened, running, () => void load())))] : [h("p", { class: "empty" }, "No change was noted yet.")]));
      }
      drawn = states;
      if (all.some((c) => c.state === "running") && !left.aborted) timer = setTimeout(() => void load(), pollMS);
    } catch (cause) {
      drawn = "";
      if (!left.aborted) body.replaceChildren(problemBox(cause, "Nothing was changed.", () => void load()));
    }
  };
  left.addEventListener("abort", () => clearTimeout(timer));
  void load();
  return { card, reload: () => void load() };
}

function item(c: LibraryChange, opened: Set<string>, running: Map<string, (c: LibraryChange) => void>, reload: () => void): HTMLElement {
  return h("li", { "data-state": c.state },
    h("p", {}, h("strong", {}, c.before.version ? c.cause : "The first library of this server."), h("small", {}, ` ${instant(c.noted)}`)),
    c.before.version ? h("ul", { class: "change-numbers" }, ...numbers(c.before, c.after).map((text) => h("li", {}, text))) : null,
    compared(c, running, reload),
    c.state !== "running" && c.better + c.worse + c.changed > 0 ? scans(c, opened) : null,
    versionText(c));
}

function versionText(c: LibraryChange): HTMLElement {
  const short = (v: string) => h("code", { title: v }, v.slice(0, 12));
  return h("p", { class: "hint" }, "Version ", c.before.version ? short(c.before.version) : null, c.before.version ? " to " : null, short(c.after.version));
}

/** What is another number now, one sentence each. */
export function numbers(before: LibrarySnapshot, after: LibrarySnapshot): string[] {
  const out: string[] = [];
  for (const tier of ["measured", "published", "simulated"] as Tier[]) {
    const [a, b] = [before.references_by_tier[tier] ?? 0, after.references_by_tier[tier] ?? 0];
    if (a !== b) out.push(`${tier === "simulated" ? "SIMULATED" : tier} references: ${count(a)} before, ${count(b)} now`);
  }
  if (before.substances !== after.substances) out.push(`substances: ${count(before.substances)} before, ${count(after.substances)} now`);
  const gained = (after.controlled_measured ?? []).filter((n) => !(before.controlled_measured ?? []).includes(n));
  const lost = (before.controlled_measured ?? []).filter((n) => !(after.controlled_measured ?? []).includes(n));
  if (gained.length) out.push(`controlled, and now with a measured reference: ${gained.join(", ")}`);
  if (lost.length) out.push(`controlled, and no longer with a measured reference: ${lost.join(", ")}`);
  return out.length ? out : ["the same numbers with other content"];
}

function compared(c: LibraryChange, running: Map<string, (c: LibraryChange) => void>, reload: () => void): Child {
  if (c.state === "running") {
    const cancel = h("button", { type: "button", class: "small", onclick: () => { cancel.disabled = true; api.cancelComparison(c.id).then(reload, reload); } }, "Cancel");
    const bar = h("progress", { max: Math.max(1, c.total), value: c.done, "aria-label": "Scans compared" });
    const text = h("span", {}, `${count(c.done)} of ${scansText(c.total)} compared`);
    running.set(c.id, (now) => { bar.value = now.done; text.textContent = `${count(now.done)} of ${scansText(now.total)} compared`; });
    return h("p", { class: "row" }, bar, text, cancel);
  }
  const rest = c.left_out ? ` ${count(c.left_out)} left out.` : "";
  if (c.total === 0) return h("p", {}, `No scan with a laboratory result could be compared.${rest}`);
  const end = { done: "", cancelled: ` Cancelled after ${count(c.done)}.`, failed: ` It stopped after ${count(c.done)}: ${c.error}.` }[c.state] ?? "";
  return h("p", { "data-testid": "change-result" }, `Of ${scansText(c.total)} with a laboratory result: `, h("strong", {}, `${count(c.better)} better, ${count(c.worse)} worse`), `, ${count(c.changed)} in other words, ${count(c.same)} the same.${rest}${end}`);
}

function scansText(n: number): string {
  return n === 1 ? "1 scan" : `${count(n)} scans`;
}

function scans(c: LibraryChange, opened: Set<string>): HTMLElement {
  const list = h("div", {});
  let read = false;
  const load = () => {
    if (read) return;
    read = true;
    api.libraryChange(c.id).then(
      ({ scans }) => list.replaceChildren(h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Scans with another answer" }, h("table", {},
        h("thead", {}, h("tr", {}, ...["Effect", "Laboratory found", "Before", "Now"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, ...(scans ?? []).map((s) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: `/scans/${encodeURIComponent(s.scan_id)}` }, s.effect), s.simulated ? h("span", {}, " ", h("strong", { class: "badge" }, "SIMULATED")) : null),
          h("td", {}, s.substances.join(", ")), h("td", {}, s.before.headline, h("small", { class: "grade" }, s.before.grade)), h("td", {}, s.after.headline, h("small", { class: "grade" }, s.after.grade)))))))),
      (cause) => list.replaceChildren(problemBox(cause, "Nothing was changed.", () => { read = false; load(); })));
  };
  const box = h("details", { open: opened.has(c.id), ontoggle: () => { if (box.open) { opened.add(c.id); load(); } else opened.delete(c.id); } }, h("summary", {}, `Scans with another answer: ${count(c.better + c.worse + c.changed)}`), list);
  if (opened.has(c.id)) load();
  return box;
}
