// Days as a slider: scans per day drawn above it, a window of days that moves, and play.
import { h, svg } from "../base/dom";
import { count } from "../base/format";
import type { DayCount } from "./geo";

export interface Span {
  last: number; // index of the last day shown
  days: number; // length of the window; 0: everything up to the last day
}

const windows: [number, string][] = [[0, "all up to the day"], [1, "one day"], [7, "7 days"], [30, "30 days"]];

/** The slider over days; changed is called with every new span, also while it plays. */
export function timeSlider(days: DayCount[], start: Span, changed: (span: Span) => void): { element: HTMLElement; stop: () => void } {
  const span = { ...start };
  let timer: ReturnType<typeof setInterval> | undefined;
  const range = h("input", { type: "range", id: "day-slider", min: 0, max: Math.max(0, days.length - 1), value: span.last, step: 1, "aria-label": "Last day shown", oninput: () => { stop(); span.last = Number(range.value); update(); } });
  const pick = h("select", { id: "day-window", "aria-label": "Days shown", onchange: () => { span.days = Number(pick.value); update(); } },
    ...windows.map(([value, text]) => h("option", { value, selected: value === span.days }, text)));
  const play = h("button", { type: "button", class: "small play", onclick: () => (timer ? stop() : begin()) }, "Play");
  const label = h("output", { for: "day-slider", class: "slider-label" });
  const bars = histogram(days);

  const update = () => {
    range.value = String(span.last);
    const first = firstDay(span);
    const shown = days.slice(first, span.last + 1);
    const scans = shown.reduce((sum, d) => sum + d.scans, 0);
    label.value = shown.length ? `${shown.length > 1 ? `${shown[0]!.day} to ` : ""}${shown.at(-1)!.day} · ${count(scans)} scans` : "no days";
    range.setAttribute("aria-valuetext", label.value);
    bars.querySelectorAll("[data-day]").forEach((bar, i) => bar.classList.toggle("out", i < first || i > span.last));
    changed({ ...span });
  };
  const begin = () => {
    if (span.last >= days.length - 1) span.last = span.days > 0 ? Math.min(days.length - 1, span.days - 1) : 0;
    play.textContent = "Pause";
    update();
    timer = setInterval(() => {
      if (span.last >= days.length - 1) return stop();
      span.last++;
      update();
    }, 450);
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
  };
  const element = h("div", { class: "time no-print" }, h("div", { class: "time-row" }, play, label, pick), h("div", { class: "time-track" }, bars, range));
  queueMicrotask(update);
  return { element, stop };
}

/** The first day's index of a span. */
export function firstDay(span: Span): number {
  return span.days > 0 ? Math.max(0, span.last - span.days + 1) : 0;
}

function histogram(days: DayCount[]): SVGElement {
  const top = days.reduce((m, d) => Math.max(m, d.scans), 1);
  const picture = svg("svg", { class: "histogram", viewBox: `0 0 ${Math.max(1, days.length)} 20`, preserveAspectRatio: "none", "aria-hidden": "true" });
  days.forEach((d, i) => {
    const height = (d.scans / top) * 20;
    const hits = (d.hits / top) * 20;
    picture.append(svg("g", { "data-day": d.day }, svg("rect", { class: "hist-scans", x: i + 0.1, width: 0.8, y: 20 - height, height }), svg("rect", { class: "hist-hits", x: i + 0.1, width: 0.8, y: 20 - hits, height: hits })));
  });
  return picture;
}
