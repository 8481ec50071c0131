// What the detector sees at this moment: a plot that follows the frames of a preview or a scan, and the same in words.
import type { LiveFrame } from "../base/api";
import { h } from "../base/dom";
import { axisLabel } from "../base/format";
import { liveSummary, liveText } from "./livetext";
import { colour } from "../base/theme";
import { drawRanges } from "./saturated";
import type uPlot from "uplot";

/** How often the words for screen readers are renewed, in ms: more often nobody could listen. */
const announceEvery = 5000;

export interface LivePanel {
  element: HTMLElement;
  /** Draws a frame; several between two pictures of the screen cost one drawing. */
  show(frame: LiveFrame): void;
  /** Says that no more frames come. */
  end(text: string): void;
  close(): void;
}

export function livePanel(): LivePanel {
  const picture = h("div", { id: "live-plot", class: "live-plot", role: "img", "aria-label": "Live spectrum, not yet received", "data-testid": "live-plot", "data-frames": 0 });
  const figures = h("p", { class: "live-figures", "aria-hidden": "true" });
  const words = h("p", { class: "sr-only", role: "status", "data-testid": "live-words" });
  const mark = h("strong", { class: "badge", hidden: true }, "SIMULATED");
  const element = h("section", { class: "card live", hidden: true, "aria-labelledby": "live-title", "data-testid": "live" },
    h("h2", { id: "live-title" }, "Live ", mark), picture, figures, words,
    h("p", { class: "hint" }, "Counts of the detector as they come, nothing subtracted. Not a result; nothing is stored."));
  let plot: uPlot | undefined;
  let newest: LiveFrame | undefined;
  let waiting = false;
  let frames = 0;
  let announced = -Infinity;
  let closed = false;

  const draw = async () => {
    const { default: Plot } = await import("uplot");
    await import("uplot/dist/uPlot.min.css");
    waiting = false;
    if (!newest || closed) return;
    const size = { width: Math.max(240, picture.clientWidth), height: 220 };
    const data: uPlot.AlignedData = [newest.x, newest.y];
    if (!plot) plot = new Plot(options(size, () => newest), data, picture);
    else {
      if (plot.width !== size.width) plot.setSize(size);
      plot.setData(data);
    }
    picture.dataset.frames = String(++frames);
  };
  const redraw = () => {
    plot?.destroy();
    plot = undefined;
    if (newest) void draw();
  };
  document.addEventListener("themechange", redraw);

  return {
    element,
    show(frame) {
      newest = frame;
      element.hidden = false;
      mark.hidden = !frame.simulated;
      figures.textContent = liveText(frame);
      if (performance.now() - announced > announceEvery) {
        announced = performance.now();
        words.textContent = liveSummary(frame);
        picture.setAttribute("aria-label", words.textContent);
      }
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => void draw());
    },
    end(text) {
      announced = -Infinity;
      words.textContent = text;
      figures.textContent = text;
    },
    close() {
      closed = true;
      document.removeEventListener("themechange", redraw);
      plot?.destroy();
    },
  };
}

function options(size: { width: number; height: number }, frame: () => LiveFrame | undefined): uPlot.Options {
  const ink = colour("--ink-2");
  const grid = { stroke: colour("--line"), width: 1 };
  const font = "12px system-ui, sans-serif";
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false } },
    axes: [
      { stroke: ink, grid, ticks: grid, font, label: axisLabel("raman"), labelFont: "600 13px system-ui, sans-serif", labelSize: 24, size: 30, values: (_u, ticks) => ticks.map(String) },
      { stroke: ink, grid, ticks: grid, font, label: "Counts", labelFont: "600 13px system-ui, sans-serif", labelSize: 22, size: 64, values: (_u, ticks) => ticks.map(String) },
    ],
    series: [{}, { stroke: colour("--plot-scan"), width: 1.4, points: { show: false } }],
    hooks: { draw: [(u) => drawRanges(u, frame()?.saturated_ranges ?? [])] },
  };
}
