// The words, shapes and colours of an answer. A verdict is always word + shape + colour, never colour alone.
import type { Scan, Verdict } from "../base/api";
import { svg } from "../base/dom";

export const presumptive = "Presumptive field result. Laboratory confirmation required.";

export const verdicts: readonly Verdict[] = ["alarm", "inconclusive", "no_alarm"];

interface Look {
  /** The word alone, for lists and legends. */
  word: string;
  shape: "octagon" | "triangle" | "square";
  /** Said when the server sends no headline of its own. */
  fallback: string;
}

export const looks: Record<Verdict, Look> = {
  alarm: { word: "ALARM", shape: "octagon", fallback: "ALARM: controlled substance indicated" },
  inconclusive: { word: "NO ANSWER", shape: "triangle", fallback: "NO ANSWER: see the reasons below" },
  no_alarm: { word: "NOTHING CONTROLLED SEEN", shape: "square", fallback: "NOTHING CONTROLLED SEEN above the limits below" },
};

/** A verdict this page does not know is no answer: nothing may be read into it. */
export function knownVerdict(value: string): Verdict {
  return (verdicts as readonly string[]).includes(value) ? (value as Verdict) : "inconclusive";
}

/** The headline as one line of text. */
export function headlineText(scan: Pick<Scan, "verdict" | "headline">): string {
  return scan.headline.trim() || looks[knownVerdict(scan.verdict)].fallback;
}

/** The headline in two parts: the word, and what it is about ("ALARM", "fentanyl-type substance"). */
export function headline(scan: Pick<Scan, "verdict" | "headline">): { word: string; rest: string } {
  const look = looks[knownVerdict(scan.verdict)];
  const text = headlineText(scan);
  if (!text.startsWith(look.word)) return { word: look.word, rest: text };
  return { word: look.word, rest: text.slice(look.word.length).replace(/^[:\s]+/, "") };
}

// Corner points on a 24 x 24 field; the map draws the same shapes.
export const corners: Record<Look["shape"], [number, number][]> = {
  octagon: [[8, 2], [16, 2], [22, 8], [22, 16], [16, 22], [8, 22], [2, 16], [2, 8]],
  triangle: [[12, 2], [23, 21.5], [1, 21.5]],
  square: [[3, 3], [21, 3], [21, 21], [3, 21]],
};

const marks: Record<Look["shape"], string> = {
  octagon: "M12 6.5v7M12 16.6v1",
  triangle: "M12 9v6M12 17.6v.9",
  square: "M7.5 12h9",
};

/** The verdict's shape as a decorative image; the word stands beside it in text. */
export function shape(verdict: Verdict, size: number): SVGElement {
  const kind = looks[verdict].shape;
  return svg(
    "svg",
    { class: `shape shape-${verdict}`, viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" },
    svg("polygon", { points: corners[kind].map((p) => p.join(",")).join(" "), "stroke-linejoin": "round" }),
    svg("path", { d: marks[kind], fill: "none", "stroke-width": 2.2, "stroke-linecap": "round" }),
  );
}
