// Many files handed in together: a folder dropped on the page, how far it is, and the table of what became of each file.
import { api, Problem, type Batch, type BatchFile } from "../base/api";
import { columns, readView, shown, timeLeft, writeView, type Column, type View } from "../batch/batchrows";
import { fill, h } from "../base/dom";
import { count, instant } from "../base/format";
import { problemBox } from "../base/problem";
import { go, name as named, note, type Page } from "../base/router";
import { knownVerdict, shape } from "../result/verdict";
import { watermark } from "../result/watermark";

/** All batches, and where a new one begins. */
export const batchesPage: Page = (host) => {
  const list = h("div", {});
  const problems = h("div", {});
  const left = new AbortController();
  const name = h("input", { type: "text", id: "batch-name", maxlength: 200, placeholder: "Monday's tray" });
  const begin = async (event: Event) => {
    event.preventDefault();
    try {
      const b = await api.newBatch(name.value.trim() || `Batch of ${instant(new Date().toISOString())}`);
      go(`/batches/${encodeURIComponent(b.id)}`);
    } catch (cause) {
      problems.replaceChildren(problemBox(cause, "No batch was begun."));
    }
  };
  host.append(h("div", { class: "page" }, h("h1", {}, "Batches"),
    h("form", { class: "card begin", onsubmit: (event: Event) => void begin(event) }, h("div", { class: "field" }, h("label", { for: "batch-name" }, "Name of a new batch"), name), h("button", { type: "submit" }, "Begin a batch")),
    problems, list));
  const load = () => api.batches(left.signal).then(
    (all) => list.replaceChildren(all.length ? batchList(all) : h("p", { class: "empty" }, "No batch yet. Begin one, then drop a folder of files on it.")),
    (cause) => left.signal.aborted || list.replaceChildren(problemBox(cause, "Nothing was changed.", () => void load())));
  void load();
  const unsubscribe = api.onBatch(() => void load());
  return () => { unsubscribe(); left.abort(); };
};

function batchList(all: Batch[]): HTMLElement {
  return h("div", { class: "list" }, h("div", { class: "table-scroll" }, h("table", { class: "stacked" }, h("thead", {}, h("tr", {}, ...["Batch", "Begun", "By", "Files", "Answered", "Failed", "Waiting"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...all.map((b) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: `/batches/${encodeURIComponent(b.id)}` }, b.name)), h("td", { class: "number", "data-label": "Begun" }, instant(b.created)),
      h("td", { "data-label": "By" }, b.created_by), ...Object.entries({ Files: b.files, Answered: b.done, Failed: b.failed, Waiting: b.waiting }).map(([label, n]) => h("td", { class: "number", "data-label": label }, count(n)))))))));
}

/** One batch. Everything on it is on the server: a reload shows the same. */
export const batchPage: Page = (host, { path, query }) => {
  const id = path[1]!;
  const left = new AbortController();
  let view: View = readView(query);
  let files: BatchFile[] = [];
  let at = -1;
  const title = h("h1", {}, "Batch");
  const state = h("section", { class: "card", "aria-live": "polite" });
  const problems = h("div", {});
  const exports = h("p", { class: "list-tools" });
  const body = h("tbody", {});
  const marked = h("div", {});
  const status = h("p", { class: "list-status", role: "status" });
  const failed = (cause: unknown) => { if (!left.signal.aborted) problems.replaceChildren(problemBox(cause, "Files that were sent are on the server and stay there.")); };

  const draw = () => {
    const rows = shown(files, view);
    at = Math.min(at, rows.length - 1);
    body.replaceChildren(...rows.map((f, i) => fileRow(f, i === at)));
    fill(marked, files.some((f) => f.simulated) ? watermark("watermark") : null);
    status.textContent = files.length && !rows.length ? "No file fits these filters." : `${count(rows.length)} of ${count(files.length)} files`;
    const q = writeView(view).toString();
    const address = (form: string) => `/v1/batches/${encodeURIComponent(id)}/table.${form}${q ? `?${q}` : ""}`;
    exports.replaceChildren(status, h("a", { href: address("csv"), download: "" }, "Export what is shown as CSV"), " ", h("a", { href: address("parquet"), download: "" }, "as Parquet"));
  };
  const change = (next: Partial<View>) => {
    view = { ...view, ...next };
    note(writeView(view));
    draw();
  };
  const draws = (b: Batch) => {
    title.textContent = b.name;
    named(`Batch ${b.name}`);
    const over = b.files - b.waiting;
    state.replaceChildren(
      h("p", {}, h("strong", {}, `${count(b.done)} of ${count(b.files)}`), " files answered", b.failed ? `, ${count(b.failed)} failed` : "", b.left ? `, ${count(b.left)} left out` : "", b.cancelled ? ". Cancelled." : "."),
      h("progress", { max: Math.max(b.files, 1), value: over, "aria-label": "Files that do not wait any more" }),
      b.waiting ? h("p", { class: "hint" }, `${b.rate.toFixed(1)} files a second, ${timeLeft(b)}`) : h("p", { class: "hint" }, b.files ? `Nothing waits.${b.failed ? " Below, each failed file says why." : ""} Every answer is presumptive.` : "Drop files or a folder below."),
      b.waiting && !b.cancelled ? h("button", { type: "button", onclick: () => { api.cancelBatch(id).then(() => reload(), failed); } }, "Cancel") : "",
      b.failed + b.left ? h("button", { type: "button", onclick: () => { api.retryBatch(id).then(() => reload(), failed); } }, b.failed ? "Try the failed files again" : "Answer the files that were left out") : "");
  };
  // One load at a time; what happens meanwhile makes for one more.
  let loading = false;
  let again = false;
  const reload = async () => {
    if (loading) { again = true; return; }
    loading = true;
    try {
      do {
        again = false;
        draws(await api.batch(id, left.signal));
        const all: BatchFile[] = [];
        for (let after = 0; ; ) {
          const some = await api.batchFiles(id, after, left.signal);
          all.push(...(some.files ?? []));
          if (!(after = some.next)) break;
        }
        files = all;
        draw();
      } while (again);
    } catch (cause) {
      if (cause instanceof Problem && cause.status === 404) page.replaceChildren(title, problemBox(cause, "Nothing was changed. Look for the batch in the list."), h("p", {}, h("a", { href: "/batches" }, "All batches")));
      else failed(cause);
    }
    loading = false;
  };
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest("input, select, textarea")) return;
    const rows = [...body.children] as HTMLElement[];
    if (event.key === "j" || event.key === "k") {
      at = Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)));
      rows.forEach((r, i) => r.toggleAttribute("data-here", i === at));
      rows[at]?.querySelector("a")?.focus();
      rows[at]?.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    }
  };
  document.addEventListener("keydown", keys);
  const page = h("div", { class: "page" }, title, state, problems, batchDrop(id, () => void reload(), failed), filters(view, change), exports,
    h("div", { class: "list" }, h("div", { class: "table-scroll" }, h("table", { class: "stacked", "data-testid": "batch" }, h("thead", {}, h("tr", {}, ...columns.map((c) => sortable(c, () => view, change)))), body)), marked));
  host.append(page);
  void reload();
  // The numbers come with the event; the list, which is noted in the log each time it is had, a little later.
  let later: ReturnType<typeof setTimeout> | undefined;
  const unsubscribe = api.onBatch((b) => {
    if (b.id !== id) return;
    draws(b);
    later ??= setTimeout(() => { later = undefined; void reload(); }, b.waiting ? 5000 : 200);
  });
  return () => { unsubscribe(); clearTimeout(later); document.removeEventListener("keydown", keys); left.abort(); };
};

const titles: Record<Column, string> = { number: "No.", name: "File", state: "State", verdict: "Verdict", headline: "Answer or error" };

function sortable(c: Column, view: () => View, change: (next: Partial<View>) => void): HTMLElement {
  const th = h("th", { scope: "col" }, h("button", { type: "button", class: "quiet", onclick: () => {
    const v = view();
    change({ sort: c, descending: v.sort === c && !v.descending });
    for (const other of th.parentElement!.children) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", view().descending ? "descending" : "ascending");
  } }, titles[c]));
  if (view().sort === c) th.setAttribute("aria-sort", view().descending ? "descending" : "ascending");
  return th;
}

function filters(view: View, change: (next: Partial<View>) => void): HTMLElement {
  const choice = (name: "state" | "verdict", label: string, values: [string, string][]) => {
    const select = h("select", { id: `batch-${name}`, onchange: () => change({ [name]: select.value }) }, ...[["", "all"] as [string, string], ...values].map(([v, t]) => h("option", { value: v, selected: view[name] === v }, t)));
    return h("div", { class: "field" }, h("label", { for: `batch-${name}` }, label), select);
  };
  const text = h("input", { type: "search", id: "batch-q", value: view.q, placeholder: "name, answer or error", oninput: () => change({ q: text.value }) });
  return h("div", { class: "filters" }, choice("state", "State", [["waiting", "waiting"], ["done", "answered"], ["failed", "failed"], ["cancelled", "left out"]]),
    choice("verdict", "Verdict", [["alarm", "alarm"], ["inconclusive", "no answer"], ["no_alarm", "nothing controlled seen"]]), h("div", { class: "field wide" }, h("label", { for: "batch-q" }, "Find"), text));
}

const stateWords: Record<string, string> = { done: "answered", cancelled: "left out" };

function fileRow(f: BatchFile, here: boolean): HTMLElement {
  const tr = h("tr", {}, h("td", { class: "number", "data-label": "No." }, count(f.number)),
    h("td", { class: "break", "data-label": "File" }, f.scan_id ? h("a", { href: `/scans/${encodeURIComponent(f.scan_id)}` }, f.name) : f.name), h("td", { "data-label": "State" }, stateWords[f.state] ?? f.state),
    h("td", { "data-label": "Verdict" }, f.verdict ? shape(knownVerdict(f.verdict), 22) : null), h("td", { class: "break", "data-label": "Answer or error" }, f.error || f.headline, f.simulated ? h("span", {}, " ", h("span", { class: "badge" }, "SIMULATED")) : null, f.scans > 1 ? ` (${count(f.scans)} spectra)` : ""));
  tr.toggleAttribute("data-here", here);
  return tr;
}

/** Where files are dropped. Those the server has already are not sent again, so that a folder dropped twice goes on where it stopped. */
function batchDrop(id: string, sent: () => void, failed: (cause: unknown) => void): HTMLElement {
  const status = h("p", { role: "status", class: "hint" });
  const send = async (files: [string, File][]) => {
    try {
      const there = new Set<string>();
      for (let after = ""; ; ) {
        const page = await api.batchSums(id, after);
        for (const s of page.sha256 ?? []) there.add(s);
        if (!(after = page.next)) break;
      }
      let n = 0;
      for (const [name, file] of files) {
        status.textContent = `Sending ${count(++n)} of ${count(files.length)}: ${name}`;
        if (file.size === 0 || (crypto.subtle && there.has(await sum(file)))) continue;
        await api.addToBatch(id, name, file);
      }
      status.textContent = `${count(files.length)} files are on the server. This page may be closed.`;
    } catch (cause) {
      status.textContent = "Drop the same files again: what is on the server is not sent twice.";
      failed(cause);
    }
    sent();
  };
  const chosen = (input: HTMLInputElement) => void send([...(input.files ?? [])].map((f) => [f.webkitRelativePath || f.name, f]));
  const one = h("input", { type: "file", id: "batch-files", multiple: true, class: "sr-only", onchange: () => chosen(one) });
  const folder = h("input", { type: "file", id: "batch-folder", multiple: true, class: "sr-only", onchange: () => chosen(folder) });
  folder.setAttribute("webkitdirectory", "");
  const zone = h("div", { class: "drop" }, one, h("label", { for: "batch-files", class: "button" }, "Choose files"), folder, h("label", { for: "batch-folder", class: "button" }, "Choose a folder"),
    h("span", { class: "hint" }, "or drop files or a folder here"), status);
  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const entries = [...(event.dataTransfer?.items ?? [])].map((i) => i.webkitGetAsEntry()).filter((e) => e !== null);
    Promise.all(entries.map((e) => inside(e))).then((found) => send(found.flat()), failed);
  });
  return zone;
}

async function sum(file: File): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...digest].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** The files of what was dropped, with the folders above them; hidden ones are left out. */
async function inside(entry: FileSystemEntry): Promise<[string, File][]> {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [[entry.fullPath.replace(/^\//, ""), await new Promise<File>((got, no) => (entry as FileSystemFileEntry).file(got, no))]];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const out: [string, File][] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((got, no) => reader.readEntries(got, no));
    if (some.length === 0) return out;
    for (const e of some) out.push(...(await inside(e)));
  }
}
