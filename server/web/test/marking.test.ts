import { expect, test } from "vitest";
import { markings, markingWords } from "../src/records/marking";

test("markings are written as the protocol writes them, what is not known as the strictest", () => {
  expect(markings.map(markingWords)).toEqual(["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]);
  expect(markingWords(undefined)).toBe("TLP:RED");
});
