// One answer on one page: verdict, what it rests on, what it could not have seen, next step, overlay, place, details.
import { api, type Finding, type Scan } from "../base/api";
import { h, type Child } from "../base/dom";
import { fieldAnswersCard, fieldLine } from "./fieldanswers";
import { instant, interval, percent, place, probability, techniqueName } from "../base/format";
import { laboratoryCard, laboratoryLine } from "./laboratory";
import { markingWords } from "../records/marking";
import { releaseCard } from "./release";
import { holdCard } from "./hold";
import { problemBox } from "../base/problem";
import { reviewWord } from "../records/records";
import { scanRecordCard } from "./scanrecord";
import { similarCard } from "./similar";
import { headline, headlineText, knownVerdict, presumptive, shape } from "./verdict";
import { watermark } from "./watermark";

/** Draws scan into host. scanAgain, where a spectrometer can be reached, turns "scan again" steps into buttons. */
export function resultView(host: HTMLElement, scan: Scan, scanAgain?: () => void): void {
  const answer = scan.identification;
  const overlay = h("section", { class: "card", "aria-labelledby": "overlay-title" }, h("h2", { id: "overlay-title" }, "Scan and references"));
  const map = h("section", { class: "card", "aria-labelledby": "place-title" }, h("h2", { id: "place-title" }, "Place"));
  host.append(
    verdictPanel(scan),
    h("div", { class: "result-body" },
      fieldAnswersCard(scan),
      h("div", { class: "result-columns" },
        h("div", { class: "stack" }, findingsCard(scan), limitsCard(scan), warningsCard(scan), reasonsCard(answer.reasons ?? []), stepsCard(answer.next_steps ?? [], scanAgain)),
        h("div", { class: "stack" }, overlay, map)),
      laboratoryCard(scan),
      scanRecordCard(scan),
      holdCard(scan),
      releaseCard(scan),
      similarCard(scan),
      detailsCard(scan),
      scan.simulated ? watermark("watermark") : null),
  );
  void drawOverlay(overlay, scan);
  void drawMap(map, scan);
}

function verdictPanel(scan: Scan): HTMLElement {
  const verdict = knownVerdict(scan.verdict);
  const { word, rest } = headline(scan);
  return h("section", { id: "verdict", class: `verdict verdict-${verdict}`, "data-verdict": scan.verdict, "data-testid": "verdict", tabindex: -1, "aria-labelledby": "verdict-word" },
    h("div", { class: "verdict-inner" },
      shape(verdict, 120),
      h("div", { class: "verdict-text" },
        h("h1", { id: "verdict-word" }, h("span", { class: "verdict-word" }, word), " ", rest ? h("span", { class: "verdict-rest" }, rest) : null),
        h("p", { class: "verdict-summary" }, scan.summary),
        fieldLine(scan),
        laboratoryLine(scan),
        warningsLine(scan),
        h("p", { class: "verdict-presumptive" }, presumptive),
        h("p", { class: "verdict-meta" }, scan.simulated ? h("strong", { class: "badge" }, "SIMULATED") : null,
          [instant(scan.acquired), techniqueName(scan.technique), scan.device?.model, (scan.linked?.label || scan.exhibit) && `exhibit ${scan.linked?.label || scan.exhibit}`, (scan.linked?.case || scan.case) && `case ${scan.linked?.case || scan.case}`, reviewWord(scan)].filter(Boolean).join(" · ")))),
    scan.simulated ? watermark() : null);
}

function findingsCard(scan: Scan): HTMLElement {
  const findings = scan.identification.findings ?? [];
  return h("section", { class: "card", "data-testid": "findings" }, h("h2", {}, "What the verdict rests on"),
    findings.length
      ? h("ul", { class: "findings" }, ...findings.map((f) => findingItem(f)))
      : h("p", {}, "No substance is named. The nearest references are listed under Details, so that you can judge for yourself."));
}

function findingItem(f: Finding): HTMLElement {
  const chips = [f.controlled ? h("span", { class: "chip chip-controlled" }, "controlled") : null, f.class ? h("span", { class: "chip" }, f.class) : null, tierChip(f),
    f.container ? h("span", { class: "chip" }, "container, not sample") : null, f.unlisted ? h("span", { class: "chip" }, "not in the library") : null,
    f.unverified ? h("span", { class: "chip chip-warn" }, "unverified library entry") : null];
  const notes = [f.schedule, f.cas && `CAS ${f.cas}`, `axis shift ${f.shift_cm1 >= 0 ? "+" : "\u2212"}${Math.abs(f.shift_cm1).toFixed(1)} cm-1`,
    f.chance_agreement !== undefined && f.chance_agreement !== null ? `unrelated lines agree this well with probability ${chance(f.chance_agreement)}` : ""].filter(Boolean);
  return h("li", {}, h("div", { class: "finding-head" }, h("strong", {}, f.substance), ...chips),
    bar("Probability", f.probability, probability(f.probability)),
    f.fraction ? bar("Share of the signal", f.fraction.estimate, interval(f.fraction), [f.fraction.low, f.fraction.high]) : null,
    h("p", { class: "hint" }, notes.join(" · ")));
}

function chance(p: number): string {
  return p < 0.001 ? "below 0.001" : p.toPrecision(1);
}

function tierChip(f: Finding): HTMLElement {
  if (f.unlisted) return h("span", { class: `chip chip-${f.tier}` }, f.tier === "simulated" ? "SIMULATED model of the class" : "model of the class");
  return h("span", { class: `chip chip-${f.tier}` }, f.tier === "published" ? "published peak table" : f.tier === "simulated" ? "SIMULATED reference" : "measured reference");
}

/** A share of 0..1 as a bar, with its interval as a whisker. */
export function bar(name: string, share: number, text: string, range?: [number, number]): HTMLElement {
  const at = (v: number) => `${(Math.min(1, Math.max(0, v)) * 100).toFixed(1)}%`;
  const track = h("div", { class: "bar-track", "aria-hidden": "true" });
  const value = h("div", { class: "bar-value" });
  value.style.width = at(share);
  track.append(value);
  if (range) {
    const whisker = h("div", { class: "bar-whisker" });
    whisker.style.left = at(range[0]);
    whisker.style.width = at(range[1] - range[0]);
    track.append(whisker);
  }
  return h("div", { class: "bar" }, h("span", { class: "bar-name" }, name), track, h("span", { class: "bar-text" }, text));
}

function limitsCard(scan: Scan): HTMLElement {
  const limits = scan.identification.detection_limits ?? [];
  return h("section", { class: "card", "data-testid": "limits" }, h("h2", {}, "What this scan could not have seen"),
    limits.length
      ? h("ul", { class: "limits" }, ...grouped(limits).map(([share, names]) => h("li", {}, `below about ${share} of the signal: `, h("strong", {}, names.join(", ")))))
      : h("p", {}, "No limit can be stated for this scan. Treat nothing as ruled out."));
}

/** Substances whose limit reads the same stand together, in the order they came. */
export function grouped(limits: { substance: string; fraction: number }[]): [share: string, substances: string[]][] {
  const by = new Map<string, string[]>();
  for (const l of limits) by.set(percent(l.fraction), [...(by.get(percent(l.fraction)) ?? []), l.substance]);
  return [...by];
}

function reasonsCard(reasons: string[]): Child {
  if (reasons.length === 0) return null;
  return h("section", { class: "card", "data-testid": "reasons" }, h("h2", {}, "Why"), h("ul", {}, ...reasons.map((r) => h("li", {}, r))));
}

/** For beside the verdict, which may fill the screen: that there is more to know, and where. */
function warningsLine(scan: Scan): Child {
  const n = scan.warnings?.length ?? 0;
  const read = () => {
    const card = document.querySelector<HTMLElement>("#warnings");
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "start" });
  };
  return n ? h("p", {}, h("button", { type: "button", class: "verdict-warnings", onclick: read }, n === 1 ? "1 warning about this scan" : `${n} warnings about this scan`)) : null;
}

function warningsCard(scan: Scan): Child {
  const warnings = scan.warnings ?? [];
  if (warnings.length === 0) return null;
  return h("section", { class: "card warnings-card", id: "warnings", tabindex: -1, "data-testid": "warnings" }, h("h2", {}, shape("inconclusive", 22), "Warnings about this scan"), h("ul", {}, ...warnings.map((w) => h("li", { class: "break" }, w))));
}

function stepsCard(steps: string[], scanAgain?: () => void): HTMLElement {
  const item = (step: string, i: number) => {
    const again = scanAgain && /\b(re-?scan|scan (it |the sample )?again)\b/i.test(step);
    return h("li", {}, again ? h("button", { type: "button", class: i === 0 ? "primary step" : "step", onclick: scanAgain }, sentence(step)) : h("span", { class: "step" }, sentence(step)));
  };
  return h("section", { class: "card steps-card", "data-testid": "next-steps" }, h("h2", {}, "Next step"),
    h("ol", { class: "steps" }, ...(steps.length ? steps : ["Send the sample to the laboratory."]).map(item)));
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function drawOverlay(card: HTMLElement, scan: Scan): Promise<void> {
  try {
    const [overlay, { overlayPlot }] = await Promise.all([api.overlay(scan.id), import("../plot/plot")]);
    overlayPlot(card, overlay, { id: scan.id, title: headlineText(scan), technique: scan.technique, simulated: scan.simulated, saturated: overlay.saturated ?? [] });
  } catch (cause) {
    card.append(problemBox(cause, "The result above stands; only its drawing is missing.", () => { card.querySelector(".problem")?.remove(); void drawOverlay(card, scan); }));
  }
}

async function drawMap(card: HTMLElement, scan: Scan): Promise<void> {
  if (scan.location?.latitude === undefined || scan.location.longitude === undefined) {
    const text = scan.location ? `Only the region is known: ${place(scan.location)}.` : "This scan was stored without a place. Fill in the place under Exhibit data before the next scan.";
    card.append(h("div", { id: "scan-map", "data-points": 0, "data-testid": "scan-map" }, h("p", {}, text)));
    return;
  }
  const host = h("div", { id: "scan-map", class: "map map-small", role: "region", "data-testid": "scan-map" });
  card.append(h("p", { class: "hint place-line" }, place(scan.location)), host);
  try {
    const { scanMap } = await import("../map/map");
    if (host.isConnected) await scanMap(host, scan, [scan.location.longitude, scan.location.latitude]);
  } catch (cause) {
    host.replaceWith(h("p", { class: "hint", id: "scan-map", "data-points": 0 }, `The map cannot be drawn in this browser (${cause instanceof Error ? cause.message : String(cause)}). The place above is what was stored.`));
  }
}

function detailsCard(scan: Scan): HTMLElement {
  const a = scan.identification;
  const q = a.quality;
  const rows: [string, Child][] = [
    ["Acquired", instant(scan.acquired)], ["Stored", instant(scan.created)], ["Place", place(scan.location)], ["Case", scan.case || "not stated"], ["Exhibit", scan.exhibit || "not stated"],
    ["Officer", scan.officer || "not stated"], ["Device", scan.device ? `${scan.device.model}, serial ${scan.device.serial_number}` : "from a file"], ["File", scan.filename || "none"], ["Marking", markingWords(scan.tlp)], ["Agency", scan.agency ?? "not stated"],
    ["Signal to noise", q.snr > 0 ? String(Math.round(q.snr)) : "not measured"], ["Points at full scale", String(q.saturated)], ["Smooth background", `${percent(q.fluorescence)} of the signal`],
    ["Axis", axisWords(q)], ["Range", q.low_cm1 !== undefined && q.high_cm1 !== undefined ? `${Math.round(q.low_cm1)} to ${Math.round(q.high_cm1)} cm-1` : "not stated"],
    ["Left unexplained", `${percent(a.unexplained)} of the signal`], ["SHA-256 of the raw bytes", h("code", {}, scan.sha256)], ["Library", h("code", {}, a.library)], ["Algorithm", h("code", {}, a.algorithm)],
    ["Preprocessing", h("code", {}, a.pipeline)], ["Scan id", h("code", {}, scan.id)],
  ];
  const siblings = scan.siblings ?? [];
  const id = encodeURIComponent(scan.id);
  return h("details", { class: "card details", open: true },
    h("summary", {}, "Details"),
    h("div", { class: "details-grid" },
      h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      candidatesTable(a.candidates ?? [])),
    h("p", { class: "links no-print" },
      h("a", { href: `/v1/scans/${id}/raw`, download: "" }, "Raw bytes as received"), stixLink(id),
      h("a", { href: `/v1/scans/${id}?as=pdf`, download: "" }, "Report (PDF)"), h("a", { href: `/v1/scans/${id}?as=csv`, download: "" }, "Spectrum (CSV)"),
      h("a", { href: `/v1/scans/${id}`, target: "_blank", rel: "noopener" }, "JSON"), h("button", { type: "button", class: "small", onclick: () => print() }, "Print")),
    siblings.length ? h("p", {}, "Other spectra of the same file: ", ...siblings.flatMap((s, i) => [i ? ", " : "", h("a", { href: `/scans/${encodeURIComponent(s)}` }, s.slice(0, 8))])) : null);
}

/** Shown to those who may hand records to partners. */
function stixLink(id: string): HTMLElement {
  const link = h("a", { href: `/v1/scans/${id}/stix`, target: "_blank", rel: "noopener", hidden: true }, "STIX 2.1");
  api.me().then((me) => (link.hidden = !me.permissions.includes("records.export")), () => undefined);
  return link;
}

function axisWords(q: Scan["identification"]["quality"]): string {
  const off = `about ${q.axis_shift_cm1.toFixed(1)} cm-1 off`;
  if (q.axis === "fault") return `fault: ${off}`;
  if (q.axis === "off") return off;
  return q.axis === "recalibrated" ? `${off}, put right by the lines of ${q.axis_known ?? "a standard"} in this scan` : q.axis;
}

function candidatesTable(candidates: Finding[]): Child {
  if (candidates.length === 0) return h("p", { class: "hint" }, "No reference comes near this scan.");
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Nearest references" },
    h("table", {}, h("caption", {}, "Nearest references, whatever the verdict"),
      h("thead", {}, h("tr", {}, ...["Substance", "Class", "Reference", "Score", "Probability", "Shift / cm-1"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, ...candidates.map((c) => h("tr", {}, h("th", { scope: "row" }, c.substance, " ", c.controlled ? h("span", { class: "chip chip-controlled" }, "controlled") : null), h("td", {}, c.class ?? ""),
        h("td", {}, c.tier === "simulated" ? "SIMULATED" : c.tier), h("td", { class: "number" }, c.score.toFixed(2)), h("td", { class: "number" }, probability(c.probability)), h("td", { class: "number" }, c.shift_cm1.toFixed(1)))))));
}
