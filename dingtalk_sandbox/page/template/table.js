// Tables of a card template: cells, buttons in rows, pages.
import { h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { link } from "../inline.js";

const pages = new Map(); // "card table" → the page shown

function looks(cell) {
  return [`a-${cell.align}`, cell.tone && `t-${cell.tone}`, cell.fill && `f-${cell.fill}`].filter(Boolean).join(" ");
}

function pressed(cell, ctx) {
  const busy = ctx.isBusy(cell.control);
  const style = cell.kind === "button" ? `act small ${cell.tone || "gray"}` : "linklike";
  return h("button", { type: "button", class: style, disabled: cell.disabled, "aria-busy": busy ? "true" : null, title: cell.hover || null,
    data: { testid: "cell-button", action: cell.control }, on: { click: () => ctx.press(cell.control) } },
  busy && h("span", { class: "spinner", "aria-hidden": "true" }), cell.text);
}

function content(cell, ctx) {
  if (cell.control) return pressed(cell, ctx);
  if (cell.link && !cell.disabled) {
    const made = link(cell.link, cell.text, {});
    if (cell.kind === "button") made.setAttribute("class", `act small ${cell.tone || "gray"} ${made.className}`);
    return made;
  }
  if (cell.kind === "button") return h("button", { type: "button", class: "act small gray", disabled: true }, cell.text);
  return cell.kind === "app" ? h("span", { class: "tpl-app" }, icon("group"), cell.text) : h("span", { title: cell.hover || null }, cell.text);
}

function pager(node, ctx, show) {
  const count = Math.ceil(node.rows.length / node.pageSize);
  const key = `${ctx.card} ${node.key}`;
  const at = Math.min(pages.get(key) ?? 0, count - 1);
  const turn = (step, words) => h("button", { type: "button", class: "plain", disabled: at + step < 0 || at + step >= count, on: { click: () => {
    pages.set(key, at + step);
    show();
  } } }, words);
  return h("div", { class: "tpl-pager" }, turn(-1, t("tpl.previous")), h("span", {}, `${at + 1} / ${count}`), turn(1, t("tpl.next")));
}

export function table(node, ctx) {
  const paged = node.pageSize > 0 && node.rows.length > node.pageSize;
  const widths = h("colgroup", {}, node.columns.map((c) => h("col", { vars: c.weight ? { width: `${c.weight}%` } : {} })));
  const head = h("thead", {}, h("tr", {}, node.columns.map((c) => h("th", { scope: "col", class: `a-${c.align}` }, c.title || h("span", { class: "unseen" }, t("tpl.column"))))));
  const body = h("tbody", {});
  const foot = h("div", {});
  const show = () => {
    const from = (pages.get(`${ctx.card} ${node.key}`) ?? 0) * node.pageSize;
    const rows = paged ? node.rows.slice(from, from + node.pageSize) : node.rows;
    body.replaceChildren(...rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: looks(cell) }, content(cell, ctx))))));
    foot.replaceChildren(...(paged ? [pager(node, ctx, show)] : []));
  };
  show();
  return h("div", { class: "tpl-table" }, h("div", { class: "table-wrap", tabindex: "0", role: "group", "aria-label": t("tpl.table") },
    h("table", {}, widths, head, body)), foot);
}
