// One message: sender, time, and a bubble by kind.
import { drawCard } from "./card.js";
import { avatar, h, icon } from "./dom.js";
import { clockTime, fileSize, fullTime, t } from "./i18n.js";
import { audio, emotions, picture, richText } from "./inbound/media.js";
import { quoteBlock } from "./inbound/quotes.js";
import { link, plainText } from "./inline.js";
import { markdown } from "./markdown.js";
import { buttonsOf, fileOf, isRobot, textOf, titleOf } from "./message_text.js";
import { highlighted, ringLines } from "./mentions.js";
import { conversation, mentionable, person, robotName, sees, state } from "./state.js";

const FILE_TONES = {
  xlsx: ["x", "green"], xls: ["x", "green"], csv: ["csv", "green"], doc: ["w", "blue"], docx: ["w", "blue"],
  pdf: ["pdf", "red"], ppt: ["p", "orange"], pptx: ["p", "orange"], zip: ["zip", "gray"], rar: ["rar", "gray"],
  mp4: ["mp4", "gray"], mov: ["mov", "gray"],
};

function rich(message, acts) {
  const names = highlighted(message, mentionable());
  return h("div", { class: "md" }, markdown(textOf(message), { names, onSend: acts.send }));
}

function text(message) {
  return [h("div", { class: "words" }, plainText(textOf(message), highlighted(message, mentionable())))];
}

function notice(message, acts) {
  const body = message.downloadUrl ? file(message) : [rich(message, acts)];
  return [h("div", { class: "notice-head" }, icon("work"), h("span", {}, robotName()),
    message.content?.statusBar?.text && h("span", { class: "tag", data: { testid: "status-bar" } }, message.content.statusBar.text)),
    titleOf(message) && h("h3", { class: "card-title plain" }, titleOf(message)), ...body, ...linkButtons(message, acts)];
}

function linkButtons(message, acts) {
  const buttons = buttonsOf(message);
  if (!buttons.length) return [];
  const side = message.content?.orientation === "1";
  const parts = buttons.map((button) => link(button.url ?? "", button.text ?? "", { onSend: acts.send }));
  for (const part of parts) part.classList.add("link-button");
  return [h("div", { class: side ? "link-buttons paired" : "link-buttons" }, parts)];
}

function actionCard(message, acts) {
  const picture = message.content?.picUrl && h("p", { class: "tips" }, markdown(`![](${message.content.picUrl})`));
  return [h("h3", { class: "card-title plain" }, titleOf(message)), rich(message, acts), picture, ...linkButtons(message, acts)];
}

function file(message) {
  const { name, size, url } = fileOf(message);
  const [label, tone] = FILE_TONES[name.split(".").at(-1).toLowerCase()] ?? ["file", "gray"];
  const get = url && h("a", {
    class: "icon-button get", href: url, download: name, data: { testid: "download" },
    "aria-label": t("file.label", { name, size: fileSize(size) }), title: t("file.download"),
  }, icon("download"));
  return [h("div", { class: "file" },
    h("span", { class: `file-type ${tone}`, "aria-hidden": "true" }, label.toUpperCase()),
    h("div", { class: "file-words" }, h("span", { class: "file-name" }, name), h("small", {}, fileSize(size))), get)];
}

const KINDS = {
  text,
  markdown: (message, acts) => [rich(message, acts)],
  action_card: actionCard,
  card: drawCard,
  file,
  picture: (message) => picture(message, highlighted(message, mentionable())),
  richText: (message) => richText(message, highlighted(message, mentionable())),
  audio,
  video: file,
  work_notice: notice,
};

const TOOLS = { recall: "undo", reply: "reply", inspect: "info" };

function tool(name, press, words) {
  return h("button", {
    type: "button", class: "icon-button small inspect", data: { testid: name }, "aria-label": words, title: words,
    on: { click: (event) => press(event.currentTarget) },
  }, icon(TOOLS[name]));
}

function inspectButton(message, acts) {
  return tool("inspect", (from) => acts.inspect(message, from), t("inspect"));
}

function replyButton(message, acts) {
  const open = conversation(message.conversation);
  return open && open.kind !== "work" && sees(open, state.me) && tool("reply", () => acts.reply(message), t("reply"));
}

/** Own messages and robot messages can be recalled. */
function recallButton(message, acts) {
  const able = isRobot(message) || message.sender?.id === state.me;
  return able && tool("recall", () => acts.recall(message), t(isRobot(message) ? "recall.robot" : "recall"));
}

function recalled(message, acts, data) {
  const name = message.sender?.id === state.me ? t("you") : message.sender?.name ?? "";
  return h("div", { class: "recalled message", data }, h("p", {}, t("recalled", { name })), inspectButton(message, acts));
}

function meta(message, sender) {
  return h("header", { class: "meta" }, h("span", { class: "name" }, sender.name),
    isRobot(message) && h("span", { class: "tag" }, t("robot")),
    person(sender.id)?.role === "outsider" && h("span", { class: "tag outside" }, t("role.outsider")),
    person(sender.id)?.title && h("span", { class: "tag" }, person(sender.id).title),
    message.content?.pinned && h("span", { class: "tag", data: { testid: "pinned" } }, t("pinned")),
    message.content?.msgtype === "ding" && h("span", { class: "tag", data: { testid: "ding" } }, "DING"),
    message.content?.silent && h("span", { class: "tag", title: t("inspector.silent"), data: { testid: "silent" } }, t("silent")),
    h("time", { datetime: new Date(message.at).toISOString(), title: fullTime(message.at) }, clockTime(message.at)));
}

/** Build the element of a message. `acts` are {send, tap, inspect, reply, recall}. */
export function drawMessage(message, acts) {
  const sender = message.sender ?? {};
  const mine = sender.id === state.me && !isRobot(message);
  const data = { testid: "message", id: message.id, kind: message.kind };
  if (message.recalled) return recalled(message, acts, data);
  const make = KINDS[message.kind] ?? KINDS.markdown;
  const tools = h("div", { class: "bubble-tools" }, inspectButton(message, acts), replyButton(message, acts), recallButton(message, acts));
  return h("article", { class: `message ${mine ? "mine" : "theirs"} of-${message.kind}`, data, "aria-label": sender.name },
    avatar(isRobot(message) ? "robot" : "person", sender.id, sender.name),
    h("div", { class: "column" }, meta(message, sender),
      h("div", { class: "row" }, h("div", { class: `bubble ${message.kind}` }, quoteBlock(message), make(message, acts)), tools),
      emotions(message), ringLines(message)));
}
