// What DingTalk's client shows after a press: toasts, links, copied text, dialogs and menus. Drawn inside the card.
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { link } from "../inline.js";

function choice(item, press, looks = "gray") {
  return h("button", { type: "button", class: `act ${looks}`, data: { testid: "effect-button", action: item.control }, on: { click: () => press(item.control) } }, item.text || t("tpl.ok"));
}

function dialog(effect, press) {
  return h("div", { class: "tpl-dialog", role: "group", "aria-label": effect.title || effect.text },
    effect.title && h("strong", {}, effect.title), effect.text && h("p", {}, effect.text),
    h("div", { class: "tpl-buttons across" }, choice(effect.cancel, press), choice(effect.ok, press, "blue")));
}

function menu(effect, press) {
  return h("div", { class: "tpl-dialog", role: "group", "aria-label": effect.title || t("tpl.menu") }, effect.title && h("strong", {}, effect.title),
    h("div", { class: "tpl-buttons down" }, effect.items.map((item) => choice(item, press))));
}

const DRAWERS = {
  toast: (effect) => h("p", { class: `tpl-toast ${effect.tone}` }, effect.text),
  open: (effect) => h("p", {}, t("tpl.open"), " ", link(effect.url, effect.url, {})),
  copy: (effect) => h("p", {}, t("tpl.copied", { text: effect.text })),
  unsupported: (effect) => h("p", {}, t("tpl.unsupported", { name: effect.text })),
  confirm: dialog,
  menu,
};

/** Draw the effects of the last press. `press(control)` presses a button of a dialog, or closes it without one. */
export function drawEffects(effects, press) {
  return effects.map((effect) => DRAWERS[effect.kind]?.(effect, press)).filter(Boolean);
}

/** Carry out what needs no drawing. */
export function carryOut(effects) {
  const copied = effects.find((effect) => effect.kind === "copy");
  if (copied) navigator.clipboard?.writeText(copied.text).catch(() => null);
}
