import { Problem } from "./api";
import { h } from "./dom";

/** An error in three parts: what happened, why, and what was kept or can be done. */
export function problemBox(cause: unknown, kept: string, retry?: () => void): HTMLElement {
  const problem = cause instanceof Problem ? cause : new Problem(0, "This page could not go on", cause instanceof Error ? cause.message : String(cause));
  return h("div", { class: "problem", role: "alert", "data-testid": "problem" },
    h("strong", {}, problem.title),
    problem.detail ? h("p", {}, problem.detail) : null,
    kept ? h("p", { class: "kept" }, kept) : null,
    retry ? h("button", { type: "button", onclick: retry }, "Try again") : null);
}
