// The versions of a record: who amended it, when, why, and what it said before.
import { h, type Child } from "../base/dom";
import { instant } from "../base/format";
import { differences, ended, type Change } from "./records";

/** "amended on ... by ... because ...", the newest first, with what was there before. Null when it was never amended. */
export function versionsList(versions: (Change & object)[]): Child {
  const original = versions[0];
  if (versions.length < 2 || !original) return null;
  const items = versions.slice(1).map((v, i) => {
    const before = versions[i]!;
    return h("li", {}, h("p", {}, `Amended on ${instant(v.changed)} by `, h("strong", {}, v.changed_by), ` because: ${ended(v.reason)}`),
      h("ul", {}, ...differences(before, v).map((d) => h("li", {}, `${d.label}: `, h("del", {}, d.from), " \u2192 ", h("ins", {}, d.to)))));
  });
  return h("div", { class: "versions", "data-testid": "versions" }, h("ol", {}, ...items.reverse()),
    h("p", { class: "hint" }, `${original.version === 1 ? "Original" : "The first version you may see"}: ${original.changed_by ? `entered by ${original.changed_by}, ` : ""}${instant(original.changed)}. What is struck out above is what it said; nothing was overwritten.`));
}
