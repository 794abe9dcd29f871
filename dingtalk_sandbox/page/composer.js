// The message box: @-completion, quick commands, Enter to send, Shift+Enter for a new line.
import { byId, h, icon } from "./dom.js";
import { language, t } from "./i18n.js";
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
  const text = box().value.trim();
  if (!text || !byId("composer").dataset.open) return;
  const where = state.current;
  box().value = "";
  drafts.delete(where);
  grow();
  if (await acts.say(text) === false && !box().value) box().value = text;
  grow();
}

function grow() {
  const area = box();
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, 160)}px`;
  byId("send").disabled = !area.value.trim();
  hint();
}

function hint() {
  const text = box().value.trim();
  const missed = inGroup() && text && !typedAt() && !robotNames().some((name) => text.includes(`@${name}`));
  const node = byId("say-hint");
  node.textContent = missed ? t("say.noat", { robot: robotName() }) : t("say.hint");
  node.classList.toggle("warn", Boolean(missed));
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
    h("div", { class: "write" }, at, area,
      h("button", { type: "submit", class: "send", id: "send", data: { testid: "send", tLabel: "send" } }, icon("send"),
        h("span", { data: { t: "send" } })),
      h("ul", { class: "names", id: "names", role: "listbox", hidden: true, data: { tLabel: "at.list" } })),
    h("p", { class: "say-hint", id: "say-hint" })];
}

/** Build the composer once. `given` are {say(text) → false on failure, become(id)}. */
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
  byId("as").addEventListener("change", (event) => acts.become(event.target.value));
}

function chips() {
  const own = state.scene.chips?.length ? state.scene.chips : CHIPS;
  return own.map((chip) => [chip].flat()).map(([zh, en]) => String((language() === "en" ? en : zh) ?? zh ?? "")).filter(Boolean);
}

function drawChips() {
  byId("chips").replaceChildren(...chips().map((text) => {
    return h("button", { type: "button", class: "chip", data: { testid: "chip" }, title: t("chip.title", { text: addressed(text) }),
      on: { click: () => acts.say(addressed(text)) } }, text);
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
  for (const id of ["say", "at"]) byId(id).disabled = !able;
  byId("chips").hidden = !able || !chips().length;
  byId("at").hidden = open.kind !== "group";
  box().placeholder = placeholder(open);
  box().setAttribute("aria-label", t("say.label"));
  fillPeople(byId("as"));
  drawChips();
  if (drawnFor !== open.id) box().value = drafts.get(open.id) ?? "";
  drawnFor = open.id;
  grow();
}
