// Interactive cards: header, body, tips, callback buttons, and tap results.
import { words } from "./tap_result.js";
import { aiBody, aiFoot, aiTitle, flow, isAi } from "./ai.js";
import { h, icon } from "./dom.js";
import { clockTime, t } from "./i18n.js";
import { link } from "./inline.js";
import { markdown } from "./markdown.js";
import { buttonsOf, cardId, cardTitle, variablesOf } from "./message_text.js";
import { highlighted } from "./mentions.js";
import { mentionable, state } from "./state.js";
import { drawEffects } from "./template/effects.js";
import { drawView } from "./template/view.js";

const COLOURS = ["blue", "gray", "red", "gold", "green"];

function rich(text, message, acts) {
  const names = highlighted(message, mentionable());
  return h("div", { class: "md" }, markdown(text, { dialect: "card", names, onSend: acts.send }));
}

function head(title, state_) {
  return h("header", { class: "card-head" }, h("span", { class: "card-dot", "aria-hidden": "true" }),
    h("h3", { class: "card-title" }, title), state_);
}

function buttonClass(button) {
  return `act ${COLOURS.includes(button.color) ? button.color : "gray"}`;
}

function callback(button, message, acts) {
  const key = `${cardId(message)} ${button.id}`;
  const busy = state.pressing.has(key);
  const dead = button.status === "disabled" || !button.id;
  return h("button", {
    type: "button", class: buttonClass(button), data: { testid: "card-button", action: button.id ?? "" },
    disabled: dead, "aria-busy": busy ? "true" : null, "aria-disabled": busy ? "true" : null,
    on: { click: () => !state.pressing.has(key) && acts.tap(message, button) },
  }, busy && h("span", { class: "spinner", "aria-hidden": "true" }), button.text);
}

function drawButton(button, message, acts) {
  if (button.request || !button.url) return callback(button, message, acts);
  const node = link(button.url, button.text, { onSend: acts.send });
  node.setAttribute("class", `${buttonClass(button)} ${node.className}`);
  if (node.tagName === "A") node.append(icon("out"));
  return node;
}

function buttons(message, acts) {
  const list = buttonsOf(message);
  return list.length && h("div", { class: `acts n${Math.min(list.length, 4)}` }, list.map((b) => drawButton(b, message, acts)));
}

function ofTable(variables) {
  const rows = Object.entries(variables).filter(([name]) => name !== "sys_full_json_obj");
  return [h("p", { class: "tips" }, t("card.unknown")),
    h("dl", { class: "variables" }, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]))];
}

function body(message, acts) {
  const variables = variablesOf(message);
  if (isAi(variables)) return aiBody(variables, (text) => rich(text, message, acts));
  if ("markdown" in variables) return [rich(variables.markdown, message, acts)];
  return "content" in variables ? [rich(variables.content, message, acts)] : ofTable(variables);
}

/** Render the result of the user's last tap. */
function privateLine(answer, press) {
  if (!answer) return null;
  const effects = drawEffects(answer.effects ?? [], press);
  const said = answer.text || (effects.length ? "" : t("private.empty"));
  const shown = answer.bad ? said : h("div", { class: "md" }, markdown(said, { dialect: "card", names: mentionable() }));
  return h("div", { class: answer.bad ? "private bad" : "private", role: "status", data: { testid: "private" } },
    h("span", { class: "private-tag" }, icon(answer.bad ? "warn" : "lock"), t("private"), answer.at && h("time", {}, clockTime(answer.at))),
    said && shown, effects);
}

/** Render a card whose template was exported from the card builder. */
function drawTemplate(message, acts) {
  const card = cardId(message);
  const press = (control, params) => !state.pressing.has(`${card} ${control}`) && acts.tap(message, { id: control }, params);
  const ctx = { card, press, rich: (text) => rich(text, message, acts), isBusy: (control) => state.pressing.has(`${card} ${control}`) };
  const answer = state.answers.get(`${card} ${state.me}`);
  return [h("section", { class: message.view.wide ? "card-inside wide" : "card-inside", "aria-label": t("card.label", { title: cardTitle(message) }),
    data: { testid: "card", card } }, drawView(message.view, ctx), privateLine(answer, press))];
}

/** Render the content of a card. */
export function drawCard(message, acts) {
  if (message.view) return drawTemplate(message, acts);
  const variables = variablesOf(message);
  const ai = isAi(variables);
  const title = ai ? aiTitle(variables) : cardTitle(message);
  const kept = words(message.private ?? {}); // from an earlier press, or given with the card
  const answer = state.answers.get(`${cardId(message)} ${state.me}`) ?? (kept && { text: kept });
  const data = { testid: "card", card: cardId(message) };
  return [h("section", { class: ai ? "card-inside ai" : "card-inside", "aria-label": t("card.label", { title }), data },
    (title || ai) && head(title, ai && flow(variables)),
    h("div", { class: "card-body" }, body(message, acts)),
    variables.tips && variables.tips !== answer?.text && h("p", { class: "tips" }, variables.tips),
    buttons(message, acts), privateLine(answer), ai && aiFoot(variables))];
}
