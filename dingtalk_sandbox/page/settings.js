// The settings block: an input for each setting, by the type of its value.
import { api } from "./api.js";
import { act, block, hint } from "./blocks.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { WORDS } from "./words.js";

const CHOICES = {
  bad_token_status: [400, 401],
  repeated_card: ["refuse", "ignore"],
  webhook_throttle_code: [410100, 130101],
  webhook_wording: ["today", "old"],
};

function label(name) {
  return `set.${name}` in WORDS ? t(`set.${name}`) : name;
}

function choiceWords(name, value) {
  return `set.${name}.${value}` in WORDS ? t(`set.${name}.${value}`) : String(value);
}

function set(name, value) {
  return act(() => api.settings({ [name]: value }), t("ctl.set", { name: label(name) }));
}

function toggle(name, value) {
  const box = h("input", { type: "checkbox", role: "switch", checked: value, data: { testid: `set-${name}` } });
  box.addEventListener("change", () => set(name, box.checked));
  return h("label", { class: "switch wide" }, h("span", {}, label(name)), box);
}

function choice(name, value) {
  const values = [...new Set([...CHOICES[name], value])];
  const select = h("select", { data: { testid: `set-${name}` } },
    values.map((one) => h("option", { value: one, selected: one === value }, choiceWords(name, one))));
  select.addEventListener("change", () => set(name, typeof value === "number" ? Number(select.value) : select.value));
  return h("label", { class: "switch wide" }, h("span", {}, label(name)), select);
}

function entry(name, value) {
  const number = typeof value === "number";
  const input = h("input", { type: number ? "number" : "text", min: number ? 0 : null, step: "any", value, data: { testid: `set-${name}` } });
  input.addEventListener("change", () => (input.value !== "" || !number) && set(name, number ? Number(input.value) : input.value));
  return h("label", { class: "switch wide" }, h("span", {}, label(name)), input);
}

function line([name, value]) {
  if (typeof value === "boolean") return toggle(name, value);
  return name in CHOICES ? choice(name, value) : entry(name, value);
}

export function settingsBlock(open, scene) {
  const node = h("form", { class: "fields switches" }, Object.entries(scene.settings ?? {}).map(line));
  node.addEventListener("submit", (event) => event.preventDefault());
  return block("settings", open, hint("ctl.settings.hint"), node);
}
