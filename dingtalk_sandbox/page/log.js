// The messages of the open conversation, updated in place to keep focus and scroll position.
import { drawMessage } from "./bubble.js";
import { byId, h, icon } from "./dom.js";
import { dayName, language, t } from "./i18n.js";
import { cardId, isRobot, summary } from "./message_text.js";
import { conversation, inSight, robotName, state } from "./state.js";

const drawn = new Map(); // key → {signature, node}
let shown = null; // the conversation drawn last
let stick = true; // follow the newest message

function scroller() {
  return byId("scroll");
}

function atEnd() {
  const box = scroller();
  return box.scrollHeight - box.scrollTop - box.clientHeight < 48;
}

export function toEnd() {
  stick = true;
  const box = scroller();
  box.scrollTop = box.scrollHeight;
  byId("pill").hidden = true;
}

function pill(fresh) {
  const button = byId("pill");
  if (!fresh && !button.hidden) return;
  button.replaceChildren(icon("down"), fresh ? t("newest") : "");
  button.setAttribute("aria-label", t(fresh ? "newest" : "latest"));
  button.classList.toggle("fresh", fresh);
  button.hidden = false;
}

/** Set up scrolling: stay at the end as messages arrive, unless the user scrolled up. */
export function watchScroll() {
  scroller().addEventListener("scroll", () => {
    stick = atEnd();
    if (stick) byId("pill").hidden = true;
    else if (scroller().scrollHeight - scroller().scrollTop - scroller().clientHeight > 400) pill(false);
  }, { passive: true });
  const follow = new ResizeObserver(() => stick && toEnd());
  follow.observe(scroller());
  follow.observe(byId("log"));
  byId("pill").addEventListener("click", toEnd);
}

function signature(message) {
  const card = message.kind === "card" ? cardId(message) : "";
  const pressing = card && [...state.pressing].filter((key) => key.startsWith(`${card} `)).join();
  return JSON.stringify([message, language(), state.me, pressing, card && state.answers.get(`${card} ${state.me}`)]);
}

function keyed(key, sign, make) {
  const old = drawn.get(key);
  if (old?.signature === sign) return old.node;
  const node = make();
  const focus = old?.node.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
  if (focus) refocus.push([node, focus]);
  drawn.set(key, { signature: sign, node });
  return node;
}

const refocus = [];

function restoreFocus() {
  for (const [node, { testid, action }] of refocus.splice(0)) {
    const exact = action && node.querySelector(`[data-action="${CSS.escape(action)}"]`);
    const same = node.querySelector(`[data-testid="${testid ?? ""}"]`);
    (exact || same || node.querySelector("[data-testid=inspect]"))?.focus({ preventScroll: true });
  }
}

function pieces(messages, acts) {
  const out = [];
  let day = "";
  for (const message of messages) {
    const name = dayName(message.at);
    if (name !== day) out.push(keyed(`day ${name}`, name, () => h("p", { class: "day" }, h("span", {}, name))));
    day = name;
    out.push(keyed(message.id, signature(message), () => drawMessage(message, acts)));
  }
  return out;
}

function place(root, nodes) {
  nodes.forEach((node, i) => {
    if (root.children[i] !== node) root.insertBefore(node, root.children[i] ?? null);
  });
  while (root.children.length > nodes.length) root.lastElementChild.remove();
}

function empty(kind) {
  return h("div", { class: "empty" }, h("img", { src: "/page/icon.svg", alt: "", width: 56, height: 56 }),
    h("h3", {}, t("empty.title")), h("p", {}, t(`empty.${kind}`, { robot: robotName() })));
}

/** Redraw the open conversation. */
export function drawLog(acts) {
  const open = conversation();
  const messages = state.messages.get(state.current) ?? [];
  const switched = shown !== `${state.current} ${state.me}`;
  if (switched) drawn.clear();
  const before = state.seen.get(state.current) ?? 0;
  const fresh = !switched && messages.length > before;
  const nodes = messages.length || !open ? pieces(messages, acts) : [empty(open.kind)];
  place(byId("log"), nodes);
  restoreFocus();
  if (fresh && inSight()) announce(messages.slice(before));
  const mineToo = fresh && messages.slice(before).some((m) => m.sender?.id === state.me);
  if (switched || stick || mineToo) toEnd();
  else if (fresh) pill(true);
  shown = `${state.current} ${state.me}`;
  if (inSight()) state.seen.set(state.current, messages.length);
}

/** Announce new messages to screen readers. */
function announce(messages) {
  const others = messages.filter((m) => isRobot(m) || m.sender?.id !== state.me).slice(-3);
  if (!others.length) return;
  byId("announce").textContent = others
    .map((m) => t("new.from", { name: m.sender?.name ?? "", text: summary(m) })).join("\n");
}
