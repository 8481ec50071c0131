import { api } from "../base/api";
import { h } from "../base/dom";
import { problemBox } from "../base/problem";
import { resultView } from "../result/result";
import type { Page } from "../base/router";

/** /scans/{id}: the same result as after the scan. */
export const scanDetailPage: Page = (host, { path }) => {
  const id = path[1] ?? "";
  const waiting = h("p", { class: "hint page-pad" }, "Reading the scan\u2026");
  host.append(waiting);
  const load = () =>
    api.scan(id).then(
      (scan) => {
        host.replaceChildren();
        resultView(host, scan);
      },
      (cause) => host.replaceChildren(h("div", { class: "page" }, h("h1", {}, "Scan result"), problemBox(cause, "Nothing was changed. Look for the scan in the list.", () => void load()), h("p", {}, h("a", { href: "/scans" }, "All scans")))),
    );
  void load();
};
