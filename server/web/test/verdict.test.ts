import { describe, expect, it } from "vitest";
import { corners, headline, headlineText, knownVerdict, looks, verdicts } from "../src/result/verdict";

describe("the words of a verdict", () => {
  it("splits the server's headline into the word and what it is about", () => {
    expect(headline({ verdict: "alarm", headline: "ALARM: fentanyl-type substance" })).toEqual({ word: "ALARM", rest: "fentanyl-type substance" });
    expect(headline({ verdict: "inconclusive", headline: "NO ANSWER: signal too weak" })).toEqual({ word: "NO ANSWER", rest: "signal too weak" });
    expect(headline({ verdict: "no_alarm", headline: "NOTHING CONTROLLED SEEN above 8 % w/w" })).toEqual({ word: "NOTHING CONTROLLED SEEN", rest: "above 8 % w/w" });
  });

  it("keeps the verdict's own word when the headline says something else", () => {
    expect(headline({ verdict: "alarm", headline: "Heroin" })).toEqual({ word: "ALARM", rest: "Heroin" });
  });

  it("never shows an empty headline", () => {
    for (const verdict of verdicts) {
      expect(headlineText({ verdict, headline: " " })).toBe(looks[verdict].fallback);
      expect(headline({ verdict, headline: "" }).word).toBe(looks[verdict].word);
    }
  });

  it("reads an unknown verdict as no answer", () => {
    expect(knownVerdict("all good")).toBe("inconclusive");
    expect(knownVerdict("no_alarm")).toBe("no_alarm");
  });

  it("gives each verdict a shape of its own", () => {
    expect(new Set(verdicts.map((v) => looks[v].shape)).size).toBe(3);
    expect(corners[looks.alarm.shape]).toHaveLength(8);
    expect(corners[looks.inconclusive.shape]).toHaveLength(3);
    expect(corners[looks.no_alarm.shape]).toHaveLength(4);
  });
});
