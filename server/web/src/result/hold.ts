// Legal holds of a scan: who set one and why, setting one, lifting it.
import { api, type Hold, type Me, type Scan } from "../base/api";
import { fill, h, type Child } from "../base/dom";
import { instant } from "../base/format";
import { problemBox } from "../base/problem";
import { newKey } from "../records/records";

/** The hold that keeps a scan from being erased, if one stands. */
export function standing(holds: Hold[] | null | undefined): Hold | undefined {
  return (holds ?? []).find((x) => !x.released_at);
}

/** What became of a hold, in a line. */
export function holdWords(x: Hold): string {
  const set = `Set ${instant(x.set_at)} by ${x.set_by}: ${x.reason}.`;
  return x.released_at ? `${set} Lifted ${instant(x.released_at)} by ${x.released_by ?? "somebody"}: ${x.release_reason ?? "no reason stated"}.` : set;
}

/** Whether somebody may set and lift holds of a scan: only those of its agency may. */
export function mayHold(me: Pick<Me, "permissions" | "agency">, scan: Pick<Scan, "agency" | "erased">): boolean {
  return me.permissions.includes("holds.set") && !scan.erased && scan.agency === me.agency;
}

/** Shown to whoever is told of holds, or may set one. */
export function holdCard(scan: Scan): HTMLElement {
  const body = h("div", { class: "stack" });
  const said = h("div", { role: "status" });
  const card = h("section", { class: "card no-print", id: "hold", hidden: true, "data-testid": "hold", "aria-labelledby": "hold-title" },
    h("h2", { id: "hold-title" }, "Legal hold"), body, said);
  const show = (holds: Hold[], may: boolean) => {
    const now = standing(holds);
    const before = holds.filter((x) => x.released_at);
    card.hidden = holds.length === 0 && !may;
    fill(body,
      now ? h("p", {}, h("span", { class: "chip" }, "held"), ` ${holdWords(now)} It is not erased, whatever the policy says.`)
        : h("p", { class: "hint" }, "No hold stands: it is erased when the retention policy, if there is one, says so."),
      before.length > 0 && h("ul", { "aria-label": "Holds before" }, ...before.map((x) => h("li", {}, holdWords(x)))),
      may && form(now));
  };
  const form = (now: Hold | undefined): Child => {
    const reason = h("input", { id: "hold-reason", type: "text", maxlength: 200, required: true, placeholder: now ? "such as: case closed" : "such as: subpoena 12" });
    const button = h("button", { type: "submit", "data-testid": now ? "hold-release" : "hold-set" }, now ? "Lift the hold" : "Set a hold");
    let key = newKey(); // the same for every attempt to say the same, so that a lost answer sets nothing twice
    const submit = async (event: SubmitEvent) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await (now ? api.releaseHold : api.setHold)(scan.id, reason.value.trim(), key);
        show((await api.scan(scan.id)).holds ?? [], true);
        fill(said, h("p", {}, now ? "The hold is lifted." : "The hold is set."));
      } catch (cause) {
        fill(said, problemBox(cause, "Nothing was changed."));
        button.disabled = false;
      }
    };
    return h("form", { class: "stack", onsubmit: submit, oninput: () => (key = newKey()) }, h("label", { for: "hold-reason" }, "Why; kept on record"), reason, button);
  };
  show(scan.holds ?? [], false);
  api.me().then((me) => show(scan.holds ?? [], mayHold(me, scan)), () => undefined);
  return card;
}
