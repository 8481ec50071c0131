// The first page: one button, then the answer.
import { api, Problem, type DeviceState, type Scan } from "../base/api";
import { h } from "../base/dom";
import { exhibitForm } from "../device/exhibit";
import { libraryCard, latestCard } from "../device/overview";
import { problemBox } from "../base/problem";
import { resultView } from "../result/result";
import { go, type Page } from "../base/router";
import { dropZone } from "../device/upload";
import { deviceBar } from "../device/devicebar";
import { afterwards } from "../device/devicewords";
import { countdown } from "../device/countdown";
import { livePanel } from "../plot/live";

export const scanPage: Page = (host, { query }) => {
  const shown = query.get("scan");
  const exhibit = exhibitForm();
  const device = h("div", { class: "device-slot" });
  const messages = h("div", { "aria-live": "assertive" });
  const result = h("div", { class: "result", "data-testid": "result" });
  const button = h("button", { id: "scan-button", type: "button", class: "scan-button", "data-testid": "scan-button", disabled: true }, h("span", {}, "Scan"));
  const cancel = h("button", { type: "button", class: "cancel", hidden: true }, "Stop");
  const preview = h("button", { id: "preview-button", type: "button", class: "preview", "data-testid": "preview-button", disabled: true }, "Live preview");
  const live = livePanel();
  let state: DeviceState | undefined;
  let previewing = false; // by this page
  let switching = false;
  let running: AbortController | undefined;

  let asked = 0;
  let stage = ""; // of the newest live frame
  const refresh = async () => {
    const mine = ++asked;
    try {
      const now = await api.device();
      if (mine !== asked) return; // a later answer is on its way or here
      state = now;
      if (stage === "end") {
        live.end(afterwards(state));
        stage = ""; // said once
      }
      const bar = deviceBar(state);
      if (bar.outerHTML !== device.innerHTML) device.replaceChildren(bar); // what has not changed is not read out again
    } catch (cause) {
      if (mine !== asked) return;
      state = undefined;
      device.replaceChildren(problemBox(cause, "Nothing was changed. The page asks again every five seconds."));
    }
    if (!running) update();
  };
  const update = () => {
    button.disabled = !(state?.connected && (!state.busy || state.previewing));
    preview.disabled = switching || !(state?.connected && (!state.busy || state.previewing));
    preview.textContent = state?.previewing ? "Stop preview" : "Live preview";
    preview.setAttribute("aria-pressed", String(Boolean(state?.previewing)));
  };

  /** Starts or stops the preview; false when that failed, which is said. */
  const setPreview = async (on: boolean): Promise<boolean> => {
    if (switching || !state) return false;
    switching = true;
    messages.replaceChildren();
    update();
    try {
      await (on ? api.startPreview() : api.stopPreview());
      previewing = on;
      return true;
    } catch (cause) {
      messages.replaceChildren(problemBox(cause, on ? "The laser is off." : "The preview ends by itself within a minute; until then treat the laser as on."));
      return false;
    } finally {
      switching = false;
      await refresh();
    }
  };

  const scan = async () => {
    if (running || !state) return;
    if (state.previewing && !(await setPreview(false))) return;
    running = new AbortController();
    messages.replaceChildren();
    scrollTo({ top: 0 });
    button.disabled = preview.disabled = preview.hidden = true;
    cancel.hidden = false;
    const stop = countdown(button, state.expected_seconds);
    const watch = setInterval(() => void refresh(), 1000); // the laser goes on: that is to be seen at once
    try {
      const taken = await api.takeScan(exhibit.fields(), running.signal);
      go(`/?scan=${encodeURIComponent(taken.id)}`);
    } catch (cause) {
      messages.replaceChildren(problemBox(running.signal.aborted ? stopped : cause, "Your exhibit data is kept on this page. A scan the instrument had already finished is under Scans."));
    } finally {
      running = undefined;
      stop();
      clearInterval(watch);
      cancel.hidden = true;
      preview.hidden = false;
      void refresh();
    }
  };
  button.addEventListener("click", () => void scan());
  cancel.addEventListener("click", () => running?.abort());
  preview.addEventListener("click", () => void setPreview(!state?.previewing));
  const unsubscribe = api.onFrame((frame) => {
    if (frame.stage !== stage) void refresh(); // the laser goes on or off between stages
    stage = frame.stage;
    if (frame.stage !== "end") return live.show(frame);
    previewing = false;
  });
  const leave = () => previewing && void api.stopPreview(); // nobody would see what the laser does
  addEventListener("pagehide", leave);

  host.append(
    h("div", { class: `scan-top ${shown ? "has-result" : ""}` }, h("h1", { class: "sr-only" }, "Scan"), device, h("div", { class: "scan-row" }, button, cancel, preview), messages, live.element, exhibit.element, dropZone(exhibit.fields)),
    result);
  if (shown) showResult(result, shown, () => void scan());
  else result.append(h("div", { class: "overview" }, latestCard(), libraryCard()));

  void refresh();
  const timer = setInterval(() => !document.hidden && void refresh(), 5000);
  return () => {
    clearInterval(timer);
    running?.abort();
    leave();
    removeEventListener("pagehide", leave);
    unsubscribe();
    live.close();
  };
};

const stopped = new Problem(0, "Scan stopped", "You stopped it before it ended.");

function showResult(host: HTMLElement, id: string, again: () => void): void {
  host.append(h("p", { class: "hint" }, "Reading the result\u2026"));
  api.scan(id).then(
    (scan: Scan) => {
      host.replaceChildren();
      resultView(host, scan, again);
      host.append(h("div", { class: "overview" }, latestCard(), libraryCard()));
      const verdict = host.querySelector<HTMLElement>("#verdict");
      verdict?.focus({ preventScroll: true });
      verdict?.scrollIntoView({ block: "start" });
    },
    (cause) => host.replaceChildren(problemBox(cause, "If the scan was stored it is under Scans.")),
  );
}
