// The message box: @-completion, quick commands, Enter to send, Shift+Enter for a new line.
import { byId, h, icon } from "./dom.js";
import { language, t } from "./i18n.js";
import { attachButton, attached, drawAttachments, hasOtherFiles, messagesOf, setAttachments, watchFiles } from "./inbound/attachments.js";
import { drawQuote, escapeQuote, quotedMessage, setQuote, watchQuote } from "./inbound/quotes.js";
import { fillPeople } from "./list.js";
import { conversation, myself, people, robotName, robotNames, sees, state } from "./state.js";

// Each is [Chinese, English]. `chips` of a scene, texts or such pairs, replace them.
const CHIPS = [["重跑", "rerun"], ["最近报告", "last report"], ["状态", "status"], ["计划", "schedules"], ["帮助", "help"]];
const drafts = new Map();
let acts = {};
let chosen = 0; // in the list of names

function box() {
  return byId("say");
}

function inGroup() {
  return conversation()?.kind === "group";
}

function addressed(text) {
  return inGroup() ? `@${robotName()} ${text}` : text;
}

async function send() {
  const [text, files, quote] = [box().value.trim(), attached(), quotedMessage()];
  if ((!text && !files.length) || !byId("composer").dataset.open) return;
  const where = state.current;
  clear();
  drafts.delete(where);
  grow();
  if (await say(text, files, quote) === false && !box().value && where === state.current) {
    box().value = text;
    setAttachments(files);
    setQuote(quote);
  }
  grow();
}

function clear() {
  box().value = "";
  setAttachments([]);
  setQuote(null);
}

/** Send what a text and files make, until one fails. Returns false then. */
async function say(text, files, quote) {
  const messages = await messagesOf(text, files).catch((error) => acts.fail(error));
  if (!messages) return false;
  if (quote) messages[0].quote = quote.id;
  for (const message of messages) if (await acts.say(message) === false) return false;
  return true;
}

/** Reply to a message. As in DingTalk, the robot that sent it is mentioned. */
export function replyTo(message) {
  setQuote(message);
  const mention = `@${message.sender?.name} `;
  const needed = inGroup() && message.sender?.robot && robotNames().includes(message.sender.name) && !box().value.includes(mention.trim());
  if (needed) box().value = mention + box().value;
  grow();
  box().focus();
}

function grow() {
  const area = box();
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, 160)}px`;
  byId("send").disabled = !area.value.trim() && !attached().length;
  hint();
}

function hint() {
  const text = box().value.trim();
  const missed = inGroup() && (text || attached().length) && !typedAt() && !robotNames().some((name) => text.includes(`@${name}`));
  const lost = inGroup() && hasOtherFiles();
  const node = byId("say-hint");
  node.textContent = lost ? t("say.nofile") : missed ? t("say.noat", { robot: robotName() }) : t("say.hint");
  node.classList.toggle("warn", Boolean(missed || lost));
}

/** Return the mention being typed before the caret, {from, part}, or null. */
function typedAt() {
  const before = box().value.slice(0, box().selectionStart);
  const match = before.match(/@([^\s@]{0,20})$/);
  return match && { from: before.length - match[0].length, part: match[1].toLowerCase() };
}

function candidates(part) {
  const others = inGroup() ? people(conversation()).filter((p) => p.id !== state.me).map((p) => p.name) : [];
  return [...robotNames(), ...others].filter((name) => name.toLowerCase().startsWith(part));
}

function insertName(name, from = box().selectionStart) {
  const area = box();
  area.setRangeText(`@${name} `, from, area.selectionStart, "end");
  closeNames();
  grow();
  area.focus();
}

function closeNames() {
  byId("names").hidden = true;
  box().setAttribute("aria-expanded", "false");
  box().removeAttribute("aria-activedescendant");
}

function drawNames() {
  const at = inGroup() && typedAt();
  const names = at ? candidates(at.part) : [];
  if (!names.length) return closeNames();
  chosen = Math.min(chosen, names.length - 1);
  byId("names").replaceChildren(...names.map((name, i) => h("li", {
    role: "option", id: `name-${i}`, "aria-selected": String(i === chosen), data: { testid: "mention" },
    on: { pointerdown: (event) => event.preventDefault(), click: () => insertName(name, at.from) },
  }, name, robotNames().includes(name) && h("span", { class: "tag" }, t("robot")))));
  byId("names").hidden = false;
  box().setAttribute("aria-expanded", "true");
  return box().setAttribute("aria-activedescendant", `name-${chosen}`);
}

function keyInNames(event) {
  const options = byId("names").children;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) chosen = (chosen + step + options.length) % options.length;
  else if (event.key === "Enter" || event.key === "Tab") options[chosen].click();
  else if (event.key === "Escape") closeNames();
  else return false;
  event.preventDefault();
  if (step) drawNames();
  return true;
}

function onKey(event) {
  if (event.isComposing || event.keyCode === 229) return; // an input method is at work
  if (!byId("names").hidden && keyInNames(event)) return;
  if (event.key === "Escape" && escapeQuote()) return event.stopPropagation();
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  send();
}

function skeleton() {
  const at = h("button", { type: "button", class: "icon-button at", id: "at", data: { testid: "at", tTitle: "at", tLabel: "at" },
    on: { click: () => insertName(robotName()) } }, "@");
  const area = h("textarea", { id: "say", rows: 1, data: { testid: "composer" }, role: "combobox", enterkeyhint: "send",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "names", "aria-describedby": "say-hint" });
  const as = h("label", { class: "as" }, h("span", { data: { t: "me.as" } }),
    h("select", { id: "as", data: { testid: "speak-as-inline", tLabel: "me.label" } }));
  return [h("div", { class: "tools" }, as, h("div", { class: "chips", id: "chips", role: "group", data: { tLabel: "chips" } })),
    h("p", { class: "quoting", id: "quoting", data: { testid: "quoting" }, hidden: true }),
    h("ul", { class: "attachments", id: "attachments", hidden: true }),
    h("div", { class: "write" }, ...attachButton(), at, area,
      h("button", { type: "submit", class: "send", id: "send", data: { testid: "send", tLabel: "send" } }, icon("send"),
        h("span", { data: { t: "send" } })),
      h("ul", { class: "names", id: "names", role: "listbox", hidden: true, data: { tLabel: "at.list" } })),
    h("p", { class: "say-hint", id: "say-hint" })];
}

/** Build the composer once. `given` are {say(message) → false on failure, fail(error), become(id)}. */
export function buildComposer(given) {
  acts = given;
  const form = byId("composer");
  form.replaceChildren(...skeleton());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  box().addEventListener("keydown", onKey);
  box().addEventListener("input", () => {
    chosen = 0;
    drafts.set(state.current, box().value);
    grow();
    drawNames();
  });
  box().addEventListener("blur", closeNames);
  watchQuote(grow);
  watchFiles(box(), byId("chat"), { able: () => Boolean(byId("composer").dataset.open), onChange: grow, onProblem: acts.warn });
  byId("as").addEventListener("change", (event) => acts.become(event.target.value));
}

function chips() {
  const own = state.scene.chips?.length ? state.scene.chips : CHIPS;
  return own.map((chip) => [chip].flat()).map(([zh, en]) => String((language() === "en" ? en : zh) ?? zh ?? "")).filter(Boolean);
}

function drawChips() {
  byId("chips").replaceChildren(...chips().map((text) => {
    return h("button", { type: "button", class: "chip", data: { testid: "chip" }, title: t("chip.title", { text: addressed(text) }),
      on: { click: () => acts.say({ text: addressed(text) }) } }, text);
  }));
}

function placeholder(open) {
  if (open.kind === "work") return t("say.work");
  if (!sees(open, state.me)) return t("say.outside", { name: myself().name });
  return t(`say.${open.kind}`, { robot: robotName() });
}

let drawnFor = null;

/** Update the composer for the open conversation and the current user. */
export function drawComposer() {
  const open = conversation();
  byId("composer").hidden = !open;
  if (!open) return;
  const able = open.kind !== "work" && sees(open, state.me);
  byId("composer").dataset.open = able ? "yes" : "";
  for (const id of ["say", "at", "attach"]) byId(id).disabled = !able;
  byId("chips").hidden = !able || !chips().length;
  byId("at").hidden = open.kind !== "group";
  box().placeholder = placeholder(open);
  box().setAttribute("aria-label", t("say.label"));
  fillPeople(byId("as"));
  drawChips();
  if (drawnFor !== open.id) {
    clear();
    box().value = drafts.get(open.id) ?? "";
  }
  drawnFor = open.id;
  drawAttachments();
  drawQuote();
  grow();
}
