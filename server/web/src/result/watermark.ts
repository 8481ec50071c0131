import { h } from "../base/dom";

/** The diagonal SIMULATED pattern over whatever element holds it. The word is also said in text beside it. */
export function watermark(id?: string): HTMLElement {
  return h("div", { class: "watermark", "aria-hidden": "true", id, "data-testid": id }, ...Array.from({ length: 40 }, () => h("span", {}, "SIMULATED")));
}
