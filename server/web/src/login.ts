// The log-in page: a one-time code from the address's fragment, or typed, or a user name and password.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/pages.css";
import { api, Problem, secondFactor } from "./base/api";
import { h } from "./base/dom";
import logoURL from "./icon.svg?url";
import { problemBox } from "./base/problem";
import { startTheme } from "./base/theme";
import { nextPath } from "./base/url";
import { presumptive } from "./result/verdict";

startTheme();
const message = h("div", { "aria-live": "assertive" });
const code = h("input", { id: "code", name: "code", autocomplete: "one-time-code", autocapitalize: "off", spellcheck: "false", required: true });
const user = h("input", { id: "user", name: "user", autocomplete: "username", autocapitalize: "off", spellcheck: "false", required: true });
const second = h("input", { id: "second", name: "second", autocomplete: "one-time-code", autocapitalize: "off", spellcheck: "false" });
const secondField = h("div", { class: "stack", hidden: true },
  h("label", { for: "second" }, "Code of your second factor, or a recovery code"), second);
const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });

async function enter(body: Parameters<typeof api.login>[0]): Promise<void> {
  message.replaceChildren(h("p", { class: "hint" }, "Logging in\u2026"));
  try {
    await api.login(body);
    location.replace(nextPath(location.search));
  } catch (cause) {
    const problem = cause instanceof Problem ? cause : new Problem(0, "Log-in did not work", String(cause));
    if (problem.type === secondFactor) {
      secondField.hidden = false;
      message.replaceChildren(h("p", { class: "hint" }, "The password is right. Enter the code that your authenticator app shows."));
      second.focus();
      return;
    }
    message.replaceChildren(problemBox(problem, hintFor(problem)));
  }
}

function hintFor(problem: Problem): string {
  if (problem.status === 401 && !secondField.hidden) return "The password or the code is wrong. A code of the app works once, and for half a minute.";
  if (problem.status === 401) return "A code works once and for a short time. Start the program again, or run it with a new log-in, to get a fresh one.";
  if (problem.status === 429) return "Wait a minute, then try again.";
  return "Nothing was changed.";
}

const form = (title: string, submit: () => void, ...children: HTMLElement[]) =>
  h("form", { class: "card stack", onsubmit: (event: SubmitEvent) => { event.preventDefault(); submit(); } }, h("h2", {}, title), ...children);

document.getElementById("app")!.append(
  h("main", { class: "login" },
    h("h1", { class: "brand" }, h("img", { src: logoURL, alt: "", width: 40, height: 40 }), "Fentrace"),
    message,
    form("Log in with a code", () => void enter({ code: code.value.trim() }),
      h("label", { for: "code" }, "One-time code printed by the program"), code, h("button", { type: "submit", class: "primary" }, "Log in")),
    form("Log in with a password", () => void enter({ user: user.value.trim(), password: password.value, second: second.value.trim() || undefined }),
      h("label", { for: "user" }, "User"), user, h("label", { for: "password" }, "Password"), password, secondField, h("button", { type: "submit" }, "Log in")),
    h("p", { class: "hint" }, presumptive)),
);

// Log-in with a provider is offered only where one is set up, and says what came of the last attempt.
const failures: Record<string, string> = {
  unavailable: "The log-in provider cannot be reached now. A code or a password works as ever.",
  refused: "The log-in at the provider was not accepted. Begin again; it works once, in the browser it was begun in.",
  second: "A second factor is needed, and the provider did not ask for it.",
  account: "The provider knows you, but no account here is yours. An administrator makes or binds one.",
  throttled: "There were too many failed log-ins. Wait a minute, then try again.",
};
const failed = failures[new URLSearchParams(location.search).get("failed") ?? ""];
if (failed) message.replaceChildren(h("p", { role: "alert" }, failed));
void api.loginWays().then(({ provider }) => {
  if (!provider) return;
  const next = encodeURIComponent(nextPath(location.search));
  message.after(h("a", { class: "button primary", href: `/v1/login/provider?next=${next}` }, `Log in with ${provider}`));
}, () => undefined); // the forms are there all the same

// The code leaves the address bar and the history at once: it must not be copied along with a link.
const printed = new URLSearchParams(location.hash.slice(1)).get("code");
if (printed) {
  history.replaceState(null, "", location.pathname + location.search);
  code.value = printed;
  void enter({ code: printed });
} else code.focus();
