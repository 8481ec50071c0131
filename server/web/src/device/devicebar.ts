import type { DeviceState } from "../base/api";
import { h, svg, type Child } from "../base/dom";
import { deviceFacts, deviceWord, type Fact } from "./devicewords";

/** The instrument: word first, then what it is, then what to know before a scan. */
export function deviceBar(state: DeviceState): HTMLElement {
  const { info } = state;
  const kind = !state.connected ? "off" : state.busy || state.previewing ? "busy" : "ready";
  const facts = deviceFacts(state);
  return h("div", { class: `device device-${kind}`, "data-testid": "device", role: "status" },
    h("div", { class: "device-line" },
      h("span", { class: "device-mark", "aria-hidden": "true" }),
      h("strong", {}, deviceWord(state)),
      h("span", { class: "break" }, [info?.model, info?.serial_number && `serial ${info.serial_number}`].filter(Boolean).join(" · ")),
      info?.simulated ? h("span", { class: "badge" }, "SIMULATED") : null),
    facts.length ? h("ul", { class: "device-facts" }, ...facts.map(factItem)) : null,
    ...facts.map(mending),
    state.error ? h("p", { class: "device-hint break" }, state.connected ? `The last time it was used: ${state.error}` : state.error) : null,
    !state.connected && !state.error ? h("p", { class: "device-hint" }, "Plug a spectrometer in, or drop a file below.") : null);
}

function factItem(f: Fact): HTMLElement {
  return h("li", { class: `fact fact-${f.kind}`, "data-testid": `fact-${f.name}` }, mark(f.kind), h("span", {}, ...unbroken(f.text)));
}

/** Text whose dates are not broken at their hyphens. */
function unbroken(text: string): Child[] {
  return text.split(/(\d{4}-\d\d-\d\d)/).map((part, i) => (i % 2 ? h("span", { class: "number" }, part) : part));
}

function mending(f: Fact): HTMLElement | null {
  return f.mend ? h("p", { class: "device-hint" }, f.mend.before, h("code", {}, f.mend.command), f.mend.after) : null;
}

/** A triangle for what is to be acted on, a dot for the rest; both are decoration beside the words. */
function mark(kind: Fact["kind"]): SVGElement {
  return svg("svg", { class: "fact-mark", viewBox: "0 0 24 24", width: 16, height: 16, "aria-hidden": "true" },
    ...(kind === "warn"
      ? [svg("polygon", { points: "12,2 23,21.5 1,21.5", "stroke-linejoin": "round" }), svg("path", { d: "M12 9v6M12 17.6v.9", fill: "none", "stroke-width": 2.2, "stroke-linecap": "round" })]
      : [svg("circle", { cx: 12, cy: 12, r: 5 })]));
}
