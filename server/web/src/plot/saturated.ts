// Where the detector was at full scale, drawn over a plot: a hatched band with the words.
import type uPlot from "uplot";
import type { Range } from "../base/api";
import { span } from "./plotdata";
import { colour } from "../base/theme";

/** Marks ranges of the x axis. Narrow ones are widened to three pixels of the screen, so that none is overlooked. */
export function drawRanges(u: uPlot, ranges: Range[]): void {
  if (ranges.length === 0) return;
  const { ctx, bbox } = u;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour("--alarm-mark");
  ctx.lineWidth = scale;
  for (const { left, width } of ranges.map((r) => span(u.valToPos(r.low, "x", true), u.valToPos(r.high, "x", true), 3 * scale))) {
    ctx.globalAlpha = 0.14;
    ctx.fillStyle = colour("--alarm-mark");
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 0.8;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, width, bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let y = bbox.top - width; y < bbox.top + bbox.height; y += 8 * scale) {
      ctx.moveTo(left, y + width);
      ctx.lineTo(left + width, y);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour("--alarm-mark");
  ctx.font = `600 ${11 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "top";
  ctx.fillText("AT FULL SCALE", bbox.left + bbox.width - 4 * scale, bbox.top + 3 * scale);
  ctx.restore();
}
