// The sidebar: the current user and their conversations.
import { avatar, byId, h } from "./dom.js";
import { listTime, t } from "./i18n.js";
import { summary } from "./message_text.js";
import { inSight, lastMessage, myConversations, myself, state, unread } from "./state.js";

const KINDS = ["group", "oto", "work"];

export function title(conversation) {
  if (conversation.kind === "work") return t("work.title");
  return conversation.title || state.scene.robot?.name || conversation.id;
}

export function face(conversation) {
  const kind = conversation.kind === "oto" ? "robot" : conversation.kind;
  return avatar(kind, conversation.id, title(conversation));
}

function lastLine(conversation) {
  const message = lastMessage(conversation.id);
  if (!message) return t("no.messages");
  const who = conversation.kind === "group" && !message.recalled && message.sender?.id !== state.me ? message.sender?.name : "";
  return who ? `${who}${t("colon")}${summary(message)}` : summary(message);
}

function item(conversation, open) {
  const at = lastMessage(conversation.id)?.at;
  const count = conversation.id === state.current && inSight() ? 0 : unread(conversation.id);
  const badge = count && h("span", { class: "badge", "aria-label": t("unread", { n: count }) }, count > 99 ? "99+" : count);
  return h("button", {
    type: "button", class: "item", data: { testid: "conversation", id: conversation.id, kind: conversation.kind },
    "aria-current": conversation.id === state.current ? "true" : null,
    on: { click: () => open(conversation.id) },
  },
  face(conversation),
  h("span", { class: "item-words" },
    h("span", { class: "item-top" }, h("span", { class: "item-title" }, title(conversation)),
      at && h("time", { datetime: new Date(at).toISOString() }, listTime(at))),
    h("span", { class: "item-last" }, h("span", { class: "ellipsis" }, lastLine(conversation)), badge)));
}

/** Redraw the list and keep the focus. */
export function drawList(open) {
  const root = byId("list");
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  const mine = myConversations();
  const parts = KINDS.map((kind) => mine.filter((c) => c.kind === kind)).filter((group) => group.length)
    .map((group) => h("section", { "aria-label": t(`kind.${group[0].kind}`) },
      h("h2", { class: "section" }, t(`kind.${group[0].kind}`)), group.map((c) => item(c, open))));
  const none = h("p", { class: "hint pad" }, t("none.here", { name: myself().name }));
  root.replaceChildren(...(parts.length ? parts : [none]));
  if (focused) root.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

/** Build the options of the user selector. */
export function fillPeople(select) {
  const options = state.scene.people.map((p) => h("option", { value: p.id, selected: p.id === state.me },
    `${p.name} · ${p.title || t(`role.${p.role ?? "member"}`)}`));
  select.replaceChildren(...options);
  select.value = state.me ?? "";
}

export function drawMe() {
  const me = myself();
  byId("me-face").replaceChildren(avatar("person", me.id, me.name));
  fillPeople(byId("me"));
}
