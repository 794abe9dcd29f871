// Cards whose template was exported from the card builder. The server resolves them to nodes; this draws the nodes.
import { avatar, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { link } from "../inline.js";
import { chart } from "./chart.js";
import { field, form } from "./fields.js";
import { table } from "./table.js";

const WAYS = { row: "across", column: "down" };
const GRAVITY = { left: "start", center: "center", right: "end" };
const ICONS = [
  [/dislike/, "thumbdown"], [/like|good/, "up"], [/right/, "chevron"], [/down/, "chevron"], [/question|info|help/, "info"],
  [/lock/, "lock"], [/warn|alert|danger/, "warn"], [/send/, "send"], [/time|clock|remind|bell/, "bell"], [/close|delete/, "close"],
  [/copy/, "copy"], [/download/, "download"], [/robot|bot/, "robot"], [/group|team|people|user/, "group"],
];
const open = new Map(); // "card panel" → whether the reader opened it

function toned(base, { tone, fill } = {}) {
  return [base, tone && `t-${tone}`, fill && `f-${fill}`].filter(Boolean).join(" ");
}

function text(node) {
  const looks = [node.bold && "bold", node.italic && "italic", node.strike && "strike", `s-${node.size}`, `a-${node.align}`];
  const cut = node.lines > 0 && node.lines < 20;
  return h("p", { class: toned(`tpl-text ${looks.filter(Boolean).join(" ")}${cut ? " cut" : ""}`, node), title: cut ? node.text : null,
    vars: cut ? { "--lines": node.lines } : {} }, node.text);
}

/** Show the name of an image only: the page requests nothing from other hosts. */
function image(node) {
  if (/^https?:/.test(node.url)) return h("span", { class: "picture", title: node.url }, icon("out"), link(node.url, t("image"), {}));
  return h("span", { class: "tpl-image", role: "img", "aria-label": t("image"), title: node.url || t("image") }, icon("picture"));
}

function glyph(node) {
  const name = ICONS.find(([pattern]) => pattern.test(node.name))?.[1] ?? "spark";
  return h("span", { class: toned("tpl-icon", node), role: "img", "aria-label": node.name, title: node.name,
    data: /down/.test(node.name) && name === "chevron" ? {} : { turn: name === "chevron" ? "right" : "" } }, icon(name));
}

function progress(node) {
  const percent = `${Math.round(node.percent)}%`;
  return h("div", { class: "tpl-progress" }, node.label && h("span", {}, percent),
    h("div", { class: toned("tpl-bar", node), role: "meter", "aria-label": t("tpl.progress"), "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-valuenow": Math.round(node.percent), vars: { "--share": `${node.percent}%` } }, h("span", {})));
}

function header(node) {
  return h("header", { class: "card-head" }, h("span", { class: "card-dot", "aria-hidden": "true" }),
    h("h3", { class: "card-title" }, node.title), node.tag && h("span", { class: toned("tpl-tag", node) }, node.tag));
}

/** A container. One that can be pressed is a button, unless it has controls inside: those come first. */
function box(node, ctx) {
  const children = all(node.children, ctx);
  const looks = [node.grow && "grow", node.auto && "auto", node.width && "fixed", node.height && "line"].filter(Boolean).join(" ");
  const vars = { "--gravity": GRAVITY[/^(left|center|right)/.exec(node.gravity ?? "")?.[1]] ?? "start",
    "--cross": /Center$/.test(node.gravity ?? "") ? "center" : "start" };
  if (node.grow) vars["--grow"] = node.grow;
  if (node.width) vars["--width"] = `${node.width}px`;
  if (node.height) vars["--height"] = `${node.height}px`;
  const made = h("div", { class: toned(`tpl-box ${WAYS[node.direction]} ${looks}`, node), vars }, children);
  return node.control ? pressable(made, node, ctx) : made;
}

function pressable(made, node, ctx) {
  const press = () => ctx.press(node.control);
  made.classList.add("press");
  made.dataset.action = node.control;
  if (!made.querySelector("button, a, input, select, textarea")) {
    made.setAttribute("role", "button");
    made.tabIndex = 0;
    if (!made.textContent.trim()) made.setAttribute("aria-label", made.querySelector("[aria-label]")?.getAttribute("aria-label") ?? t("tpl.area"));
    made.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), press()));
  } else {
    made.append(h("button", { type: "button", class: "icon-button small", "aria-label": t("tpl.area"), data: { action: node.control } }, icon("chevron")));
  }
  made.addEventListener("click", (event) => {
    const inner = event.target.closest("button, a, input, select, textarea, [role=button]");
    if (inner && inner !== made && inner.dataset.action !== node.control) return;
    event.stopPropagation();
    press();
  });
  return made;
}

function loop(node, ctx) {
  const looks = node.columns ? "grid" : `${WAYS[node.direction]}${node.wrap ? " wrap" : ""}`;
  return h("div", { class: `tpl-loop ${looks}`, vars: node.columns ? { "--columns": node.columns } : {} }, all(node.children, ctx));
}

function panel(node, ctx) {
  const key = `${ctx.card} ${node.key}`;
  const made = h("details", { class: "tpl-panel", open: open.get(key) ?? node.open },
    h("summary", { data: { action: node.key } }, node.title), h("div", { class: "tpl-nodes" }, all(node.children, ctx)));
  made.addEventListener("toggle", () => open.set(key, made.open));
  return made;
}

export function button(node, ctx) {
  const looks = `act ${node.color}`;
  if (node.link && !node.disabled) {
    const made = link(node.link, node.text, {});
    made.setAttribute("class", `${looks} ${made.className}`);
    return made;
  }
  const busy = ctx.isBusy(node.control);
  return h("button", { type: "button", class: looks, disabled: node.disabled, "aria-busy": busy ? "true" : null,
    data: { testid: "card-button", action: node.control }, on: { click: () => ctx.press(node.control) } },
  busy && h("span", { class: "spinner", "aria-hidden": "true" }), node.text);
}

function buttons(node, ctx) {
  return h("div", { class: `tpl-buttons ${WAYS[node.direction]}` }, node.children.map((one) => button(one, ctx)));
}

function unknown(node, ctx) {
  return h("section", { class: "tpl-unknown", data: { testid: "unknown" } }, h("p", {}, icon("warn"), t("tpl.unknown", { name: node.name })), all(node.children, ctx));
}

const STATES = { 1: "card.busy", 2: "tpl.writing", 4: "card.busy", 5: "card.failed" };

function ai(node, ctx) {
  const said = STATES[node.status] && (!node.children.length || node.status === "2") && t(STATES[node.status]);
  return h("div", { class: "tpl-nodes" }, all(node.children, ctx), said && h("p", { class: node.status === "5" ? "flow bad" : "flow" }, said));
}

function feedback(node, ctx) {
  return h("footer", { class: "ai-foot" }, h("span", {}, icon("spark"), t("ai.made")), all(node.children, ctx),
    node.thumbs && h("span", { class: "thumbs", title: t("ai.thumbs") }, icon("up"), icon("thumbdown")));
}

const DRAWERS = {
  text, image, header, box, loop, panel, button, buttons, unknown, ai, feedback, chart, table, form, field,
  markdown: (node, ctx) => ctx.rich(node.text),
  divider: () => h("hr", { class: "tpl-divider" }),
  icon: glyph,
  tag: (node) => h("span", { class: toned("tpl-tag", node) }, node.text),
  avatar: (node) => h("span", { class: "tpl-avatar" }, avatar("person", node.name, node.name)),
  progress,
  pending: (node) => h("p", { class: "flow" }, h("span", { class: "spinner", "aria-hidden": "true" }), node.text || t("card.busy")),
  processing: () => h("span", { class: "tips-inline" }, t("tpl.generated")),
};

function all(nodes, ctx) {
  return nodes.map((node) => (DRAWERS[node.type] ?? unknown)({ children: [], name: node.type, ...node }, ctx)).filter(Boolean);
}

/** Draw the nodes of a card. `ctx` is {card, rich, press, isBusy}. */
export function drawView(view, ctx) {
  const draw = { ...ctx, draw: all };
  return h("div", { class: "tpl-nodes tpl-root" }, all(view.nodes, draw),
    view.truncated && h("p", { class: "tips" }, t("tpl.truncated")), !view.nodes.length && h("p", { class: "tips" }, t("tpl.empty")));
}
