// Files as scans: dropped anywhere on the page or chosen, one after the other, each with its own answer.
import { api, Problem, type Scan, type ScanFields } from "../base/api";
import { h } from "../base/dom";
import { count } from "../base/format";
import { problemBox } from "../base/problem";
import { go } from "../base/router";
import { headlineText, knownVerdict, shape } from "../result/verdict";

/** A file with its answer, and what its sender has to know of it. */
function uploaded(file: string, scan: Scan): HTMLElement {
  const others = scan.siblings?.length ?? 0;
  const warnings = scan.warnings ?? [];
  return h("li", {}, shape(knownVerdict(scan.verdict), 22), h("a", { href: `/scans/${encodeURIComponent(scan.id)}` }, `${scan.filename || file}: ${headlineText(scan)}`), scan.simulated ? h("span", { class: "badge" }, "SIMULATED") : null,
    others ? h("span", { class: "hint" }, othersWords(others)) : null,
    warnings.length ? h("ul", { class: "upload-warnings" }, ...warnings.map((w) => h("li", { class: "break" }, w))) : null);
}

/** Of a file that holds more than the spectrum shown. */
export function othersWords(n: number): string {
  return n === 1 ? "1 other spectrum of the file has an answer of its own" : `${count(n)} other spectra of the file have answers of their own`;
}

/** The drop zone. One file leads to its result; several are listed with theirs. */
export function dropZone(fields: () => ScanFields): HTMLElement {
  const input = h("input", { type: "file", id: "file-input", multiple: true, class: "sr-only", onchange: () => void take([...(input.files ?? [])]) });
  const status = h("p", { role: "status", class: "hint" });
  const list = h("ul", { class: "uploads" });
  const zone = h("div", { class: "drop" }, input, h("label", { for: "file-input", class: "button" }, "Choose files"),
    h("span", { class: "hint" }, "or drop them here: JCAMP-DX, SPC, WDF, SPA, OPUS and other instrument files, text of two columns, or a ZIP of them"), status, list);

  const take = async (files: File[]) => {
    list.replaceChildren();
    let read = 0;
    let only: string | undefined;
    for (const [i, file] of files.entries()) {
      status.textContent = `Reading ${i + 1} of ${files.length}: ${file.name} (${Math.max(1, Math.round(file.size / 1024))} KiB)`;
      try {
        const scan = await api.upload(file, fields());
        list.append(uploaded(file.name, scan));
        only = scan.id;
        read++;
      } catch (cause) {
        list.append(h("li", {}, problemBox(cause instanceof Problem && cause.status === 422 ? new Problem(422, `${file.name} could not be read`, cause.detail) : cause, `${file.name} was not stored. Files listed with an answer were.`)));
      }
    }
    status.textContent = files.length === 1 ? "" : `${read} of ${files.length} files read`;
    input.value = "";
    if (files.length === 1 && only) go(`/?scan=${encodeURIComponent(only)}`);
  };

  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); void take([...(event.dataTransfer?.files ?? [])]); });
  return zone;
}
