import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const sources = [
  ...readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((f) => /\.(ts|css|svg|html)$/.test(f)).map((f) => join("src", f)),
  "index.html", "login.html",
];
// A field result is presumptive: these words would say more than is known. ("confirmation" is what the laboratory gives.)
// Only a laboratory confirms: its file, and the name of its result in the interface, may use that one word.
const laboratory = ["src/result/laboratory.ts", "src/base/api.ts"];
const forbidden = /\b(identified|confirmed|confirms|positive|safe|safely|clean|negative)\b/i;

describe("the words on the pages", () => {
  it("reads a plausible number of sources", () => expect(sources.length).toBeGreaterThan(20));

  it.each(sources)("%s claims no more than a presumptive result", (file) => {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    const said = laboratory.includes(file) ? lines.map((line) => line.replace(/\bconfirmed\b/gi, "")) : lines;
    expect(said.filter((line) => forbidden.test(line))).toEqual([]);
  });

  it("would notice such a word", () => expect(forbidden.test("The sample is Safe.")).toBe(true));

  it("colours no verdict green", () => {
    const tokens = readFileSync(join(root, "src/styles/tokens.css"), "utf8");
    const colours = [...tokens.matchAll(/--(?:alarm|inconclusive|no_alarm)(?:-mark)?: #([0-9a-f]{6})/g)].map((m) => m[1]!);
    expect(colours.length).toBeGreaterThanOrEqual(10);
    for (const hex of colours) {
      const [r = 0, g = 0, b = 0] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
      expect(g, `#${hex}`).toBeLessThan(Math.max(r, b));
    }
  });
});
