// The queue of unsent scans as a number, wherever one is on the pages.
import { api, type Queue } from "../base/api";
import { h } from "../base/dom";
import { count } from "../base/format";

/** The number in words: short for the eye, long for a screen reader. Null where there is no queue: scans stay on this server. */
export function queueWords(q: Queue): { short: string; long: string; stuck: boolean } | null {
  if (!q.upstream && q.waiting + q.parked === 0) return null;
  const parked = q.parked ? ` · ${count(q.parked)} refused` : "";
  const why = q.waiting && q.last_error ? ` The last attempt failed: ${q.last_error}.` : "";
  const refused = q.parked ? ` ${q.parked === 1 ? "1 scan was" : `${count(q.parked)} scans were`} refused by the other server.` : "";
  return {
    short: `${count(q.waiting)} unsent${parked}`,
    long: `${q.waiting === 1 ? "1 scan waits" : `${count(q.waiting)} scans wait`} to be sent.${refused}${why}`,
    stuck: q.parked > 0 || why !== "",
  };
}

/** A link to the queue that shows its number and follows it. */
export function queueBadge(): HTMLElement {
  const link = h("a", { href: "/queue", class: "queue", id: "queue", "data-testid": "queue", hidden: true });
  let told = false;
  const show = (q: Queue) => {
    told = true;
    const words = queueWords(q);
    link.hidden = words === null;
    if (!words) return;
    link.replaceChildren(words.stuck ? "\u26a0 " : "", words.short);
    link.classList.toggle("queue-stuck", words.stuck);
    link.title = words.long;
    link.setAttribute("aria-label", words.long);
  };
  api.onQueue(show);
  api.queue().then((q) => told || show(q), () => undefined); // the stream may have told something newer
  return link;
}
