// People, agencies and what they share. Nothing on this page is about a scan.
import { api, type Agency, type Me, type Person, type Share } from "../base/api";
import { h, type Child } from "../base/dom";
import { count, instant } from "../base/format";
import { problemBox } from "../base/problem";
import { markings, markingWords } from "../records/marking";
import type { Page } from "../base/router";

interface Everything {
  me: Me;
  people: Person[];
  roles: string[];
  agencies: Agency[];
  shares: Share[];
}

export const adminPage: Page = (host) => {
  const body = h("div", { class: "stack" });
  host.append(h("div", { class: "page" }, h("h1", {}, "Admin"), body));
  let left = false;
  const load = async () => {
    try {
      const [me, people, agencies, shares] = await Promise.all([api.me(), api.people(), api.agencies(), api.shares()]);
      if (!left) body.replaceChildren(...view({ me, people: people.people ?? [], roles: people.roles ?? [], agencies: agencies.agencies ?? [], shares: shares.shares ?? [] }, () => void load()));
    } catch (cause) {
      if (!left) body.replaceChildren(problemBox(cause, "Nothing was changed.", () => void load()));
    }
  };
  void load();
  return () => {
    left = true;
  };
};

function view(all: Everything, load: () => void): HTMLElement[] {
  const everywhere = all.me.permissions.includes("agencies.manage");
  return [
    h("p", { class: "hint" }, everywhere ? "You look after the people of every agency. Scans are not yours to see." : `You look after the people of ${nameOf(all.agencies, all.me.agency)}, and what it shares.`),
    h("section", { class: "card stack", "data-testid": "people" }, h("h2", {}, "People"),
      all.people.length > 1 ? null : h("p", { class: "empty" }, "You are alone here. Add the first person below: a code that opens the account once is shown then."),
      ...all.people.map((p) => personCard(p, all, everywhere, load)), addPersonForm(all, everywhere, load)),
    h("section", { class: "card stack", "data-testid": "agencies" }, h("h2", {}, "Agencies"),
      all.agencies.length > 1 ? null : h("p", { class: "empty" }, "There is one agency. With a second one each sees its own scans only, until they share."),
      h("ul", { class: "plain" }, ...all.agencies.map((a) => h("li", {}, h("strong", {}, a.name), " ", h("code", {}, a.id), ` · ${count(a.people)} ${a.people === 1 ? "person" : "people"}${a.contact ? ` · ${a.contact}` : ""}`))),
      everywhere ? agencyForm(load) : h("p", { class: "hint" }, "Agencies are added by an administrator.")),
    h("section", { class: "card stack", "data-testid": "shares" }, h("h2", {}, "What agencies share"),
      h("p", { class: "hint" }, "What is CLEAR or GREEN every account sees. AMBER is seen by others as said here. AMBER+STRICT and RED never leave their agency."),
      all.shares.length ? h("ul", { class: "plain" }, ...all.shares.map((s) => shareItem(s, all, everywhere, load))) : h("p", { class: "empty" }, "Nothing is shared. Say below which agency may see what."),
      all.agencies.length > 1 ? shareForm(all, everywhere, load) : h("p", { class: "hint" }, "To share, there must be a second agency.")),
  ];
}

const nameOf = (agencies: Agency[], id: string) => agencies.find((a) => a.id === id)?.name ?? id;

/** Where a form says what came of it. */
function outcome(): { box: HTMLElement; failed: (cause: unknown) => void; say: (...what: Child[]) => void } {
  const box = h("div", { "aria-live": "polite" });
  return { box, failed: (cause) => box.replaceChildren(problemBox(cause, "Nothing was changed.")), say: (...what) => box.replaceChildren(h("p", {}, ...what)) };
}

function choose(id: string, options: [value: string, text: string][], chosen: string): HTMLSelectElement {
  const select = h("select", { id }, ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
  select.value = chosen;
  return select;
}

const field = (label: string, input: HTMLElement) => h("div", { class: "field" }, h("label", { for: input.id }, label), input);

const named = (agencies: Agency[]): [string, string][] => agencies.map((a) => [a.id, a.name]);

const levels: [string, string][] = markings.map((m) => [m, markingWords(m)]);

function personCard(p: Person, all: Everything, everywhere: boolean, load: () => void): HTMLElement {
  const id = `person-${encodeURIComponent(p.name)}`;
  const said = outcome();
  const own = p.name === all.me.user;
  const may = !own && all.roles.includes(p.role);
  const role = choose(`${id}-role`, all.roles.map((r) => [r, r]), p.role);
  const agency = choose(`${id}-agency`, named(all.agencies), p.agency);
  const clearance = choose(`${id}-clearance`, levels, p.clearance);
  const does = (what: string, act: () => Promise<unknown>) => h("button", { type: "button", class: "small", onclick: () => void act().then(load, said.failed) }, what);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.changePerson(p.name, { role: role.value, clearance: clearance.value, ...(everywhere ? { agency: agency.value } : {}) }).then(load, said.failed);
  };
  return h("details", { class: "card", "data-person": p.name },
    h("summary", {}, p.name, " ", h("span", { class: "chip" }, p.role), p.locked ? h("strong", { class: "badge" }, "LOCKED") : null,
      h("span", { class: "hint" }, ` ${nameOf(all.agencies, p.agency)} · cleared for ${markingWords(p.clearance)}`)),
    h("p", { class: "hint" }, `${count(p.sessions)} logged in, ${count(p.tokens)} access tokens, ${p.second_factor ? "with" : "without"} second factor, since ${instant(p.created)}.`, p.locked ? ` Locked ${instant(p.locked)}.` : ""),
    may ? h("form", { class: "stack", onsubmit: submit },
      h("div", { class: "fields" }, field("Role", role), everywhere ? field("Agency", agency) : null, field("Cleared for", clearance)),
      h("div", { class: "row" }, h("button", { type: "submit", class: "small primary" }, "Save"),
        p.locked ? does("Unlock", () => api.changePerson(p.name, { locked: false })) : does("Lock", () => api.changePerson(p.name, { locked: true })),
        does("Log out everywhere", () => api.endSessions(p.name)), does("Revoke access tokens", () => api.revokeTokens(p.name))), said.box)
      : h("p", { class: "hint" }, own ? "This is you: another administrator changes your account." : "This account is changed by an administrator."));
}

function addPersonForm(all: Everything, everywhere: boolean, load: () => void): HTMLElement {
  const name = h("input", { id: "new-person", required: true, maxlength: 200, autocomplete: "off" });
  const role = choose("new-role", all.roles.map((r) => [r, r]), all.roles[0] ?? "");
  const agency = choose("new-person-agency", named(all.agencies), all.me.agency);
  const said = outcome();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.addPerson({ name: name.value.trim(), role: role.value, ...(everywhere ? { agency: agency.value } : {}) }).then((added) => {
      const link = `${location.origin}/login#code=${encodeURIComponent(added.code)}`;
      said.say(`Give ${added.person.name} this link. It opens the account once, within 15 minutes, and is not shown again: `, h("code", { class: "break", "data-testid": "code" }, link), " ",
        h("button", { type: "button", class: "small", onclick: load }, "I have passed it on"));
    }, said.failed);
  };
  return h("form", { class: "stack", onsubmit: submit }, h("h3", {}, "Add a person"),
    h("div", { class: "fields" }, field("Name", name), field("Role", role), everywhere ? field("Agency", agency) : null), h("button", { type: "submit" }, "Add"), said.box);
}

function agencyForm(load: () => void): HTMLElement {
  const id = h("input", { id: "agency-id", required: true, pattern: "[a-z0-9][a-z0-9\\-]{0,39}", placeholder: "sheriff-adams", autocomplete: "off" });
  const name = h("input", { id: "agency-name", required: true, maxlength: 200, autocomplete: "off" });
  const contact = h("input", { id: "agency-contact", maxlength: 200, autocomplete: "off" });
  const said = outcome();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.addAgency(id.value, { name: name.value.trim(), contact: contact.value.trim() }).then(load, said.failed);
  };
  return h("form", { class: "stack", onsubmit: submit }, h("h3", {}, "Add an agency"),
    h("div", { class: "fields" }, field("Id: small letters, digits, hyphens", id), field("Name", name), field("Whom others may ask", contact)), h("button", { type: "submit" }, "Add"), said.box);
}

function shareItem(s: Share, all: Everything, everywhere: boolean, load: () => void): HTMLElement {
  const said = outcome();
  const may = !s.revoked && (everywhere || s.from === all.me.agency);
  return h("li", { class: s.revoked ? "hint" : "" },
    h("strong", {}, nameOf(all.agencies, s.from)), " lets ", h("strong", {}, nameOf(all.agencies, s.to)), s.aggregates ? " see counts" : " see records", ` up to ${markingWords(s.tlp)}. `,
    `By ${s.granted_by}, ${instant(s.granted)}.`, s.revoked ? ` Revoked by ${s.revoked_by}, ${instant(s.revoked)}.` : "", " ",
    may ? h("button", { type: "button", class: "small", onclick: () => void api.revokeShare(s.id).then(load, said.failed) }, "Revoke") : null, said.box);
}

function shareForm(all: Everything, everywhere: boolean, load: () => void): HTMLElement {
  const from = choose("share-from", named(all.agencies), all.me.agency);
  const to = choose("share-to", named(all.agencies.filter((a) => everywhere || a.id !== all.me.agency)), all.agencies.find((a) => a.id !== all.me.agency)?.id ?? "");
  const what = choose("share-what", [["records", "records marked AMBER"], ["counts", "counts only, never records"]], "records");
  const said = outcome();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    await api.addShare({ ...(everywhere ? { from: from.value } : {}), to: to.value, tlp: "amber", aggregates: what.value === "counts" }).then(load, said.failed);
  };
  return h("form", { class: "stack", onsubmit: submit }, h("h3", {}, "Share"),
    h("div", { class: "fields" }, everywhere ? field("Agency whose scans they are", from) : null, field("Agency that may see", to), field("What", what)), h("button", { type: "submit" }, "Share"), said.box);
}
