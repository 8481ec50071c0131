import { describe, expect, it } from "vitest";
import type { FieldAnswer, Queue } from "../src/base/api";
import { differs } from "../src/result/fieldanswers";
import { queueWords } from "../src/shell/queue";

const empty: Queue = { upstream: "", waiting: 0, parked: 0, oldest: null, last_error: "", last_tried: null, last_sent: null };
const field = { ...empty, upstream: "https://fentrace.example.org" };

describe("the queue of unsent scans", () => {
  it("is not there on a server that sends nowhere", () => expect(queueWords(empty)).toBeNull());

  it("is a number, also when it is zero", () => expect(queueWords(field)).toEqual({ short: "0 unsent", long: "0 scans wait to be sent.", stuck: false }));

  it("counts one scan as one", () => expect(queueWords({ ...field, waiting: 1 })?.long).toBe("1 scan waits to be sent."));

  it("shows what waits where nothing sends it", () => expect(queueWords({ ...empty, waiting: 2 })?.short).toBe("2 unsent"));

  it("says why it does not move", () => {
    const words = queueWords({ ...field, waiting: 12, last_error: "connection refused" });
    expect(words).toEqual({ short: "12 unsent", long: "12 scans wait to be sent. The last attempt failed: connection refused.", stuck: true });
  });

  it("shows what was refused beside what waits", () => {
    const words = queueWords({ ...field, parked: 1 });
    expect(words).toEqual({ short: "0 unsent · 1 refused", long: "0 scans wait to be sent. 1 scan was refused by the other server.", stuck: true });
  });
});

describe("the answer given in the field", () => {
  const there = (verdict: string, headline: string) => ({ identification: { verdict, headline } }) as FieldAnswer;
  const here = { verdict: "alarm" as const, headline: "ALARM: fentanyl" };

  it("is the same when it says the same", () => expect(differs(here, there("alarm", "ALARM: fentanyl"))).toBe(false));
  it("differs by its verdict", () => expect(differs(here, there("inconclusive", "ALARM: fentanyl"))).toBe(true));
  it("differs by what it names", () => expect(differs(here, there("alarm", "ALARM: fentanyl-type substance"))).toBe(true));
});
