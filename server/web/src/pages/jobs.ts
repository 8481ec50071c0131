// What is done in the background: how much waits, and what was given up, with its error and a way to try it again.
import { api, type Job, type JobWorker } from "../base/api";
import { h } from "../base/dom";
import { count, instant } from "../base/format";
import { exportList } from "../records/exports";
import { problemBox } from "../base/problem";
import type { Page } from "../base/router";

const states: [string, string][] = [["discarded", "Given up"], ["retryable", "Failed, tried again later"], ["running", "Running"], ["available", "Waiting"], ["completed", "Done"], ["cancelled", "Cancelled"]];

export const jobsPage: Page = (host) => {
  const left = new AbortController();
  let state = "discarded";
  const body = h("div", { class: "stack" }, h("p", { class: "hint" }, "Reading the jobs\u2026"));
  const exports = exportList();
  const problems = h("div", {});
  const failed = (cause: unknown) => { if (!left.signal.aborted) problems.replaceChildren(problemBox(cause, "The job stays as it was.")); };
  const load = async () => {
    try {
      const [page, workers] = await Promise.all([api.jobs(state, left.signal), api.workers(left.signal)]);
      const total = (s: string) => Object.values(page.counts).reduce((n, by) => n + (by[s] ?? 0), 0);
      body.replaceChildren(
        h("div", { class: "list-tools", role: "group", "aria-label": "Which jobs" }, ...states.map(([s, words]) =>
          h("button", { type: "button", class: "small", "aria-pressed": String(s === state), onclick: () => { state = s; void load(); } }, `${words}: ${count(total(s))}`))),
        table(page.jobs ?? [], (j, how) => { api.changeJob(j.id, how).then(() => load(), failed); }),
        page.next ? h("p", { class: "hint" }, "Only the newest are listed.") : "", workerList(workers));
    } catch (cause) {
      failed(cause);
    }
  };
  host.append(h("div", { class: "page" }, h("h1", {}, "Jobs"), h("p", { class: "hint" }, "A job that fails is tried again after growing waits; one that fails too often is given up and stays here until somebody decides."), problems, body, exports.element));
  void load();
  const unsubscribe = api.onJobs(() => void load());
  return () => { unsubscribe(); exports.end(); left.abort(); };
};

function table(jobs: Job[], change: (j: Job, how: "retry" | "discard" | "cancel") => void): HTMLElement {
  if (jobs.length === 0) return h("p", { class: "empty" }, "No job is in this state.");
  const button = (j: Job, how: "retry" | "discard" | "cancel", words: string) => h("button", { type: "button", class: "small", onclick: () => change(j, how) }, words);
  return h("div", { class: "list" }, h("div", { class: "table-scroll" }, h("table", { class: "stacked", "data-testid": "jobs" }, h("thead", {}, h("tr", {}, ...["Job", "What", "Tries", "Last try", "Error", "Decide"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...jobs.map((j) => h("tr", {}, h("th", { scope: "row", class: "number" }, String(j.id)), h("td", { "data-label": "What" }, j.title, typeof j.about.batch === "string" ? h("span", {}, " ", h("a", { href: `/batches/${encodeURIComponent(j.about.batch)}` }, "show the batch")) : null),
      h("td", { class: "number", "data-label": "Tries" }, `${j.attempt} of ${j.max_attempts}`), h("td", { class: "number", "data-label": "Last try" }, j.tried ? instant(j.tried) : "not yet"), h("td", { class: "break", "data-label": "Error" }, j.error),
      h("td", {}, h("div", { class: "job-buttons" }, ["discarded", "cancelled", "retryable"].includes(j.state) ? button(j, "retry", "Try again") : null, ["discarded", "cancelled", "completed"].includes(j.state) ? button(j, "discard", "Take away") : null,
        ["available", "running", "retryable", "scheduled"].includes(j.state) ? button(j, "cancel", "Cancel") : null))))))));
}

function workerList(workers: JobWorker[]): HTMLElement {
  return h("section", { class: "card" }, h("h2", {}, "Who takes jobs"), h("ul", {}, ...workers.map((w) => h("li", {}, `${w.server ? "Server" : "Worker"} on ${w.host}, since ${instant(w.started)}, library `, h("code", { title: w.library }, w.library.slice(0, 12))))));
}
