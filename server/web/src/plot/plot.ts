// The overlay of a scan and its references: scan above, references mirrored below, difference beneath.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Overlay, Range } from "../base/api";
import { tracesCSV } from "../base/csv";
import { download, h } from "../base/dom";
import { axisLabel } from "../base/format";
import { align, describe, lanes, prepare, strongestLines, type Series } from "./plotdata";
import { drawRanges } from "./saturated";
import { colour } from "../base/theme";
import { presumptive } from "../result/verdict";

interface About {
  id: string;
  /** Id of the drawing where a page may hold several. */
  plot?: string;
  title: string;
  technique: string;
  simulated: boolean;
  saturated?: Range[];
}

const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/** Draws overlay into host and keeps it drawn (size, theme) until the host leaves the page. */
export function overlayPlot(host: HTMLElement, overlay: Overlay, about: About): void {
  const series = prepare(overlay);
  const data = align(series);
  if (series.length === 0 || data[0].length === 0) {
    host.append(h("p", { class: "empty" }, "The stored scan holds no points to draw."));
    return;
  }
  const hidden = new Set<number>();
  let labels = false;
  let plot: uPlot | undefined;

  const canvasHost = h("div", {
    id: about.plot ?? "overlay-plot", class: "plot-canvas", tabindex: 0, role: "img", "aria-label": describe(series), "data-testid": "overlay-plot",
    "data-series": series.length,
  });
  const readout = h("output", { class: "plot-readout" }, "Drag to zoom, double-click to reset");
  const full: [number, number] = [data[0][0]!, data[0].at(-1)!];

  const draw = () => {
    const range = plot && plot.scales.x!.min !== undefined ? { min: plot.scales.x!.min!, max: plot.scales.x!.max! } : null;
    plot?.destroy();
    const width = Math.max(240, canvasHost.clientWidth);
    const height = Math.round(Math.min(520, Math.max(320, width * 0.52)));
    plot = new uPlot(options(series, about, { width, height, hidden, labels: () => labels, readout }), data as uPlot.AlignedData, canvasHost);
    if (range) plot.setScale("x", range);
  };
  const zoom = (factor: number, move = 0) => {
    if (!plot) return;
    const { min = full[0], max = full[1] } = plot.scales.x!;
    const middle = (min + max) / 2 + move * (max - min);
    const half = Math.min((full[1] - full[0]) / 2, Math.max(10, ((max - min) / 2) * factor));
    const low = Math.min(Math.max(full[0], middle - half), full[1] - 2 * half);
    plot.setScale("x", { min: low, max: low + 2 * half });
  };
  const reset = () => plot?.setScale("x", { min: full[0], max: full[1] });
  const right = about.technique === "ir" ? -0.25 : 0.25; // infrared decreases to the right
  canvasHost.addEventListener("keydown", (event) => {
    const action = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": reset, ArrowLeft: () => zoom(1, -right), ArrowRight: () => zoom(1, right) }[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });

  const seen = () => ({ low: plot?.scales.x!.min ?? full[0], high: plot?.scales.x!.max ?? full[1] });
  const shown = () => series.filter((_, i) => !hidden.has(i));
  const button = (text: string, label: string, onclick: () => void) => h("button", { type: "button", class: "small", "aria-label": label, title: label, onclick }, text);
  const peakBox = h("input", { type: "checkbox", onchange: () => { labels = peakBox.checked; plot?.redraw(); } });
  host.append(
    h("div", { class: "plot-tools no-print" },
      h("label", { class: "check" }, peakBox, " Peak labels"),
      h("span", { class: "tool-group" }, button("+", "Zoom in", () => zoom(0.5)), button("\u2212", "Zoom out", () => zoom(2)),
        button("\u2190", "Move left", () => zoom(1, -right)), button("\u2192", "Move right", () => zoom(1, right)), button("Reset", "Show the whole range", reset)),
      h("span", { class: "tool-group" },
        button("PNG", "Download the plot as PNG", () => plot && savePNG(plot, shown(), about)),
        button("CSV", "Download the shown points as CSV", () => {
          const { low, high } = seen();
          download(`fentrace-${about.id.slice(0, 8)}-overlay.csv`, new Blob([tracesCSV(shown(), about.technique, about.simulated, low, high)], { type: "text/csv" }));
        })),
      readout),
    canvasHost,
    legend(series, (i, on) => { if (on) hidden.delete(i); else hidden.add(i); plot?.setSeries(i + 1, { show: on }); }),
    h("p", { class: "sr-only" }, describe(series)),
  );

  let width = 0;
  const resize = new ResizeObserver(() => {
    if (!canvasHost.isConnected) {
      resize.disconnect();
      document.removeEventListener("themechange", draw);
      plot?.destroy();
    } else if (canvasHost.clientWidth !== width) {
      width = canvasHost.clientWidth;
      draw();
    }
  });
  resize.observe(canvasHost);
  document.addEventListener("themechange", draw);
}

function strokeOf(s: Series, index: number): string {
  if (s.role === "scan") return colour("--plot-scan");
  if (s.role === "difference") return colour("--plot-difference");
  return colour(`--plot-ref-${((index - 1) % 4) + 1}`);
}

function options(series: Series[], about: About, o: { width: number; height: number; hidden: Set<number>; labels: () => boolean; readout: HTMLOutputElement }): uPlot.Options {
  const ink = colour("--ink-2");
  const grid = { stroke: colour("--line"), width: 1 };
  return {
    width: o.width,
    height: o.height,
    legend: { show: false },
    cursor: { drag: { x: true, y: false, dist: 5 }, y: false, points: { show: false } },
    scales: { x: { time: false, dir: about.technique === "ir" ? -1 : 1 }, y: { range: [bottom(series), lanes.top] } },
    axes: [
      { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif", label: axisLabel(about.technique), labelFont: "600 13px system-ui, sans-serif", labelSize: 26, size: 34,
        values: (_u, ticks) => ticks.map((t) => String(t)) },
      { show: false },
    ],
    series: [
      {},
      ...series.map((s, i): uPlot.Series => ({
        label: s.label, stroke: strokeOf(s, i), width: s.role === "scan" ? 1.6 : s.kind === "peaks" ? 2 : 1.3, spanGaps: true, points: { show: false }, show: !o.hidden.has(i),
        ...(s.role === "reference" ? { dash: dashes[(i - 1) % dashes.length] } : {}),
        ...(s.kind === "peaks" ? { paths: sticks(s.offset), dash: [] } : {}),
      })),
    ],
    hooks: {
      draw: [(u) => drawRanges(u, about.saturated ?? []), (u) => drawLanes(u, series), (u) => o.labels() && drawPeakLabels(u, series, o.hidden)],
      setCursor: [(u) => { const x = u.cursor.left! >= 0 ? u.posToVal(u.cursor.left!, "x") : NaN; o.readout.value = Number.isFinite(x) ? `${Math.round(x)} cm-1` : "Drag to zoom, double-click to reset"; }],
    },
  };
}

/** The lower end of the plot: only lanes that hold something take room. */
function bottom(series: Series[]): number {
  if (series.some((s) => s.role === "difference")) return lanes.bottom;
  return series.some((s) => s.role === "reference") ? lanes.mirrorBottom * 1.12 : -0.15;
}

/** A peak table as vertical sticks from its base line: nothing is invented between the lines. */
function sticks(base: number): uPlot.Series.PathBuilder {
  return (u, index, first, last) => {
    const path = new Path2D();
    const zero = u.valToPos(base, "y", true);
    for (let i = first; i <= last; i++) {
      const y = u.data[index]![i];
      if (y === null || y === undefined) continue;
      const x = u.valToPos(u.data[0][i]!, "x", true);
      path.moveTo(x, zero);
      path.lineTo(x, u.valToPos(y, "y", true));
    }
    return { stroke: path, fill: null, clip: null, band: null, flags: 0 };
  };
}

/** Base lines and the names of the lanes. */
function drawLanes(u: uPlot, series: Series[]): void {
  const { ctx, bbox } = u;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour("--line-strong");
  ctx.fillStyle = colour("--ink-2");
  ctx.font = `600 ${11 * scale}px system-ui, sans-serif`;
  ctx.lineWidth = scale;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  const lane = (value: number, text: string, labelAt: number, role: Series["role"]) => {
    if (!series.some((s) => s.role === role)) return;
    const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    haloText(ctx, text, bbox.left + 4 * scale, u.valToPos(labelAt, "y", true) + 11 * scale);
  };
  lane(0, "SCAN", lanes.top, "scan");
  lane(0, "REFERENCES", lanes.mirrorBottom + 0.08, "reference");
  lane(lanes.differenceZero, "DIFFERENCE", lanes.differenceZero - 0.36, "difference");
  ctx.restore();
}

/** Text that stays readable over lines. */
function haloText(ctx: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  ctx.save();
  ctx.strokeStyle = colour("--surface");
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.restore();
  ctx.fillText(text, x, y);
}

function drawPeakLabels(u: uPlot, series: Series[], hidden: Set<number>): void {
  const { min = -Infinity, max = Infinity } = u.scales.x!;
  const { ctx } = u;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  series.forEach((s, i) => {
    if (hidden.has(i) || s.role === "difference") return;
    const keep = s.x.map((_, j) => j).filter((j) => s.x[j]! >= min && s.x[j]! <= max);
    ctx.fillStyle = strokeOf(s, i);
    for (const line of strongestLines({ kind: s.kind, x: keep.map((j) => s.x[j]!), y: keep.map((j) => s.y[j]!) }, s.role === "scan" ? 8 : 5)) {
      const y = u.valToPos(s.offset + s.gain * line.y, "y", true);
      haloText(ctx, String(Math.round(line.x)), u.valToPos(line.x, "x", true), s.gain < 0 ? y + 13 * scale : y - 5 * scale);
    }
  });
  ctx.restore();
}

/** On screen the watermark lies over the whole result; a picture on its own carries its own. */
function drawWatermark(ctx: CanvasRenderingContext2D, box: { left: number; top: number; width: number; height: number }): void {
  ctx.save();
  ctx.translate(box.left + box.width / 2, box.top + box.height / 2);
  ctx.rotate(-Math.atan2(box.height, box.width));
  ctx.font = `800 ${box.width / 7}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillStyle = colour("--watermark");
  ctx.fillText("SIMULATED", 0, 0);
  ctx.restore();
}

function legend(series: Series[], toggle: (index: number, on: boolean) => void): HTMLElement {
  const rows = series.map((s, i) => {
    const box = h("input", { type: "checkbox", checked: true, onchange: () => toggle(i, box.checked) });
    const sample = h("span", { class: `sample sample-${s.role} ${s.kind === "peaks" ? "sample-peaks" : ""} ref-${((i - 1) % 4) + 1}`, "aria-hidden": "true" });
    const notes = [s.role === "reference" ? "mirrored" : "", s.kind === "peaks" ? "peak table" : "", s.tier, s.simulated && s.tier !== "simulated" && !s.label.includes("SIMULATED") ? "SIMULATED" : ""].filter(Boolean).join(", ");
    return h("li", {}, h("label", { class: "check" }, box, sample, h("span", {}, s.role === "difference" ? s.label || "difference" : s.label, notes ? h("small", {}, ` (${notes.replace(/\bsimulated\b/, "SIMULATED")})`) : null)));
  });
  return h("ul", { class: "plot-legend" }, ...rows);
}

/** The plot as drawn, with its title, its legend in words and the presumptive line. */
function savePNG(plot: uPlot, shown: Series[], about: About): void {
  const source = plot.ctx.canvas;
  const scale = devicePixelRatio;
  const lines = [`${about.simulated ? "SIMULATED · " : ""}${presumptive}`, `Scan ${about.id}`, ...shown.map((s) => `${s.role}: ${s.label}${s.kind === "peaks" ? " (peak table)" : ""}${s.tier ? `, ${s.tier === "simulated" ? "SIMULATED" : s.tier}` : ""}`)];
  const canvas = h("canvas", { width: source.width, height: source.height + (44 + lines.length * 18) * scale });
  const ctx = canvas.getContext("2d")!;
  ctx.fillStyle = colour("--surface");
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = colour("--ink");
  ctx.font = `600 ${15 * scale}px system-ui, sans-serif`;
  ctx.fillText(about.title, 12 * scale, 22 * scale, canvas.width - 24 * scale);
  ctx.drawImage(source, 0, 30 * scale);
  if (about.simulated) drawWatermark(ctx, { left: 0, top: 30 * scale, width: source.width, height: source.height });
  ctx.font = `${12 * scale}px system-ui, sans-serif`;
  lines.forEach((text, i) => ctx.fillText(text, 12 * scale, source.height + (46 + i * 18) * scale, canvas.width - 24 * scale));
  canvas.toBlob((blob) => blob && download(`fentrace-${about.id.slice(0, 8)}-overlay.png`, blob), "image/png");
}
