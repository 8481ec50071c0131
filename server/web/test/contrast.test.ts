import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const css = readFileSync(join(import.meta.dirname, "../src/styles/tokens.css"), "utf8");
const [light = "", dark = ""] = css.split(':root[data-theme="dark"]');
const read = (block: string) => Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!]));
const themes = { light: read(light), dark: { ...read(light), ...read(dark) } };

/** Relative luminance and contrast ratio as WCAG 2.2 defines them. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const text: [string, string][] = [
  ["ink", "ground"], ["ink", "surface"], ["ink", "surface-2"], ["ink-2", "ground"], ["ink-2", "surface"], ["ink-2", "surface-2"], ["accent", "surface"], ["accent", "ground"], ["accent-ink", "accent"], ["ink", "accent-soft"],
  ["alarm-ink", "alarm"], ["inconclusive-ink", "inconclusive"], ["no_alarm-ink", "no_alarm"], ["map-label", "map-land"],
];
const shapes: [string, string][] = [
  ["alarm-mark", "surface"], ["inconclusive-mark", "surface"], ["no_alarm-mark", "surface"], ["alarm-mark", "map-land"], ["inconclusive-mark", "map-land"], ["no_alarm-mark", "map-land"], ["focus", "surface"], ["focus", "ground"],
  ["line-strong", "surface"], ["plot-scan", "surface"], ["plot-ref-1", "surface"], ["plot-ref-2", "surface"], ["plot-ref-3", "surface"], ["plot-ref-4", "surface"], ["plot-difference", "surface"], ["bar", "bar-track"],
];

describe.each(Object.entries(themes))("%s colours", (_name, theme) => {
  it.each(text)("text %s on %s reaches 4.5:1", (a, b) => expect(contrast(theme[a]!, theme[b]!)).toBeGreaterThanOrEqual(4.5));
  it.each(shapes)("shape %s on %s reaches 3:1", (a, b) => expect(contrast(theme[a]!, theme[b]!)).toBeGreaterThanOrEqual(3));
});
