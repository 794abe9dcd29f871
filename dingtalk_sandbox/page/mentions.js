// Who is notified by a robot's mention. It must be in both the `at` list and the text, and some ways
// of sending cannot mention anyone ("0699-robot-message-type", "0717-custom-bot-to-send-group-chat-messages").
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { isRobot, textOf, titleOf } from "./message_text.js";
import { conversation, people, person, state } from "./state.js";

const MOBILE = /@(1\d{10})(?!\d)/g;
const EVERYONE = /@(所有人|all\b)/i;
const NO_AT = ["link", "feedCard"];

function says(text, word) {
  if (!word) return false;
  const safe = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`@${safe}(?![A-Za-z0-9_])`).test(text);
}

/** Find the mentions in the text: [[id or mobile, name], …]. "@ALL" is everyone. */
function named(text, members) {
  const known = members.filter((p) => says(text, p.id) || says(text, p.name)).map((p) => [p.id, p.name]);
  const mobiles = [...text.matchAll(MOBILE)].map(([, mobile]) => [mobile, mobile]);
  return [...known, ...mobiles, ...(EVERYONE.test(text) ? [["@ALL", t("rings.all")]] : [])];
}

function webhook(message, text, members) {
  const at = message.wire?.request?.at ?? {};
  const { rings = [], silent = [], all = false } = message.content?.mentions ?? {};
  const mobiles = (at.atMobiles ?? []).map(String);
  const heard = (id) => all || rings.includes(id) || (mobiles.includes(id) && rings.length);
  const quiet = [
    ["text", silent.filter((id) => !all)],
    ["list", named(text, members).filter(([id]) => !heard(id) && !silent.includes(id)).map(([id]) => id)],
    ["gone", (at.atUserIds ?? []).map(String).filter((id) => !members.some((p) => p.id === id))],
  ];
  const never = NO_AT.includes(message.content?.msgtype);
  if (never) return { loud: [], all: false, quiet: [["kind", [...new Set([...rings, ...quiet.flatMap(([, ids]) => ids)])]]] };
  return { loud: rings, all, quiet };
}

/** Return {loud: [id], all, quiet: [[why, [id]]]} of a message. A person's mention always notifies. */
export function mentionsOf(message) {
  const none = { loud: [], all: false, quiet: [] };
  const open = conversation(message.conversation);
  if (!isRobot(message) || open?.kind !== "group") return none;
  const endpoint = message.wire?.endpoint ?? "";
  const text = `${titleOf(message)}\n${textOf(message)}`;
  if (endpoint.includes("/robot/send")) return webhook(message, text, people(open));
  if (endpoint.includes("/v1.0/robot/")) return { ...none, quiet: [["api", named(text, people(open)).map(([id]) => id)]] };
  const onCard = Object.keys(message.content?.at ?? {});
  return { ...none, loud: onCard.filter((id) => id !== "@ALL"), all: onCard.includes("@ALL") };
}

/** Return the highlights of a message: {word after the @: displayed name}. */
export function highlighted(message, mentionable) {
  if (!isRobot(message)) return mentionable;
  const { loud, all } = mentionsOf(message);
  const known = loud.flatMap((id) => [[id, person(id)?.name ?? id], [person(id)?.name ?? id, person(id)?.name ?? id]]);
  return new Map(all ? [...known, ["所有人", "所有人"]] : known);
}

function names(ids) {
  return ids.map((id) => (id === "@ALL" ? t("rings.all") : person(id)?.name ?? id)).join("、");
}

/** Render the lines below a bubble: who is notified, who is not, and why. */
export function ringLines(message) {
  const { loud, all, quiet } = mentionsOf(message);
  const heard = all ? t("rings.all") : names(loud);
  const silent = quiet.filter(([, ids]) => ids.length).map(([why, ids]) => h("p", { class: "rings not", data: { testid: "no-ring" } },
    icon("mute"), h("span", {}, t("rings.not", { names: names(ids), why: t(`rings.${why}`) }))));
  return [heard && h("p", { class: loud.includes(state.me) || all ? "rings me-too" : "rings", data: { testid: "rings" } },
    icon("bell"), h("span", {}, t("rings", { names: heard }))), ...silent];
}
