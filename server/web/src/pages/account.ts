// The own account: password, second factor and access tokens.
import { api, type FactorSetup } from "../base/api";
import { h } from "../base/dom";
import { problemBox } from "../base/problem";
import type { Page } from "../base/router";
import { tokensCard } from "../shell/tokens";

export const accountPage: Page = (host) => {
  const factor = h("div", {});
  const name = h("h1", {}, "Account");
  host.append(h("div", { class: "page" }, name, passwordCard(), h("section", { class: "card stack" }, h("h2", {}, "Second factor"), factor), tokensCard()));
  const load = () =>
    api.me().then(
      (me) => {
        name.replaceChildren(`Account of ${me.user}`);
        factor.replaceChildren(...(me.second_factor ? withFactor(load) : withoutFactor(load)));
      },
      (cause) => factor.replaceChildren(problemBox(cause, "Nothing was changed.", () => void load())),
    );
  void load();
};

/** Says what came of it in place of what was said before. */
function outcome(): { box: HTMLElement; done: (text: string) => void; failed: (cause: unknown) => void } {
  const box = h("div", { "aria-live": "polite" });
  return {
    box,
    done: (text) => box.replaceChildren(h("p", {}, text)),
    failed: (cause) => box.replaceChildren(problemBox(cause, "Nothing was changed.")),
  };
}

function passwordCard(): HTMLElement {
  const password = h("input", { id: "new-password", type: "password", autocomplete: "new-password", minlength: 12, required: true });
  const said = outcome();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.setPassword(password.value).then(() => {
      password.value = "";
      said.done("The password is set. All other sessions of this account have ended.");
    }, said.failed);
  };
  return h("form", { class: "card stack", onsubmit: submit },
    h("h2", {}, "Password"), h("label", { for: "new-password" }, "New password, at least 12 characters"), password,
    h("button", { type: "submit" }, "Set the password"), said.box);
}

function codeInput(id: string): HTMLInputElement {
  return h("input", { id, autocomplete: "one-time-code", autocapitalize: "off", spellcheck: "false", required: true });
}

function withoutFactor(load: () => void): HTMLElement[] {
  const said = outcome();
  const begin = h("button", { type: "button", onclick: () => void api.newFactor().then((setup) => said.box.replaceChildren(confirmForm(setup, load)), said.failed) }, "Set up a second factor");
  return [
    h("p", {}, "None is set up: whoever knows the password can log in."),
    h("p", { class: "hint" }, "With one, a code of an authenticator app is asked for besides. Log-in links that the program prints work without it."),
    begin, said.box,
  ];
}

function confirmForm(setup: FactorSetup, load: () => void): HTMLElement {
  const code = codeInput("factor-code");
  const said = outcome();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.confirmFactor(code.value.trim()).then((answer) => form.replaceWith(recoveryCodes(answer.recovery_codes, load)), said.failed);
  };
  const form = h("form", { class: "stack", onsubmit: submit },
    h("p", {}, "Scan this with an authenticator app, or type the key into it, then enter the code that it shows."),
    h("img", { src: setup.qr, width: 240, height: 240, alt: "QR code of the key below" }),
    h("p", {}, "Key: ", h("code", { "data-testid": "factor-secret" }, setup.secret)),
    h("label", { for: "factor-code" }, "Code of the app"), code, h("button", { type: "submit", class: "primary" }, "Switch it on"), said.box);
  return form;
}

function recoveryCodes(codes: string[], load: () => void): HTMLElement {
  return h("div", { class: "stack" },
    h("p", {}, h("strong", {}, "The second factor is on.")),
    h("p", {}, "Keep these codes where the app is not. Each opens once, in place of a code of the app. They are not shown again."),
    h("ul", { class: "codes", "data-testid": "recovery-codes" }, ...codes.map((c) => h("li", {}, h("code", {}, c)))),
    h("button", { type: "button", onclick: load }, "I have kept them"));
}

function withFactor(load: () => void): HTMLElement[] {
  const code = codeInput("remove-code");
  const said = outcome();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.removeFactor(code.value.trim()).then(load, said.failed);
  };
  return [
    h("p", {}, h("strong", {}, "It is on."), " A code of your app is asked for when you log in with your password."),
    h("form", { class: "stack", onsubmit: submit },
      h("label", { for: "remove-code" }, "Code of the app, or a recovery code"), code, h("button", { type: "submit" }, "Take it off"), said.box),
  ];
}
