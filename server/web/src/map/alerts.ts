// What became known later: a substance was in a region earlier than was thought.
import { api, type Alert, type Rescreen } from "../base/api";
import { h } from "../base/dom";
import { count, instant } from "../base/format";
import { problemBox } from "../base/problem";

/** What an alert says of the dates: "First seen 2026-01-03 12:00 Z in Adams, CO; thought to be 2026-01-20 12:00 Z until now." Where
 * no county is known, nothing can be said of "there". */
export function alertText(a: Alert): string {
  const now = `First seen ${instant(a.first_seen)}${a.county ? ` in ${a.place}` : ` (${a.place})`}`;
  if (a.seen_before) return `${now}; thought to be ${instant(a.seen_before)} until now.`;
  return a.county ? `${now}; it was not known to have been there.` : `${now}; it was not known from any scan whose county is unknown.`;
}

/** The number in words. */
export function alertsWords(alerts: Alert[]): string {
  const unread = alerts.filter((a) => !a.read).length;
  if (alerts.length === 0) return "None. An alert appears when a new reference agrees with a scan older than the first one known to hold its substance.";
  return unread === 0 ? "All read." : `${count(unread)} unread. Presumptive: each needs a laboratory result.`;
}

/** How far a look through the past is, "" when there is nothing more to say of it: what it found is in the alerts. */
export function rescreenText(r: Rescreen): string {
  if (r.state === "running") {
    const far = r.total === 0 ? "" : `: ${count(r.done)} of ${count(r.total)} like it compared`;
    return `Looking through stored scans for ${r.substance}${far}.`;
  }
  return r.state === "failed" ? `The look through stored scans for ${r.substance} failed: ${r.error}` : "";
}

/** Follows looks through the past; stop ends that. What the page cannot learn of them now it is told with their next step. */
function rescreenLines(): { element: HTMLElement; stop: () => void } {
  const element = h("div", { "data-testid": "rescreens", role: "status" });
  const lines = new Map<string, HTMLElement>();
  const show = (r: Rescreen) => {
    lines.get(r.id)?.remove();
    lines.delete(r.id);
    const text = rescreenText(r);
    if (!text) return;
    const line = h("p", { class: "hint" }, text);
    lines.set(r.id, line);
    element.append(line);
  };
  api.rescreens().then((all) => all.rescreens?.filter((r) => r.state === "running" && !lines.has(r.id)).forEach(show), () => undefined);
  return { element, stop: api.onRescreen(show) };
}

/** The list, which follows what the server finds; stop ends that. */
export function alertsCard(): { element: HTMLElement; stop: () => void } {
  const status = h("p", { class: "hint", role: "status" });
  const list = h("ol", { class: "first-seen", "data-testid": "alerts" });
  const load = async () => {
    try {
      const alerts = (await api.alerts()).alerts ?? [];
      status.textContent = alertsWords(alerts);
      list.replaceChildren(...alerts.map((a) => alertItem(a, () => void load())));
    } catch (cause) {
      status.replaceChildren(problemBox(cause, "The map is not affected.", () => void load()));
    }
  };
  void load();
  const looks = rescreenLines();
  const element = h("section", { class: "card", "aria-labelledby": "alerts-title" }, h("h2", { id: "alerts-title" }, "Alerts"), status, looks.element, list);
  const stop = api.onAlerts(() => void load());
  return { element, stop: () => { stop(); looks.stop(); } };
}

function alertItem(a: Alert, changed: () => void): HTMLElement {
  const read = h("button", { type: "button", class: "small", "aria-label": `Mark the alert of ${a.substance} (${a.place}) as read`,
    onclick: () => { read.disabled = true; api.readAlert(a.id).then(changed, (cause) => read.replaceWith(problemBox(cause, "The alert is still there.", changed))); } }, "Mark as read");
  return h("li", {}, h("a", { href: `/scans/${encodeURIComponent(a.scan_id)}` }, a.substance), a.simulated ? h("span", { class: "badge" }, "SIMULATED") : null,
    h("span", { class: "first-where" }, alertText(a)),
    h("small", {}, `Found ${instant(a.created)} by looking through stored scans with a new reference.`),
    a.read ? h("small", {}, `Read by ${a.read_by}, ${instant(a.read)}.`) : read);
}
