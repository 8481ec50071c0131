import { fill, h } from "../base/dom";

/** Counts down in the button while the instrument works; past the expected time it says by how much. Returns the function that ends it. */
export function countdown(button: HTMLButtonElement, expected: number): () => void {
  const started = performance.now();
  const label = h("span", {});
  const progress = h("span", { class: "scan-progress", "aria-hidden": "true" });
  const before = [...button.childNodes];
  fill(button, progress, label);
  button.classList.add("scanning");
  button.setAttribute("aria-busy", "true");
  const tick = () => {
    const elapsed = (performance.now() - started) / 1000;
    label.textContent = countdownText(elapsed, expected);
    progress.style.width = expected > 0 ? `${Math.min(100, (elapsed / expected) * 100)}%` : "0";
  };
  tick();
  const timer = setInterval(tick, 200);
  return () => {
    clearInterval(timer);
    button.classList.remove("scanning");
    button.removeAttribute("aria-busy");
    fill(button, ...before);
  };
}

/** What the button says after elapsed seconds of expected ones (0: the device does not know). */
export function countdownText(elapsed: number, expected: number): string {
  if (expected <= 0) return `Scanning: ${Math.floor(elapsed)} s so far`;
  if (elapsed < expected) return `Scanning: ${Math.ceil(expected - elapsed)} s left`;
  return `Scanning: ${Math.floor(elapsed - expected)} s longer than expected`;
}
