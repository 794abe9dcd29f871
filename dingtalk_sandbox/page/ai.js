// The public AI template (382e4302…): blocks in the order of `sys_full_json_obj`, and its states.
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { link } from "./inline.js";

const BLOCKS = ["msgTitle", "msgContent", "staticMsgContent", "msgTextList", "msgImages", "msgSlider", "msgButtons"];
const BUSY = ["1", "2", "4"];

export const isAi = (variables) => ["msgContent", "msgTitle", "flowStatus"].some((name) => name in variables);

function whole(variables) {
  try {
    const value = JSON.parse(variables.sys_full_json_obj || "{}");
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

function order(variables) {
  const wanted = whole(variables).order;
  return Array.isArray(wanted) ? wanted : BLOCKS;
}

/** Render the title, unless the block order omits it. */
export function aiTitle(variables) {
  return order(variables).includes("msgTitle") ? variables.msgTitle ?? "" : "";
}

/** Render the state at the top of the card. */
export function flow(variables) {
  const status = variables.flowStatus;
  if (BUSY.includes(status)) {
    return h("span", { class: "flow" }, h("span", { class: "spinner", "aria-hidden": "true" }), t("card.busy"));
  }
  return status === "5" ? h("span", { class: "flow bad" }, icon("warn"), t("card.failed")) : null;
}

/** Render a placeholder for text that is still being generated. */
function waiting() {
  return h("div", { class: "waiting", "aria-hidden": "true" }, h("span", {}), h("span", {}), h("span", {}));
}

function listOf(value) {
  return Array.isArray(value) ? value : [];
}

function wordsOf(item) {
  return typeof item === "object" && item ? String(item.text ?? item.title ?? "") : String(item ?? "");
}

function texts(items) {
  return items.length && h("ul", { class: "ai-texts" }, items.map((item) => h("li", {}, wordsOf(item))));
}

/** Show image names only: the page requests nothing from other hosts. */
function pictures(items) {
  const one = (item) => h("li", { class: "picture" }, icon("out"),
    link(String(item?.image ?? item?.url ?? item ?? ""), wordsOf(item) || t("image"), {}));
  return items.length && h("ul", { class: "ai-pictures" }, items.map(one));
}

/** Render the body. `rich(text)` renders the card's markdown. */
export function aiBody(variables, rich) {
  const given = whole(variables);
  const blocks = {
    msgContent: () => variables.msgContent && rich(variables.msgContent),
    staticMsgContent: () => variables.staticMsgContent && h("div", { class: "ai-static" }, rich(variables.staticMsgContent)),
    msgTextList: () => texts(listOf(given.msgTextList)),
    msgImages: () => pictures(listOf(given.msgImages)),
    msgSlider: () => pictures(listOf(given.msgSlider)),
  };
  const shown = order(variables).map((name) => blocks[name]?.()).filter(Boolean);
  return !shown.length && BUSY.includes(variables.flowStatus) ? [waiting()] : shown;
}

/** Render the footer: the sender, and a note about DingTalk's thumbs. */
export function aiFoot(variables) {
  const source = wordsOf(whole(variables).source);
  const missing = !variables.flowStatus && t("ai.noflow");
  return h("footer", { class: "ai-foot" }, h("span", {}, icon("spark"), source || t("ai.made")),
    missing && h("span", { class: "ai-missing", title: t("ai.noflow.hint") }, missing),
    h("span", { class: "thumbs", title: t("ai.thumbs") }, icon("up"), icon("thumbdown")));
}
