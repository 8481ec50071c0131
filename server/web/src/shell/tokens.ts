// The access tokens of the own account: which there are, when each was used last and expires, making and revoking them.
import { api, type Token } from "../base/api";
import { fill, h } from "../base/dom";
import { instant } from "../base/format";
import { problemBox } from "../base/problem";
import { newKey } from "../records/records";

export const scopes: [string, string][] = [["all", "everything this account may"], ["read", "ask for anything, change nothing"], ["upload", "send scans only"]];

/** When a token ends, seen from now (milliseconds since 1970). */
export function expiryWords(t: Pick<Token, "expires">, now: number): string {
  if (!t.expires) return "never by itself";
  const at = Date.parse(t.expires);
  if (at <= now) return `expired ${instant(t.expires)}: it opens nothing`;
  const days = Math.ceil((at - now) / 86_400_000);
  return `${instant(t.expires)}, in ${days === 1 ? "a day" : `${days} days`} or less`;
}

/** When a token was used last, and from where. */
export function useWords(t: Pick<Token, "used" | "used_from">): string {
  if (!t.used) return "never";
  return t.used_from ? `${instant(t.used)} from ${t.used_from}` : instant(t.used);
}

export function tokensCard(): HTMLElement {
  const list = h("div", { "data-testid": "tokens" });
  const said = h("div", { "aria-live": "polite" });
  const load = (): Promise<void> =>
    api.tokens().then((answer) => fill(list, table(answer.tokens ?? [], revoke)), (cause) => fill(list, problemBox(cause, "Nothing was changed.", () => void load())));
  const revoke = async (t: Token, button: HTMLButtonElement) => {
    if (button.dataset["sure"] !== "yes") { // the program that uses it stops working: one press is not enough
      button.dataset["sure"] = "yes";
      fill(button, "Revoke it for good?");
      return;
    }
    button.disabled = true;
    await api.deleteToken(t.id).then(() => fill(said, h("p", {}, `${t.name} is revoked: it opens nothing any more.`)), (cause) => fill(said, problemBox(cause, "Nothing was changed.")));
    await load();
  };
  void load();
  return h("section", { class: "card stack" }, h("h2", {}, "Access tokens"),
    h("p", { class: "hint" }, "Programs, other servers and units in the field log in with one. Revoke what you do not know, or what was not used for long."),
    list, makeForm(said, load), said);
}

function table(tokens: Token[], revoke: (t: Token, button: HTMLButtonElement) => Promise<void>): HTMLElement {
  if (tokens.length === 0) return h("p", { class: "hint" }, "There is none.");
  const row = (t: Token) => {
    const button = h("button", { type: "button", "data-testid": "token-revoke", "aria-label": `Revoke ${t.name}`, onclick: () => void revoke(t, button) }, "Revoke");
    return h("tr", {}, h("td", { class: "break" }, t.name), h("td", {}, scopes.find(([s]) => s === t.scope)?.[1] ?? t.scope), h("td", {}, instant(t.created)),
      h("td", { class: "break" }, useWords(t)), h("td", {}, expiryWords(t, Date.now())), h("td", {}, button));
  };
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Access tokens" },
    h("table", {}, h("thead", {}, h("tr", {}, ...["Name", "For", "Made", "Used last", "Expires", ""].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, ...tokens.map(row))));
}

function makeForm(said: HTMLElement, load: () => Promise<void>): HTMLElement {
  const name = h("input", { id: "token-name", maxlength: 100, required: true, placeholder: "such as: van 3" });
  const scope = h("select", { id: "token-scope" }, ...scopes.map(([value, words]) => h("option", { value }, words)));
  const days = h("input", { id: "token-days", type: "number", min: 1, max: 3650, value: 365, required: true });
  let key = newKey();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.newToken({ name: name.value.trim(), scope: scope.value, days: days.valueAsNumber }, key).then((made) => {
      key = newKey();
      name.value = "";
      fill(said, h("p", {}, "Keep it where the program reads it from; it is shown this once: ", h("code", { "data-testid": "token-secret" }, made.token)));
    }, (cause) => fill(said, problemBox(cause, "No token was shown. If the list has a new one, revoke it and make another.")));
    await load();
  };
  const another = () => (key = newKey());
  return h("form", { class: "stack", onsubmit: submit, oninput: another }, h("h3", {}, "Make one"),
    h("label", { for: "token-name" }, "Name"), name, h("label", { for: "token-scope" }, "It may"), scope, h("label", { for: "token-days" }, "Days until it expires"), days,
    h("button", { type: "submit" }, "Make an access token"));
}
