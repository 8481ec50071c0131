import type { DeviceState } from "./api";
import { h } from "./dom";

/** One line about the instrument: word first, then what it is. */
export function deviceBar(state: DeviceState): HTMLElement {
  const { info } = state;
  const [word, kind] = state.connected ? (state.previewing ? ["Preview, laser on", "busy"] : state.busy ? ["Scanning", "busy"] : ["Ready", "ready"]) : state.attached ? ["Not answering", "off"] : ["No spectrometer", "off"];
  const facts = [info?.model, info?.serial_number && `serial ${info.serial_number}`, info?.laser_nm ? `${info.laser_nm} nm` : "", state.temperature_c !== null && state.temperature_c !== undefined ? `${state.temperature_c.toFixed(0)} °C` : ""];
  return h("div", { class: `device device-${kind}`, "data-testid": "device", role: "status" },
    h("span", { class: "device-mark", "aria-hidden": "true" }),
    h("strong", {}, word),
    h("span", {}, facts.filter(Boolean).join(" · ")),
    info?.simulated ? h("span", { class: "badge" }, "SIMULATED") : null,
    !state.connected ? h("span", { class: "device-hint" }, state.error || "Plug a spectrometer in, or drop a file below.") : null);
}
