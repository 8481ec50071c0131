// What waits to be sent to another server, and what that refused.
import { api, type Queue, type QueuedFile } from "../base/api";
import { h, type Child } from "../base/dom";
import { count, instant } from "../base/format";
import { problemBox } from "../base/problem";
import { queueWords } from "../shell/queue";
import type { Page } from "../base/router";

export const queuePage: Page = (host) => {
  const body = h("div", {}, h("p", { class: "hint" }, "Reading the queue\u2026"));
  host.append(h("div", { class: "page" }, h("h1", {}, "Unsent scans"), body));
  const left = new AbortController();
  const failed = (cause: unknown) => body.append(problemBox(cause, "Nothing was changed. The refused scans stay on this machine."));
  const load = () =>
    api.queue(left.signal).then(
      (q) => body.replaceChildren(...view(q, q.files ?? [], failed)),
      (cause) => left.signal.aborted || body.replaceChildren(problemBox(cause, "Nothing was changed. Unsent scans stay on this machine.", () => void load())),
    );
  void load();
  const unsubscribe = api.onQueue(() => void load());
  return () => {
    unsubscribe();
    left.abort();
  };
};

function view(q: Queue, files: QueuedFile[], failed: (cause: unknown) => void): HTMLElement[] {
  const words = queueWords(q);
  const waiting = files.filter((f) => !f.parked);
  const refused = files.filter((f) => f.parked);
  const listed = files.reduce((n, f) => n + f.scans, 0);
  return [
    h("section", { class: "card queue-state", "aria-live": "polite" },
      h("p", { class: "queue-number" }, h("strong", {}, count(q.waiting)), q.waiting === 1 ? " scan waits to be sent" : " scans wait to be sent"),
      h("p", {}, words ? (q.upstream ? `They go to ${q.upstream}, in the order they were taken.` : "No server to send to is set. Start Fentrace with --upstream, or run fentrace send.") : "Scans stay on this server: no other server to send them to is set."),
      q.last_error ? h("p", { class: "queue-error" }, h("strong", {}, "Last attempt failed"), q.last_tried ? ` at ${instant(q.last_tried)}` : "", `: ${q.last_error}`) : null,
      h("p", { class: "hint" }, q.last_sent ? `Last sent ${instant(q.last_sent)}.` : "Nothing was sent from here yet.", " Unsent scans are on the disk of this machine and survive a power cut.")),
    waiting.length ? list("Waiting, first to be sent first", waiting) : null,
    refused.length ? list("Refused by the other server", refused, "They stay here. Once the reason is mended, try again.", retryButton(failed)) : null,
    q.waiting + q.parked > listed ? h("p", { class: "hint" }, `and ${count(q.waiting + q.parked - listed)} more`) : null,
  ].filter((e) => e !== null);
}

function retryButton(failed: (cause: unknown) => void): HTMLElement {
  const button = h("button", { type: "button", onclick: () => { button.disabled = true; api.retryRefused().catch((cause: unknown) => { button.disabled = false; failed(cause); }); } }, "Try again");
  return button;
}

function list(title: string, files: QueuedFile[], hint?: string, action?: HTMLElement): HTMLElement {
  const reason = (f: QueuedFile): Child => (f.attempts ? `${f.error} (${f.attempts === 1 ? "1 attempt" : `${count(f.attempts)} attempts`})` : "not tried yet");
  return h("section", { class: "card" }, h("h2", {}, title), hint ? h("p", { class: "hint" }, hint) : null, action,
    h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": title },
      h("table", {}, h("thead", {}, h("tr", {}, ...["Stored", "Answer", "File", "Scans", "Last attempt"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, ...files.map((f) => h("tr", {}, h("td", { class: "number" }, instant(f.stored)), h("th", { scope: "row" }, h("a", { href: `/scans/${encodeURIComponent(f.scan_id)}` }, f.headline), f.simulated ? h("span", {}, " ", h("strong", { class: "badge" }, "SIMULATED")) : null),
          h("td", { class: "break" }, f.filename), h("td", { class: "number" }, count(f.scans)), h("td", { class: "break" }, reason(f))))))));
}
