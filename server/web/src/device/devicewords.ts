// The state of the instrument in words: no drawing here.
import type { Calibration, DeviceState } from "../base/api";
import { day } from "../base/format";

/** One thing to know before pressing Scan. A "warn" is something to act on; its words say so, its mark is a triangle. */
export interface Fact {
  name: "connection" | "temperature" | "laser" | "calibration";
  kind: "plain" | "warn";
  text: string;
  /** What to do about it, around the command that does it. */
  mend?: { before: string; command: string; after: string };
}

/** The word for what the spectrometer does. */
export function deviceWord(state: DeviceState): string {
  if (!state.connected) return state.attached ? "Not answering" : "No spectrometer";
  return state.previewing ? "Preview" : state.busy ? "Scanning" : "Ready";
}

/** What is known of the instrument, in the order of reading. */
export function deviceFacts(state: DeviceState): Fact[] {
  const laser = laserFact(state);
  if (!state.connected) return laser.kind === "warn" ? [laser] : [];
  const t = state.temperature_c;
  return [
    { name: "connection", kind: "plain", text: "Connected" },
    { name: "temperature", kind: "plain", text: t === null || t === undefined ? "Detector temperature not told" : `Detector ${t.toFixed(0).replace("-", "\u2212")}\u00a0°C` },
    laser,
    calibrationFact(state),
  ];
}

function laserFact(state: DeviceState): Fact {
  const nm = state.info?.laser_nm ? ` (${state.info.laser_nm}\u00a0nm)` : "";
  // Between asking for a preview and switching on, the laser may go on at any moment.
  const laser = state.previewing && state.laser !== "apart" && state.laser !== "unknown" ? "on" : (state.laser ?? "");
  const [kind, text] = ({
    on: ["warn", `LASER ON${nm}`],
    off: ["plain", `Laser off${nm}`],
    apart: ["warn", `Laser${nm} has a switch of its own: treat it as on`],
    unknown: ["warn", `LASER STATE NOT KNOWN${nm}: treat it as on`],
    "": ["plain", `Laser not switched from here yet${nm}`],
  } as const)[laser];
  return { name: "laser", kind, text };
}

/** What the laser does once no more frames come, as a sentence. */
export function afterwards(state: DeviceState): string {
  return state.laser === "off" ? "The laser is off." : `${laserFact(state).text}.`;
}

const wrong = "lines may stand at wrong places";

function calibrationFact(state: DeviceState): Fact {
  const c = state.calibration;
  if (c?.state === "valid") return { name: "calibration", kind: "plain", text: `Calibrated until ${date(c.until)}${how(c)}` };
  if (!c && state.calibration_error) return { name: "calibration", kind: "warn", text: `Calibration not known: ${state.calibration_error}` };
  const mend = {
    before: "Put polystyrene under the probe, stop this server (it holds the port), run ", command: command(state),
    after: " with the options this server has for the instrument and --calibrations, if any, and start it again.",
  };
  return { name: "calibration", kind: "warn", text: `${flaw(c)}: ${wrong}`, mend };
}

function flaw(c: Calibration | null | undefined): string {
  if (!c) return "NOT CALIBRATED";
  if (c.state === "expired") return `Calibration EXPIRED since ${date(c.until)}`;
  if (c.state === "failed") return c.at ? `Calibration FAILED, that of ${date(c.at)} is used` : "Calibration FAILED, and there is none before it";
  return `Calibration ${String(c.state)}`;
}

function how(c: Calibration): string {
  const names = (c.standards ?? []).join(", ");
  return names && c.mean_cm1 !== undefined ? ` (${names}, lines within ${c.mean_cm1.toFixed(1)} cm-1 on average)` : names ? ` (${names})` : "";
}

function date(text: string | undefined): string {
  const t = new Date(text ?? "");
  return Number.isNaN(t.getTime()) ? "a day not stated" : day(t);
}

function command(state: DeviceState): string {
  const port = state.info?.port ?? "";
  const quoted = /^[\w./:@-]+$/.test(port) ? port : port ? `'${port.replaceAll("'", "'\\''")}'` : "PATH";
  return `fentrace calibrate axis --standard polystyrene --port ${quoted}`;
}
