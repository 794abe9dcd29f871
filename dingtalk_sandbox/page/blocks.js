// Building blocks of the control panel, and execution of its actions.
import { byId, h } from "./dom.js";
import { t } from "./i18n.js";

export const result = { text: "", bad: false };
const SHOWN = 6000; // ms
let after = async () => {};
let fading = 0;

function fade() {
  clearTimeout(fading);
  fading = setTimeout(() => {
    result.text = "";
    document.querySelector("#panel .result")?.replaceChildren();
  }, SHOWN);
}

/** Register `work` to run after every action, to redraw the panel. */
export function whenDone(work) {
  after = work;
}

/** Run an action and show its result; `done` is the success message. */
export async function act(work, done = t("ctl.done")) {
  try {
    const said = await work();
    Object.assign(result, { text: typeof said === "string" ? said : done, bad: false });
  } catch (error) {
    Object.assign(result, { text: t("ctl.failed", { why: error.message }), bad: true });
  }
  byId("announce").textContent = result.text;
  fade();
  await after();
}

export function block(name, open, ...children) {
  return h("details", { class: "block", open: open.has(name), data: { block: name } },
    h("summary", { data: { testid: `block-${name}` } }, t(`ctl.${name}`)), h("div", { class: "block-body" }, ...children));
}

export function button(key, work, { looks = "", words = t(key), title } = {}) {
  return h("button", { type: "button", class: `plain ${looks}`, data: { testid: key }, title, on: { click: () => act(work, t("ctl.did", { what: words })) } }, words);
}

let armed = "";

/** A button that must be clicked twice, for irreversible actions. */
export function careful(key, work) {
  const node = h("button", { type: "button", class: "plain danger", data: { testid: key } }, t(key));
  const arm = (on) => {
    armed = on ? key : "";
    node.textContent = t(on ? "ctl.sure" : key);
    node.classList.toggle("armed", on);
  };
  arm(armed === key);
  node.addEventListener("click", () => {
    if (armed !== key) return arm(true);
    arm(false);
    return act(work, t("ctl.did", { what: t(key) }));
  });
  node.addEventListener("blur", () => node.isConnected && arm(false));
  return node;
}

export function field(key, node, wide = false) {
  return h("label", { class: wide ? "wide" : "" }, t(key), node);
}

export function hint(key, values) {
  return h("p", { class: "hint" }, t(key, values));
}

/** A form that keeps its values across redraws in `draft`, {name: value}. */
export function form(draft, submit, ...children) {
  const node = h("form", { class: "fields" }, ...children);
  for (const part of node.elements) if (part.name in draft) part.value = draft[part.name];
  node.addEventListener("input", () => {
    for (const part of node.elements) if (part.name) draft[part.name] = part.value;
  });
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(node.elements);
  });
  return node;
}

export function options(pairs) {
  return pairs.map(([value, words]) => h("option", { value }, words));
}
