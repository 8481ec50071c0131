// Exhibit data: who, which case, which exhibit and where. Kept in this browser between scans, shown before each one.
import type { ScanFields } from "../base/api";
import { atlas } from "../map/atlas";
import { h } from "../base/dom";
import { metres, region } from "../base/format";
import { markings, markingWords } from "../records/marking";

const key = "fentrace.exhibit";
type Field = "case" | "exhibit" | "officer" | "latitude" | "longitude" | "precision_m";
const texts: [Field, string][] = [["case", "Case"], ["exhibit", "Exhibit"], ["officer", "Officer"]];
const numbers: [Field, string, number, number][] = [["latitude", "Latitude / degrees", -90, 90], ["longitude", "Longitude / degrees", -180, 180], ["precision_m", "Precision / m", 0, 1_000_000]];

/** The form, and what it holds: valid fields only. */
export function exhibitForm(): { element: HTMLElement; fields: () => ScanFields } {
  const kept = read();
  const inputs = {} as Record<Field, HTMLInputElement>;
  const summary = h("span", { class: "hint" });
  const message = h("p", { class: "hint", role: "status" });
  let county: Pick<ScanFields, "county" | "state" | "fips"> = {};

  const marking = h("select", { id: "field-tlp", name: "tlp", onchange: () => void changed() }, h("option", { value: "" }, "as this server marks"), ...markings.map((m) => h("option", { value: m }, markingWords(m))));
  marking.value = kept.tlp ?? "";

  const fields = (): ScanFields => {
    const out: ScanFields = {};
    for (const [name] of texts) if (inputs[name].value.trim()) out[name as "case"] = inputs[name].value.trim();
    if (marking.value) out.tlp = marking.value;
    const lat = numberOf(inputs.latitude);
    const lon = numberOf(inputs.longitude);
    if (lat === undefined || lon === undefined) return out;
    return { ...out, latitude: lat, longitude: lon, precision_m: numberOf(inputs.precision_m), ...county };
  };
  const say = () => {
    const f = fields();
    const where = region(county) || (f.latitude !== undefined ? `${f.latitude}, ${f.longitude}` : "");
    const parts = [f.case && `case ${f.case}`, f.exhibit && `exhibit ${f.exhibit}`, f.officer, f.tlp && markingWords(f.tlp), where && `${where}${f.precision_m ? ` ± ${metres(f.precision_m)}` : ""}`];
    summary.textContent = parts.filter(Boolean).join(" · ") || "none yet (optional)";
  };
  const changed = async (event?: Event) => {
    const f = fields();
    localStorage.setItem(key, JSON.stringify(f));
    say();
    const moved = event?.target === inputs.latitude || event?.target === inputs.longitude || event === undefined;
    if (!moved) return;
    county = {};
    if (f.latitude === undefined || f.longitude === undefined) return say();
    try {
      county = (await atlas()).finder.find([f.longitude, f.latitude]) ?? {};
      message.textContent = region(county) ? `In ${region(county)}.` : "In no county of the atlas.";
    } catch {
      message.textContent = "The county could not be looked up; the coordinates are kept.";
    }
    say();
  };
  for (const [name] of texts) inputs[name] = h("input", { id: `field-${name}`, name, value: String(kept[name as "case"] ?? ""), maxlength: 200, autocomplete: "off", oninput: changed });
  for (const [name, , min, max] of numbers)
    inputs[name] = h("input", { id: `field-${name}`, name, type: "number", step: "any", min, max, inputmode: "decimal", value: String(kept[name as "latitude"] ?? ""), oninput: changed });

  const locate = () => {
    message.textContent = "Asking this device for its place\u2026";
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        inputs.latitude.value = coords.latitude.toFixed(5);
        inputs.longitude.value = coords.longitude.toFixed(5);
        inputs.precision_m.value = String(Math.ceil(coords.accuracy));
        void changed();
      },
      (problem) => (message.textContent = `This device gave no place (${problem.message || "not permitted"}). The place can be typed.`),
      { enableHighAccuracy: true, timeout: 15_000, maximumAge: 60_000 },
    );
  };
  const field = (name: Field, label: string) => h("div", { class: "field" }, h("label", { for: `field-${name}` }, label), inputs[name]);
  const element = h("details", { class: "card exhibit" },
    h("summary", {}, "Exhibit data ", summary),
    h("div", { class: "fields" }, ...texts.map(([n, l]) => field(n, l)), h("div", { class: "field" }, h("label", { for: "field-tlp" }, "Marking"), marking), ...numbers.map(([n, l]) => field(n, l))),
    h("p", {}, "geolocation" in navigator ? h("button", { type: "button", class: "small", onclick: locate }, "Use this device's place") : null), message);
  say();
  if (kept.latitude !== undefined) void changed();
  void permitted().then((yes) => yes && locate());
  return { element, fields };
}

export function numberOf(input: HTMLInputElement): number | undefined {
  return input.value.trim() !== "" && input.checkValidity() && Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : undefined;
}

/** Whether the place may be read without asking: the page itself never opens the question. */
export async function permitted(): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: "geolocation" })).state === "granted";
  } catch {
    return false;
  }
}

/** What was stated last in this browser. */
export function keptFields(): ScanFields {
  return read();
}

function read(): ScanFields {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}") as ScanFields;
  } catch {
    return {};
  }
}
