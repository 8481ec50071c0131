// Files of scans that were asked for: made in the background, kept for a day, for who asked only.
import { api, type ScanExport } from "../base/api";
import { h } from "../base/dom";
import { bytes, count, instant } from "../base/format";
import { problemBox } from "../base/problem";

/** How long after an answer it is asked again while something is being made. */
const askAgain = 1000;

const forms: Record<string, string> = { csv: "Table (CSV)", zip: "Scans and files (ZIP)" };

/** What became of an export, in a few words. */
export function exportWords(e: Pick<ScanExport, "state" | "error" | "scans">): string {
  switch (e.state) {
    case "waiting":
      return "being made";
    case "ready":
      return e.scans === 1 ? "1 scan" : `${count(e.scans)} scans`;
    case "expired":
      return "deleted after a day";
    default:
      return `not made: ${e.error}`;
  }
}

/** The exports of who looks. ask() begins one; end() stops looking. */
export function exportList(): { element: HTMLElement; ask: (query: string, format: string) => void; end: () => void } {
  const left = new AbortController();
  const problems = h("div", {});
  const rows = h("tbody", {});
  const section = h("section", { class: "card", hidden: true, "data-testid": "exports" }, h("h2", {}, "Your exports"),
    h("p", { class: "hint" }, "Each holds what you could see when it was made. It is deleted after a day."), problems,
    h("div", { class: "table-scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...["Asked for", "Form", "What became of it", "Size", "Kept until", ""].map((t) => h("th", { scope: "col" }, t)))), rows)));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const load = async () => {
    clearTimeout(timer);
    try {
      const list = await api.exports(left.signal);
      section.hidden = list.length === 0;
      rows.replaceChildren(...list.map(row));
      problems.replaceChildren();
      if (list.some((e) => e.state === "waiting") && !left.signal.aborted) timer = setTimeout(() => void load(), askAgain);
    } catch (cause) {
      failed(cause);
    }
  };
  const failed = (cause: unknown) => {
    if (left.signal.aborted) return;
    section.hidden = false;
    problems.replaceChildren(problemBox(cause, "Nothing was exported.", () => void load()));
  };
  void load();
  return {
    element: section,
    ask: (query, format) => { api.newExport(query, format).then(() => load(), failed); },
    end: () => { clearTimeout(timer); left.abort(); },
  };
}

function row(e: ScanExport): HTMLElement {
  const ready = e.state === "ready";
  return h("tr", {}, h("th", { scope: "row", class: "number" }, instant(e.created)), h("td", {}, forms[e.format] ?? e.format), h("td", {}, exportWords(e), e.simulated ? h("span", { class: "badge" }, "SIMULATED") : null),
    h("td", { class: "number" }, ready ? bytes(e.size) : ""), h("td", { class: "number" }, ready && e.expires ? instant(e.expires) : ""),
    h("td", {}, ready ? h("a", { href: `/v1/exports/${encodeURIComponent(e.id)}/file`, download: "" }, "Download") : null));
}
