// Replies: the bar above the message box, and what a reply shows of the message it quotes.
import { byId, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { summary } from "../message_text.js";

let quoted = null;
let changed = () => {};

export const quotedMessage = () => quoted;

/** Choose the message that the next one replies to, or none. */
export function setQuote(message) {
  quoted = message;
  drawQuote();
  changed();
}

export function drawQuote() {
  const bar = byId("quoting");
  bar.hidden = !quoted;
  if (!quoted) return bar.replaceChildren();
  const words = t("reply.to", { name: quoted.sender?.name ?? "", text: summary(quoted) });
  return bar.replaceChildren(icon("reply"), h("span", { class: "ellipsis" }, words),
    h("button", { type: "button", class: "icon-button small", data: { testid: "quote-cancel" }, "aria-label": t("reply.cancel"), title: t("reply.cancel"),
      on: { click: cancel } }, icon("close")));
}

function cancel() {
  setQuote(null);
  byId("say").focus();
}

/** Cancel a reply with Escape. Returns true if there was one. */
export function escapeQuote() {
  if (!quoted) return false;
  cancel();
  return true;
}

export function watchQuote(onChange) {
  changed = onChange;
}

function jump(id) {
  const node = document.querySelector(`#log [data-id="${CSS.escape(id)}"]`);
  node?.scrollIntoView({ block: "center" });
  node?.querySelector("[data-testid=inspect]")?.focus({ preventScroll: true });
}

/** Build the block that names the quoted message, or null. */
export function quoteBlock(message) {
  const { quote } = message;
  if (!quote) return null;
  const known = quote.kind in LABELS ? `${t(LABELS[quote.kind])} ` : "";
  const words = quote.kind ? `${quote.sender}${t("colon")}${known}${quote.text}` : t("quote.gone");
  return h("button", { type: "button", class: "quoted", data: { testid: "quoted" }, title: t("quote.jump"), on: { click: () => jump(quote.id) } }, words);
}

const LABELS = { picture: "kind.picture", audio: "kind.audio", video: "kind.video", file: "kind.file", card: "kind.card" };
