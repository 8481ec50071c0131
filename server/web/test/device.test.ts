import { describe, expect, it } from "vitest";
import type { DeviceState } from "../src/base/api";
import { afterwards, deviceFacts, deviceWord, type Fact } from "../src/device/devicewords";

const ready: DeviceState = {
  attached: true, connected: true, info: { type: "obp", model: "STS", serial_number: "S00001", port: "/dev/ttyUSB0", laser_nm: 785 }, error: "",
  temperature_c: 31.4, expected_seconds: 2, busy: false, previewing: false, preview_seconds: 60, laser: "off",
  calibration: { state: "valid", at: "2026-11-01T12:00:00Z", until: "2026-12-01T12:00:00Z", standards: ["polystyrene"], mean_cm1: 0.42, worst_cm1: 1.1 },
};
const fact = (name: Fact["name"], change: Partial<DeviceState> = {}) => deviceFacts({ ...ready, ...change }).find((f) => f.name === name);

describe("the instrument in words", () => {
  it("says what the spectrometer does", () => {
    expect(deviceWord(ready)).toBe("Ready");
    expect(deviceWord({ ...ready, busy: true })).toBe("Scanning");
    expect(deviceWord({ ...ready, busy: true, previewing: true })).toBe("Preview");
    expect(deviceWord({ ...ready, connected: false })).toBe("Not answering");
    expect(deviceWord({ ...ready, connected: false, attached: false })).toBe("No spectrometer");
  });

  it("says all that is to be known before a scan", () => expect(deviceFacts(ready).map((f) => f.text)).toEqual([
    "Connected", "Detector 31\u00a0°C", "Laser off (785\u00a0nm)", "Calibrated until 2026-12-01 (polystyrene, lines within 0.4 cm-1 on average)"]));

  it("warns of nothing when all is well", () => expect(deviceFacts(ready).filter((f) => f.kind === "warn" || f.mend)).toEqual([]));

  it("does not guess a temperature", () => {
    expect(fact("temperature", { temperature_c: null })?.text).toBe("Detector temperature not told");
    expect(fact("temperature", { temperature_c: -9.6 })?.text).toBe("Detector \u221210\u00a0°C");
    expect(fact("temperature", { temperature_c: 0 })?.text).toBe("Detector 0\u00a0°C");
  });
});

describe("the calibration in words", () => {
  const before = { at: "2026-09-30T12:00:00Z", until: "2026-10-30T12:00:00Z", standards: ["polystyrene"], mean_cm1: 0.4 };
  it.each<[string, Partial<DeviceState>, string]>([
    ["expired", { calibration: { ...before, state: "expired" } }, "Calibration EXPIRED since 2026-10-30: lines may stand at wrong places"],
    ["failed, with one before", { calibration: { ...before, state: "failed" } }, "Calibration FAILED, that of 2026-09-30 is used: lines may stand at wrong places"],
    ["failed, with none before", { calibration: { state: "failed" } }, "Calibration FAILED, and there is none before it: lines may stand at wrong places"],
    ["never done", { calibration: undefined }, "NOT CALIBRATED: lines may stand at wrong places"],
    ["never done, as null", { calibration: null }, "NOT CALIBRATED: lines may stand at wrong places"],
  ])("%s", (_name, change, text) => {
    const f = fact("calibration", change);
    expect(f?.text).toBe(text);
    expect(f?.kind).toBe("warn");
    expect(f?.mend?.command).toBe("fentrace calibrate axis --standard polystyrene --port /dev/ttyUSB0");
  });

  it("says why it is not known, and does not call that uncalibrated", () => {
    const f = fact("calibration", { calibration: undefined, calibration_error: "read S00001.json: damaged" });
    expect(f).toEqual({ name: "calibration", kind: "warn", text: "Calibration not known: read S00001.json: damaged" });
  });

  it("survives a state and a day it does not know", () => {
    expect(fact("calibration", { calibration: { state: "valid" } })?.text).toBe("Calibrated until a day not stated");
    expect(fact("calibration", { calibration: { state: "odd" as "valid" } })?.kind).toBe("warn");
  });

  it("gives a command that a shell reads as one port", () => {
    const info = { ...ready.info!, port: "/dev/serial/by id/O'Neil" };
    expect(fact("calibration", { calibration: undefined, info })?.mend?.command).toContain(`--port '/dev/serial/by id/O'\\''Neil'`);
    expect(fact("calibration", { calibration: undefined, info: { ...info, port: undefined } })?.mend?.command).toContain("--port PATH");
  });
});

describe("the laser in words", () => {
  it.each<[Partial<DeviceState>, Fact["kind"], string]>([
    [{ laser: "on" }, "warn", "LASER ON (785\u00a0nm)"],
    [{ laser: "off" }, "plain", "Laser off (785\u00a0nm)"],
    [{ laser: "" }, "plain", "Laser not switched from here yet (785\u00a0nm)"],
    [{ laser: undefined }, "plain", "Laser not switched from here yet (785\u00a0nm)"],
    [{ laser: "apart" }, "warn", "Laser (785\u00a0nm) has a switch of its own: treat it as on"],
    [{ laser: "unknown" }, "warn", "LASER STATE NOT KNOWN (785\u00a0nm): treat it as on"],
    [{ laser: "off", busy: true, previewing: true }, "warn", "LASER ON (785\u00a0nm)"],
    [{ laser: "unknown", busy: true, previewing: true }, "warn", "LASER STATE NOT KNOWN (785\u00a0nm): treat it as on"],
    [{ laser: "off", busy: true }, "plain", "Laser off (785\u00a0nm)"],
  ])("%j", (change, kind, text) => expect(fact("laser", change)).toEqual({ name: "laser", kind, text }));

  it("is said to be off after the last frame only when it said so", () => {
    expect(afterwards(ready)).toBe("The laser is off.");
    expect(afterwards({ ...ready, laser: "unknown" })).toBe("LASER STATE NOT KNOWN (785\u00a0nm): treat it as on.");
    expect(afterwards({ ...ready, laser: "apart" })).toBe("Laser (785\u00a0nm) has a switch of its own: treat it as on.");
  });

  it("is the only thing said of a spectrometer that is gone, and only when it may shine", () => {
    const gone = { connected: false, info: null, temperature_c: null, calibration: undefined };
    expect(deviceFacts({ ...ready, ...gone })).toEqual([]);
    expect(deviceFacts({ ...ready, ...gone, laser: "unknown" }).map((f) => f.text)).toEqual(["LASER STATE NOT KNOWN: treat it as on"]);
  });
});
