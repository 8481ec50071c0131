// Light, dark or as the system says; the choice is kept in this browser.

export type Choice = "auto" | "light" | "dark";
const key = "fentrace.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export function choice(): Choice {
  const kept = localStorage.getItem(key);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

function apply(): void {
  const theme = choice() === "auto" ? (dark.matches ? "dark" : "light") : choice();
  if (document.documentElement.dataset.theme === theme) return;
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
}

export function choose(next: Choice): void {
  if (next === "auto") localStorage.removeItem(key);
  else localStorage.setItem(key, next);
  apply();
}

/** Sets the theme before the first paint and follows the system afterwards. */
export function startTheme(): void {
  apply();
  dark.addEventListener("change", apply);
}

/** The present value of a colour variable, for canvases that cannot read CSS. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
