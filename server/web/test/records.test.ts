import { describe, expect, it } from "vitest";
import { problemFrom, type Scan } from "../src/base/api";
import { nextLabel } from "../src/pages/seizure";
import { changedFields, differences, ended, fromLocalInput, linkedWords, localInput, mayAmend, newKey, quantityWords, reviewWord, statedFields, timeline, type Exhibit, type Seizure } from "../src/records/records";

const seizure = (more: Partial<Seizure> = {}): Seizure => ({
  id: "z", agency: "local", tlp: "amber", case: "24-117", location: { county: "Hamilton", state: "Ohio" }, seized: "2026-10-31T22:10:00Z", officer: "Ada", note: "", simulated: false,
  version: 1, changed_by: "ada", changed: "2026-10-31T23:00:00Z", reason: "", ...more,
});
const exhibit = (more: Partial<Exhibit> = {}): Exhibit => ({
  id: "x", seizure_id: "z", agency: "local", tlp: "amber", label: "1", form: "powder", quantity: null, packaging: "", expected_as: "", taken: "2026-10-31T22:15:00Z", note: "", simulated: false, case: "",
  version: 1, changed_by: "ada", changed: "2026-10-31T23:05:00Z", reason: "", ...more,
});

describe("versions of a record", () => {
  it("tell what is different, and what it said before", () => {
    const after = seizure({ case: "24-118", location: null, version: 2, reason: "typo" });
    expect(differences(seizure(), after)).toEqual([
      { label: "Case", from: "24-117", to: "24-118" },
      { label: "Place", from: "Hamilton, Ohio", to: "not stated" },
    ]);
    expect(differences(seizure(), seizure())).toEqual([]);
  });

  it("name quantities, markings and times as people read them", () => {
    const after = exhibit({ quantity: { value: 1.5, unit: "g", uncertainty: 0.1 }, tlp: "red" });
    expect(differences(exhibit(), after)).toEqual([
      { label: "Quantity", from: "not stated", to: "1.5 ± 0.1 g" },
      { label: "Marking", from: "TLP:AMBER", to: "TLP:RED" },
    ]);
    expect(quantityWords({ value: 0, unit: "tablets" })).toBe("0 tablets");
    expect(quantityWords(null)).toBe("not weighed or counted");
    expect(linkedWords({ exhibit_id: "x", label: "1A", form: "tablet", seizure_id: "z", case: "" })).toBe("exhibit 1A (tablet)");
  });
});

describe("an amendment", () => {
  it("sends only what is different, and what was taken away as empty", () => {
    const before = { case: "a", officer: "Ada", location: { county: "x" }, quantity: { value: 1, unit: "g" } };
    expect(changedFields(before, { case: "a", officer: "", location: {}, quantity: { value: 1, unit: "g" } })).toEqual({ officer: "", location: {} });
  });

  it("leaves out what a new record does not state", () => {
    expect(statedFields({ case: "", location: {}, officer: "Ada", quantity: { value: 0, unit: "g" } })).toEqual({ officer: "Ada", quantity: { value: 0, unit: "g" } });
  });
});

describe("times", () => {
  it("go into a field of the reader's zone and come back as they were, to the minute", () => {
    const t = "2026-11-01T12:34:00.000Z";
    expect(fromLocalInput(localInput(t))).toBe(t);
    expect(localInput("")).toBe("");
    expect(localInput("no time")).toBe("");
    expect(fromLocalInput("")).toBe("");
    expect(fromLocalInput("2026-13-40T99:99")).toBe("");
  });
});

describe("the timeline of a seizure", () => {
  it("is in order of time, with amendments, exhibits and scans", () => {
    const versions = [seizure(), seizure({ version: 2, changed: "2026-11-02T08:00:00Z", changed_by: "bob", reason: "typo" })];
    const scan = { id: "s/1", acquired: "2026-10-31T22:20:00Z", headline: "ALARM: fentanyl", review: "disagree", linked: { label: "1" } } as Scan;
    const all = timeline(versions, [exhibit({ version: 2, changed: "2026-11-01T08:00:00Z", changed_by: "cy", reason: "weighed" })], [scan]);
    expect(all.map((e) => e.text)).toEqual([
      "Seized", "Exhibit 1 taken: powder, not weighed or counted", "Scan of exhibit 1: ALARM: fentanyl (reviewer disagrees)", "Entered by ada", "Exhibit 1 amended by cy: weighed", "Amended by bob: typo",
    ]);
    expect(all[2]!.href).toBe("/scans/s%2F1");
  });
});

describe("words of a review", () => {
  it("say nothing of a scan that waits", () => {
    expect(["", "agree", "disagree", "needs_laboratory"].map((review) => reviewWord({ review } as Scan))).toEqual(["", "reviewed", "reviewer disagrees", "reviewer asks for the laboratory"]);
  });
});

describe("a new record", () => {
  it("has a key of its own that the server takes", () => {
    expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
    expect(newKey()).not.toBe(newKey());
  });

  it("is offered the next label", () => {
    expect(nextLabel([])).toBe("1");
    expect(nextLabel([{ label: "2" }, { label: "7B" }, { label: "A" }])).toBe("8");
  });

  it("that is refused tells which field, by its place in what was sent", async () => {
    const body = { title: "Unprocessable Entity", detail: "cannot be stored", errors: [{ location: "body.quantity.unit", message: "expected a unit" }, { location: "header.If-Match", message: "no" }] };
    const problem = await problemFrom(new Response(JSON.stringify(body), { status: 422 }));
    expect(problem.fields).toEqual({ "body.quantity.unit": "expected a unit" });
  });
});

describe("who may amend", () => {
  const me = { user: "ada", role: "technician", agency: "local", clearance: "amber", permissions: ["records.amend"], second_factor: false };
  it("is the agency that a record belongs to, with the permission", () => {
    expect(mayAmend(me, "local")).toBe(true);
    expect(mayAmend(me, undefined)).toBe(true);
    expect(mayAmend(me, "sheriff")).toBe(false);
    expect(mayAmend({ ...me, permissions: ["records.read"] }, "local")).toBe(false);
  });
});

describe("a reason at the end of a sentence", () => {
  it("gets a full stop unless it has one", () => {
    expect(["weighed again", "weighed again.", "why?"].map(ended)).toEqual(["weighed again.", "weighed again.", "why?"]);
  });
});
