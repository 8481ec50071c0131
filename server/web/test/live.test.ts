import { describe as suite, expect, it } from "vitest";
import type { LiveFrame } from "../src/base/api";
import { liveSummary, liveText } from "../src/plot/livetext";
import { span } from "../src/plot/plotdata";

const x = Array.from({ length: 200 }, (_, i) => 200 + 10 * i);
const frame: LiveFrame = {
  stage: "preview", frame: 12, rate: 8.26, peak: 0.824, integration_ms: 50, saturated_points: 0, saturated_ranges: [], simulated: true,
  x, y: x.map((v) => 1500 + 8000 / (1 + ((v - 1000) / 15) ** 2) + 4000 / (1 + ((v - 1600) / 15) ** 2)),
};

suite("a live frame in words", () => {
  it("says rate, exposure and how full the detector is", () => {
    expect(liveText(frame)).toBe("Preview, frame 12 · 50 ms · highest pixel at 82 % of full scale · 8.3 frames a second");
  });

  it("says what a scan does, of how many frames, and what it has reached", () => {
    expect(liveText({ ...frame, stage: "sample", frame: 3, frames: 20, snr: 61.7, rate: undefined, integration_ms: 2500 })).toBe(
      "Sample, frame 3 of 20 · 2.50 s · highest pixel at 82 % of full scale · signal to noise 62");
  });

  it("tells who cannot see the plot where the lines are, and that it is simulated", () => {
    expect(liveSummary(frame)).toBe("SIMULATED. Preview. Highest pixel at 82 percent of full scale. Strongest lines at 1000, 1600 cm-1.");
  });

  it("tells where the detector is at full scale", () => {
    const full = { ...frame, simulated: false, peak: 1, saturated_points: 9, saturated_ranges: [{ low: 995.2, high: 1004.9 }, { low: 1601, high: 1601 }, { low: 1700, high: 1702 }, { low: 1800, high: 1801 }] };
    expect(liveText(full)).toContain("9 points at full scale");
    expect(liveSummary(full)).toContain("The detector is at full scale at 9 points: 995 to 1005, 1601, 1700 to 1702 cm-1 and 1 more.");
  });

  it("survives a server that sends no ranges and a frame without lines", () => {
    expect(liveSummary({ ...frame, saturated_points: 1, saturated_ranges: null, y: x.map(() => 5) })).toContain("No line stands out.");
  });
});

suite("the band of a saturated range", () => {
  it("spans its ends in either direction of the axis", () => {
    expect(span(10, 30, 3)).toEqual({ left: 10, width: 20 });
    expect(span(30, 10, 3)).toEqual({ left: 10, width: 20 });
  });

  it("is wide enough to be seen where only one point is saturated", () => expect(span(10, 10, 3)).toEqual({ left: 8.5, width: 3 }));
});
