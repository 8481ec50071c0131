import { h, type Child } from "./dom";
import { count } from "./format";

/** A table whose first column names the row; numbers stand to the right. */
export function table(caption: string, head: string[], rows: Child[][]): HTMLElement {
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", { class: "figures" }, h("caption", {}, caption), h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, ...rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((v) => h("td", { class: typeof v === "number" ? "number" : "" }, typeof v === "number" ? count(v) : v)))))));
}
