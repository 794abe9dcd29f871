// One message: who, when, and a bubble by its kind.
import { drawCard } from "./card.js";
import { avatar, h, icon } from "./dom.js";
import { clockTime, fileSize, fullTime, t } from "./i18n.js";
import { link, plainText } from "./inline.js";
import { markdown } from "./markdown.js";
import { buttonsOf, fileOf, isRobot, textOf, titleOf } from "./reading.js";
import { mentionable, person, robotName, state } from "./state.js";

const FILE_TONES = {
  xlsx: ["x", "green"], xls: ["x", "green"], csv: ["csv", "green"], doc: ["w", "blue"], docx: ["w", "blue"],
  pdf: ["pdf", "red"], ppt: ["p", "orange"], pptx: ["p", "orange"], zip: ["zip", "gray"], rar: ["rar", "gray"],
};

function rich(text, acts) {
  return h("div", { class: "md" }, markdown(text, { names: mentionable(), onSend: acts.send }));
}

function text(message) {
  return [h("div", { class: "words" }, plainText(textOf(message), mentionable()))];
}

function notice(message, acts) {
  const body = message.downloadUrl ? file(message) : [rich(textOf(message), acts)];
  return [h("div", { class: "notice-head" }, icon("work"), h("span", {}, robotName())),
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
  return [h("h3", { class: "card-title plain" }, titleOf(message)), rich(textOf(message), acts), picture, ...linkButtons(message, acts)];
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
  markdown: (message, acts) => [rich(textOf(message), acts)],
  action_card: actionCard,
  card: drawCard,
  file,
  work_notice: notice,
};

function inspectButton(message, acts) {
  return h("button", {
    type: "button", class: "icon-button small inspect", data: { testid: "inspect" },
    "aria-label": t("inspect"), title: t("inspect"), on: { click: (event) => acts.inspect(message, event.currentTarget) },
  }, icon("info"));
}

function names(ids) {
  return ids.map((id) => person(id)?.name ?? id).join("、");
}

/** For whom a mention of a webhook rings, and for whom DingTalk would not. */
function rings(message) {
  const { rings: loud = [], silent = [], all = false } = message.content?.mentions ?? {};
  const onCard = Object.keys(message.content?.at ?? {});
  const heard = all || onCard.includes("@ALL") ? t("rings.all") : names([...loud, ...onCard]);
  return [heard && h("p", { class: "rings" }, t("rings", { names: heard })),
    silent.length && h("p", { class: "rings not" }, t("rings.not", { names: names(silent) }))];
}

/** The element of a message; `acts` are {send, tap, inspect}. */
export function drawMessage(message, acts) {
  const sender = message.sender ?? {};
  const mine = sender.id === state.me && !isRobot(message);
  const data = { testid: "message", id: message.id, kind: message.kind };
  if (message.recalled) {
    return h("p", { class: "recalled", data }, t("recalled", { name: sender.name ?? "" }));
  }
  const make = KINDS[message.kind] ?? KINDS.markdown;
  return h("article", { class: `message ${mine ? "mine" : "theirs"} of-${message.kind}`, data, "aria-label": sender.name },
    avatar(isRobot(message) ? "robot" : "person", sender.id, sender.name),
    h("div", { class: "column" },
      h("header", { class: "meta" }, h("span", { class: "name" }, sender.name),
        isRobot(message) && h("span", { class: "tag" }, t("robot")),
        person(sender.id)?.role === "outsider" && h("span", { class: "tag outside" }, t("role.outsider")),
        h("time", { datetime: new Date(message.at).toISOString(), title: fullTime(message.at) }, clockTime(message.at))),
      h("div", { class: "row" }, h("div", { class: `bubble ${message.kind}` }, make(message, acts)), inspectButton(message, acts)),
      rings(message)));
}
