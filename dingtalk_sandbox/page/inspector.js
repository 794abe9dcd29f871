// The inspector: endpoint, size and limit, cost, request and response of a message.
import { costOf, refused, relatedCalls, roleOf } from "./calls.js";
import { byId, h, icon } from "./dom.js";
import { clockTime, fullTime, t } from "./i18n.js";
import { cardId, isRobot } from "./message_text.js";
import { state } from "./state.js";
import { restartPart } from "./transcript/transcript.js";

const PIECE = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** Render JSON with syntax highlighting. */
function coloured(text) {
  const out = [];
  let last = 0;
  for (const match of text.matchAll(PIECE)) {
    out.push(text.slice(last, match.index));
    const [whole, string, colon, word] = match;
    const name = string ? (colon ? "key" : "string") : word ? "word" : "number";
    out.push(h("span", { class: `j-${name}` }, string ?? whole), colon ?? "");
    last = match.index + whole.length;
  }
  return [...out, text.slice(last)];
}

/** Expand JSON strings inside a body (msgParam, sys_full_json_obj, data …). */
function nested(value, name = "", found = []) {
  if (value && typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) nested(inner, key, found);
  } else if (typeof value === "string" && /^\s*[{[]/.test(value)) {
    try {
      found.push([name, JSON.parse(value)]);
    } catch {
      // not JSON
    }
  }
  return found;
}

function copyButton(text) {
  const button = h("button", { type: "button", class: "ghost small" }, icon("copy"), h("span", {}, t("copy")));
  button.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text).catch(() => null);
    button.lastChild.textContent = t("copied");
  });
  return button;
}

export function json(name, value) {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return h("section", { class: "json" },
    h("header", {}, h("h3", {}, name), copyButton(text)),
    pre(name, text),
    nested(value).map(([key, inner]) => h("details", {}, h("summary", {}, h("code", {}, key), t("inspector.opened")),
      pre(key, JSON.stringify(inner, null, 2)))));
}

function pre(name, text) {
  return h("pre", { tabindex: "0", role: "group", "aria-label": name }, h("code", {}, coloured(text)));
}

function size(wire) {
  if (!wire.bytes && wire.bytes !== 0) return null;
  if (!wire.limit) return row(t("inspector.size"), t("inspector.bytes", { used: wire.bytes.toLocaleString() }));
  const share = wire.bytes / wire.limit;
  const words = t("inspector.of", { used: wire.bytes.toLocaleString(), limit: wire.limit.toLocaleString() });
  const bar = h("div", {
    class: `bar ${share > 1 ? "over" : share > 0.8 ? "near" : ""}`, role: "meter", "aria-label": t("inspector.size"),
    "aria-valuemin": 0, "aria-valuemax": wire.limit, "aria-valuenow": wire.bytes, "aria-valuetext": words,
    vars: { "--share": `${Math.max(1, Math.min(100, share * 100))}%` },
  }, h("span", {}));
  return row(t("inspector.size"), h("span", {}, words, h("small", { class: "percent" }, `${(share * 100).toFixed(1)}%`)), bar);
}

function row(name, ...values) {
  return h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, ...values));
}

function endpoint(name) {
  const [method, ...path] = String(name).split(" ");
  if (!path.length) return h("p", { class: "endpoint" }, h("code", {}, name));
  return h("p", { class: "endpoint" }, h("span", { class: `method ${method.toLowerCase()}` }, method), h("code", {}, path.join(" ")));
}

function bucket(name, n = 0) {
  const words = t(`bucket.${name}`);
  return h("span", { class: `bucket ${name}` }, words === `bucket.${name}` ? name : words, n > 0 && ` × ${n}`);
}

function costRow(message, related) {
  const sums = Object.entries(costOf(message, related));
  const chips = sums.map(([name, n]) => bucket(name, n));
  return row(t("inspector.cost"), h("span", { class: "costs", data: { testid: "cost" } }, chips.length ? chips : bucket("free")));
}

function retriesRow(message, related) {
  const n = related.filter((wire) => ["retry", "redelivery"].includes(roleOf(wire, message))).length;
  return row(t("inspector.retries"), h("span", { data: { testid: "retries" } }, n ? t("inspector.times", { n }) : t("inspector.never")));
}

/** What a card shows on the lock screen and in DingTalk's search. */
function outsideChat({ alert, silent, search }) {
  return [
    (alert || silent) && row(t("inspector.alert"), h("span", { data: { testid: "alert" } }, silent ? t("inspector.silent") : alert)),
    search && row(t("inspector.search"), h("span", { data: { testid: "search" } }, search)),
  ];
}

/** Build the panel for a message and its related calls. */
function parts(message, related) {
  const { wire } = message;
  const facts = h("dl", { class: "facts" },
    wire && size(wire),
    wire && costRow(message, related),
    wire && retriesRow(message, related),
    row(t("inspector.at"), fullTime(message.at)),
    row(t("inspector.id"), h("code", {}, message.id)),
    message.kind === "card" && row(t("inspector.card"), h("code", {}, cardId(message))),
    ...outsideChat(message.content ?? {}));
  const warnings = [wire, ...(message.updates ?? [])].flatMap((call) => call?.warnings ?? []);
  if (warnings.length) facts.append(row(t("inspector.warnings"), h("ul", { class: "warn-list", data: { testid: "warnings" } }, [...new Set(warnings)].map((w) => h("li", {}, w)))));
  if (!wire) return [h("p", { class: "hint" }, t(isRobot(message) ? "inspector.nowire" : "inspector.none")), facts];
  return [...exchange(wire, facts), ...others(message, related)];
}

function exchange(wire, facts) {
  return [endpoint(wire.endpoint), facts, json(t("inspector.query"), wire.query),
    json(t("inspector.request"), wire.request), json(t("inspector.response"), wire.response)];
}

function others(message, related) {
  if (!related.length) return [];
  return [h("h3", { class: "later" }, t("related", { n: related.length })),
    ...related.map((wire, i) => h("details", { class: "block call", data: { call: i, testid: "related" } },
      h("summary", {}, h("span", { class: refused(wire) ? "role bad" : "role" }, t(`role.of.${roleOf(wire, message)}`)),
        h("code", {}, wire.endpoint), h("small", {}, outcome(wire))),
      h("div", { class: "block-body" }, exchange(wire, h("dl", { class: "facts" }, size(wire), bucketRow(wire))))))];
}

function outcome(wire) {
  const code = wire.response?.code ?? wire.response?.errcode;
  return [refused(wire) && code, wire.at && clockTime(wire.at)].filter(Boolean).join(" · ");
}

function bucketRow(wire) {
  return wire.bucket && row(t("inspector.bucket"), bucket(wire.bucket));
}

let shown = null; // {id, conversation, text} of the message in the panel

/** Open the inspector for a message. */
export async function inspect(message, from) {
  shown = { id: message.id, conversation: message.conversation, text: JSON.stringify(message) };
  const related = await relatedCalls(message).catch(() => message.updates ?? []);
  openPanel("inspector", t("inspector"), [...parts(message, related), restartPart(message)], from);
}

/** Redraw the inspector if the message changed, keeping expanded parts and scroll position. */
export async function refreshInspector() {
  if (!panelShows("inspector")) return;
  const message = state.messages.get(shown.conversation)?.find((m) => m.id === shown.id);
  if (!message || JSON.stringify(message) === shown.text) return;
  const open = [...document.querySelectorAll("#panel details[data-call][open]")].map((d) => d.dataset.call);
  const scroll = document.querySelector("#panel .panel-body").scrollTop;
  await inspect(message);
  for (const call of open) document.querySelector(`#panel details[data-call="${call}"]`)?.setAttribute("open", "");
  document.querySelector("#panel .panel-body").scrollTop = scroll;
}

let opener = null;

/** Open the side panel. Escape and the close button close it and restore the focus. */
export function openPanel(name, title, parts, from) {
  const panel = byId("panel");
  opener = from ?? opener;
  panel.dataset.shows = name;
  panel.setAttribute("aria-label", title);
  panel.replaceChildren(
    h("header", { class: "panel-head" }, h("h2", {}, title),
      h("button", { type: "button", class: "icon-button", id: "panel-close", data: { testid: "panel-close" },
        "aria-label": t("close"), title: t("close"), on: { click: closePanel } }, icon("close"))),
    h("div", { class: "panel-body" }, ...parts.filter(Boolean)));
  panel.hidden = false;
  byId("controls-open").setAttribute("aria-expanded", String(name === "controls"));
  if (from) panel.focus({ preventScroll: true });
}

export function closePanel() {
  byId("panel").hidden = true;
  byId("panel").dataset.shows = "";
  byId("controls-open").setAttribute("aria-expanded", "false");
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = null;
}

export function panelShows(name) {
  return !byId("panel").hidden && byId("panel").dataset.shows === name;
}
