// What went over the wire for one bubble: endpoint, size against the limit, cost, request, response.
import { byId, h, icon } from "./dom.js";
import { fullTime, t } from "./i18n.js";
import { cardId } from "./reading.js";

const PIECE = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

/** JSON with its parts marked, as nodes. */
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

/** The JSON strings inside a body (msgParam, sys_full_json_obj, data …), which are easier to read opened. */
function nested(value, name = "", found = []) {
  if (value && typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) nested(inner, key, found);
  } else if (typeof value === "string" && /^\s*[{[]/.test(value)) {
    try {
      found.push([name, JSON.parse(value)]);
    } catch {
      // not JSON after all
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

function bucket(name) {
  const words = t(`bucket.${name}`);
  return h("span", { class: `bucket ${name}` }, words === `bucket.${name}` ? name : words);
}

/** The parts of the panel for a message. */
export function inspect(message) {
  const wire = message.wire;
  const facts = h("dl", { class: "facts" },
    wire && size(wire),
    wire && bucketRow(wire),
    row(t("inspector.at"), fullTime(message.at)),
    row(t("inspector.id"), h("code", {}, message.id)),
    message.kind === "card" && row(t("inspector.card"), h("code", {}, cardId(message))));
  if (!wire) return [h("p", { class: "hint" }, t("inspector.none")), facts];
  return [...exchange(wire, facts), ...updates(message.updates ?? [])];
}

function exchange(wire, facts) {
  return [endpoint(wire.endpoint), facts, json(t("inspector.query"), wire.query),
    json(t("inspector.request"), wire.request), json(t("inspector.response"), wire.response)];
}

/** What changed the message later: updates of a card, repeated deliveries. */
function updates(wires) {
  if (!wires.length) return [];
  return [h("h3", { class: "later" }, t("updates", { n: wires.length })),
    ...wires.map((wire) => h("details", { class: "block" }, h("summary", {}, h("code", {}, wire.endpoint)),
      h("div", { class: "block-body" }, exchange(wire, h("dl", { class: "facts" }, size(wire), bucketRow(wire))))))];
}

function bucketRow(wire) {
  return wire.bucket && row(t("inspector.bucket"), bucket(wire.bucket));
}

let opener = null;

/** Open the right side with these parts; Escape and the button close it and give the focus back. */
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
