// Files as scans: dropped anywhere on the page or chosen, one after the other, each with its own answer.
import { api, type ScanFields } from "./api";
import { h } from "./dom";
import { problemBox } from "./problem";
import { go } from "./router";
import { headlineText, knownVerdict, shape } from "./verdict";

/** The drop zone. One file leads to its result; several are listed with theirs. */
export function dropZone(fields: () => ScanFields): HTMLElement {
  const input = h("input", { type: "file", id: "file-input", multiple: true, class: "sr-only", onchange: () => void take([...(input.files ?? [])]) });
  const status = h("p", { role: "status", class: "hint" });
  const list = h("ul", { class: "uploads" });
  const zone = h("div", { class: "drop" }, input, h("label", { for: "file-input", class: "button" }, "Choose files"),
    h("span", { class: "hint" }, "or drop them here: JCAMP-DX, ENLIGHTEN CSV, B&W Tek text, any two-column text"), status, list);

  const take = async (files: File[]) => {
    list.replaceChildren();
    let only: string | undefined;
    for (const [i, file] of files.entries()) {
      status.textContent = `Reading ${i + 1} of ${files.length}: ${file.name} (${Math.max(1, Math.round(file.size / 1024))} KiB)`;
      try {
        const scan = await api.upload(file, fields());
        list.append(h("li", {}, shape(knownVerdict(scan.verdict), 22), h("a", { href: `/scans/${encodeURIComponent(scan.id)}` }, `${file.name}: ${headlineText(scan)}`), scan.simulated ? h("span", { class: "badge" }, "SIMULATED") : null));
        only = scan.id;
      } catch (cause) {
        list.append(h("li", {}, problemBox(cause, `${file.name} was not stored. Files listed with an answer were.`)));
      }
    }
    status.textContent = files.length === 1 ? "" : `${files.length} of ${files.length} files read`;
    input.value = "";
    if (files.length === 1 && only) go(`/?scan=${encodeURIComponent(only)}`);
  };

  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); void take([...(event.dataTransfer?.files ?? [])]); });
  return zone;
}
