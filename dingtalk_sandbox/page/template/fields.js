// Fields of a card template: forms, and inputs that stand alone. What is typed survives a redraw of the card.
import { h } from "../dom.js";
import { t } from "../i18n.js";

const drafts = new Map(); // "card control" → {field name: value}
const TYPES = { text: "text", number: "number", date: "date", time: "time", datetime: "datetime-local" };
let count = 0;

function draftOf(key) {
  if (!drafts.has(key)) drafts.set(key, {});
  return drafts.get(key);
}

/** DingTalk writes `2026-11-30 08:00`, the browser `2026-11-30T08:00`. */
const toBrowser = (kind, value) => (kind === "datetime" ? String(value).replace(" ", "T").slice(0, 16) : value);
const fromBrowser = (kind, value) => (kind === "datetime" ? value.replace("T", " ") : value);

function input(field, value, change, more) {
  const node = h("input", { type: TYPES[field.kind] ?? "text", placeholder: field.placeholder || null, value: toBrowser(field.kind, value ?? ""),
    step: field.kind === "number" ? "any" : null, readonly: field.readOnly, ...more });
  node.addEventListener("input", () => change(fromBrowser(field.kind, node.value)));
  return node;
}

function textarea(field, value, change, more) {
  const node = h("textarea", { rows: 2, placeholder: field.placeholder || null, readonly: field.readOnly, ...more }, value ?? "");
  node.addEventListener("input", () => change(node.value));
  return node;
}

/** A list of texts, one a line. */
function texts(field, value, change, more) {
  const node = textarea({ ...field, placeholder: field.placeholder || t("tpl.lines") }, (value ?? []).join("\n"), () => {}, more);
  node.addEventListener("input", () => change(node.value.split("\n").filter(Boolean)));
  return node;
}

function select(field, value, change, more) {
  const node = h("select", { ...more, disabled: more.disabled || field.readOnly }, h("option", { value: "" }, field.placeholder || t("tpl.choose")),
    field.options.map((o) => h("option", { value: o.value, selected: o.value === value }, o.text)));
  node.addEventListener("change", () => change(node.value));
  return node;
}

function checkbox(field, value, change, more) {
  const node = h("input", { type: "checkbox", checked: Boolean(value), role: field.kind === "switch" ? "switch" : null, ...more, disabled: more.disabled || field.readOnly });
  node.addEventListener("change", () => change(node.checked));
  return node;
}

/** Several boxes, or radio buttons. The items of a CheckboxList are drawn by their own components. */
function choices(field, value, change, more, ctx) {
  const multi = field.kind !== "radio";
  const chosen = new Set(multi ? value ?? [] : [value].filter(Boolean));
  const name = `tpl-${(count += 1)}`;
  const one = (o) => {
    const node = h("input", { type: multi ? "checkbox" : "radio", name, checked: chosen.has(o.value), disabled: more.disabled || field.readOnly,
      data: { action: `${more.data?.action ?? field.name}=${o.value}` } });
    node.addEventListener("change", () => {
      if (!multi) chosen.clear();
      if (node.checked) chosen.add(o.value);
      else chosen.delete(o.value);
      change(multi ? field.options.map((x) => x.value).filter((v) => chosen.has(v)) : o.value);
    });
    return h("label", { class: "tpl-choice" }, node, o.children ? h("span", {}, ctx.draw(o.children, ctx)) : o.text);
  };
  return h("div", { class: "tpl-choices", role: "group", "aria-label": field.label || field.placeholder || field.name }, field.options.map(one));
}

const MAKERS = { textarea, texts, select, multi_select: choices, checks: choices, radio: choices, checkbox, switch: checkbox };

function make(field, value, change, more, ctx) {
  return (MAKERS[field.kind] ?? input)(field, value, change, more, ctx);
}

function row(field, draft, node, ctx) {
  const control = make(field, draft[field.name] ?? field.value, (value) => { draft[field.name] = value; },
    { disabled: node.disabled, data: { action: `${node.control}/${field.name}`, field: field.name }, required: field.required }, ctx);
  const label = h("span", { class: "tpl-label" }, field.label, field.required && h("span", { class: "must", title: t("tpl.required") }, "*"));
  const side = ["checkbox", "switch"].includes(field.kind);
  const parts = side ? [control, label] : [label, control];
  return h(control.classList.contains("tpl-choices") ? "div" : "label", { class: side ? "tpl-field side" : "tpl-field" }, parts);
}

/** A Form. Its values are checked by the server, as DingTalk's client checks them. */
export function form(node, ctx) {
  const key = `${ctx.card} ${node.control}`;
  const draft = draftOf(key);
  const busy = ctx.isBusy(node.control);
  const made = h("form", { class: "tpl-form", novalidate: true, data: { testid: "card-form" } }, node.fields.map((f) => row(f, draft, node, ctx)),
    h("button", { type: "submit", class: "act blue", disabled: node.disabled, "aria-busy": busy ? "true" : null, data: { action: node.control } },
      busy && h("span", { class: "spinner", "aria-hidden": "true" }), node.submit));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    ctx.press(node.control, { ...draft });
  });
  return made;
}

/** A field outside of a form sends its value when it is left, or with Enter. */
export function field(node, ctx) {
  const { field: spec } = node;
  const send = (value) => ctx.press(node.control, { value });
  let last = spec.value;
  const late = ["text", "textarea", "number", "date", "time", "datetime"].includes(spec.kind);
  const more = { disabled: node.disabled, data: { testid: "card-field", action: node.control },
    "aria-label": node.label || spec.placeholder || t(`tpl.field.${spec.kind}`) };
  const control = make({ ...spec, label: node.label }, spec.value, (value) => (late ? (last = value) : send(value)), more, ctx);
  if (late) {
    control.addEventListener("change", () => last !== spec.value && send(last));
    control.addEventListener("keydown", (event) => event.key === "Enter" && spec.kind !== "textarea" && (event.preventDefault(), control.blur()));
  }
  return h("div", { class: `tpl-field alone ${spec.kind}` }, control);
}
