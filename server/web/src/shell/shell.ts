// What stands around every page: navigation, theme, who is logged in, and the presumptive line.
import { api } from "../base/api";
import { h } from "../base/dom";
import { queueBadge } from "./queue";
import { go } from "../base/router";
import { choice, choose, type Choice } from "../base/theme";
import { presumptive } from "../result/verdict";
import logoURL from "../icon.svg?url";

const pages: [path: string, name: string, permission: string][] = [
  ["/", "Scan", "scans.take"], ["/scans", "Scans", "records.read"], ["/seizures", "Seizures", "records.read"], ["/reviews", "Reviews", "reviews.make"], ["/batches", "Batches", "records.read"], ["/library", "Library", "library.read"], ["/map", "Map", "intelligence.read"], ["/admin", "Admin", "people.manage"], ["/jobs", "Jobs", "jobs.manage"],
  ["/log", "Log", "audit.read"],
];
/** Shown only once it is known that one may: few may. */
const rare = ["reviews.make", "jobs.manage", "people.manage", "audit.read"];

/** Builds the frame and returns the element that pages draw into, and a function that marks the present page. */
export function shell(app: HTMLElement): { main: HTMLElement; entered: (title: string) => void } {
  const main = h("main", { id: "main", tabindex: -1 });
  const links = pages.map(([path, name, permission]) => h("a", { href: path, hidden: rare.includes(permission) }, name));
  const who = h("span", { class: "who" });
  const live = h("p", { class: "sr-only", role: "status" });
  const logout = h("button", {
    type: "button", class: "quiet",
    onclick: async () => {
      await api.logout().catch(() => undefined);
      location.assign("/login");
    },
  }, "Log out");
  app.append(
    h("a", { href: "#main", class: "skip" }, "Skip to the page"),
    h("header", { class: "top" },
      h("a", { href: "/", class: "brand" }, h("img", { src: logoURL, alt: "", width: 28, height: 28 }), "Fentrace"),
      h("nav", { "aria-label": "Pages" }, ...links),
      h("div", { class: "top-end" }, queueBadge(), themeButton(), who, logout)),
    main,
    h("footer", { class: "presumptive", id: "presumptive" }, presumptive),
    live,
  );
  api.me().then((me) => {
    who.replaceChildren(h("a", { href: "/account" }, me.user));
    links.forEach((link, i) => (link.hidden = !me.permissions.includes(pages[i]?.[2] ?? "")));
    const first = links.find((link) => !link.hidden);
    if (location.pathname === "/" && links[0]?.hidden) go(first?.pathname ?? "/account"); // who takes no scans has no use for that page
  }, () => undefined);
  return {
    main,
    entered: (title) => {
      const here = `/${location.pathname.split("/")[1] ?? ""}`;
      for (const link of links) {
        if (link.pathname === here) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      live.textContent = title;
    },
  };
}

const next: Record<Choice, Choice> = { auto: "light", light: "dark", dark: "auto" };
const symbol: Record<Choice, string> = { auto: "◐", light: "☀", dark: "☾" };

function themeButton(): HTMLElement {
  const button = h("button", { type: "button", class: "quiet theme", onclick: () => { choose(next[choice()]); label(); } });
  const label = () => {
    button.replaceChildren(symbol[choice()]);
    const text = `Colours: ${choice() === "auto" ? "as the system" : choice()}. Change`;
    button.title = text;
    button.setAttribute("aria-label", text);
  };
  label();
  return button;
}
