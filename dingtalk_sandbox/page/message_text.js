// Text of a message: its title, and a one-line summary.
import { t } from "./i18n.js";

export const textOf = (message) => String(message.content?.text ?? "");
export const titleOf = (message) => String(message.content?.title ?? "");
export const fileOf = (message) => ({ name: message.fileName ?? "", size: message.size ?? 0, url: message.downloadUrl ?? "" });
export const variablesOf = (message) => message.variables ?? {};
export const buttonsOf = (message) => message.buttons ?? message.content?.buttons ?? [];
export const cardId = (message) => message.outTrackId ?? message.id;
export const isRobot = (message) => Boolean(message.sender?.robot);

/** Return the title of a card of any template. */
export function cardTitle(message) {
  const variables = variablesOf(message);
  return message.view?.title || variables.title || variables.msgTitle || "";
}

function bare(markdown) {
  return String(markdown).replace(/!?\[([^\[\]]{0,500})\]\([^()]{0,2000}\)/g, "$1").replace(/<[^<>]{0,200}>/g, " ")
    .replace(/[*_`#>|]+/g, " ").replace(/&nbsp;|&#160;/g, " ").replace(/\s+/g, " ").trim();
}

const SPOKEN = { picture: "kind.picture", audio: "kind.audio", video: "kind.video" };

/** Summarize a message in one line, for the list and screen readers. */
export function summary(message) {
  if (message.recalled) return t("recalled", { name: message.sender?.name ?? "" });
  if (message.kind === "richText") return `${textOf(message)} ${t("kind.picture")}`.slice(0, 400);
  if (SPOKEN[message.kind]) return `${t(SPOKEN[message.kind])} ${textOf(message)}`.trim().slice(0, 400);
  if (message.fileName) return `${t("kind.file")} ${message.fileName}`;
  if (message.kind === "card") return `${t("kind.card")} ${bare(cardTitle(message))}`;
  if (message.kind === "text") return textOf(message).slice(0, 400).replace(/\s+/g, " ").trim();
  return bare((titleOf(message) || textOf(message)).slice(0, 400));
}
