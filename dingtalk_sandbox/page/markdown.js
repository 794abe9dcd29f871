// Renders DingTalk's markdown as nodes. HTML is not parsed: unknown markup stays visible as text.
// Two dialects: "message" (headings, bold, italic, links, images, quotes, lists) and "card", which adds
// tables, fenced code, rules, <br>, <font> and <a atId=…>.
import { inline } from "./inline.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

const BULLET = /^(\s*)[-*+]\s+(.*)$/;
const NUMBER = /^(\s*)(\d{1,9})[.)]\s+(.*)$/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*)$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;
const FENCE = /^\s{0,3}```\s*([\w+-]*)\s*$/;
const TABLE_LINE = /^\s*\|?(\s*:?-{1,}:?\s*\|)+\s*(:?-{1,}:?)?\s*$/;

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function isTable(lines, i) {
  return i + 1 < lines.length && lines[i].includes("|") && TABLE_LINE.test(lines[i + 1]);
}

function table(lines, start, ctx) {
  const align = cells(lines[start + 1]).map((c) => (/^:.*:$/.test(c) ? "mid" : /:$/.test(c) ? "end" : "start"));
  const row = (line, tag) => h("tr", {}, cells(line).slice(0, align.length).map((cell, i) =>
    h(tag, { class: `at-${align[i]}`, scope: tag === "th" ? "col" : null }, inline(cell, ctx))));
  let i = start + 2;
  const body = [];
  while (i < lines.length && lines[i].includes("|") && lines[i].trim()) body.push(row(lines[i++], "td"));
  const grid = h("table", {}, h("thead", {}, row(lines[start], "th")), h("tbody", {}, body));
  return [h("div", { class: "table-wrap", tabindex: "0", role: "group", "aria-label": t("table") }, grid), i];
}

function fence(lines, start) {
  let i = start + 1;
  const code = [];
  while (i < lines.length && !FENCE.test(lines[i])) code.push(lines[i++]);
  return [h("pre", { tabindex: "0" }, h("code", {}, code.join("\n") || " ")), i + 1];
}

function list(lines, start, ctx) {
  const numbered = !BULLET.test(lines[start]);
  const shape = numbered ? NUMBER : BULLET;
  const base = lines[start].match(shape)[1].length;
  const items = [];
  let i = start;
  for (; i < lines.length; i += 1) {
    const item = lines[i].match(shape);
    if (item && item[1].length <= base + 1) items.push([item.at(-1)]);
    else if (lines[i].trim() && /^\s{2,}/.test(lines[i])) items.at(-1).push(lines[i].slice(base + 2));
    else break;
  }
  const first = numbered ? Number(lines[start].match(NUMBER)[2]) : 1;
  const nodes = items.map((parts) => h("li", {}, tight(blocks(parts, ctx))));
  return [h(numbered ? "ol" : "ul", { start: first === 1 ? null : first }, nodes), i];
}

/** Unwrap the paragraph of a single-paragraph list item. */
function tight(nodes) {
  return nodes[0]?.tagName === "P" ? [...nodes[0].childNodes, ...nodes.slice(1)] : nodes;
}

function quote(lines, start, ctx) {
  const inner = [];
  let i = start;
  while (i < lines.length && lines[i].trim() && (QUOTE.test(lines[i]) || !opens(lines, i, ctx))) {
    inner.push(lines[i].match(QUOTE)?.[1] ?? lines[i]);
    i += 1;
  }
  return [h("blockquote", {}, blocks(inner, ctx)), i];
}

/** Strip the closing marks of a heading. Done by hand, as a regular expression takes cubic time. */
function headline(text) {
  const trimmed = text.trimEnd();
  let end = trimmed.length;
  while (trimmed[end - 1] === "#") end -= 1;
  return trimmed.slice(0, end).trimEnd();
}

function heading(lines, i, ctx) {
  const [, marks, rest] = lines[i].match(HEADING);
  const text = headline(rest);
  const level = Math.min(6, marks.length + 2); // the page itself has h1 and h2
  return [h(`h${level}`, { class: `md-h${marks.length}` }, inline(text, ctx)), i + 1];
}

const READERS = [
  ["card", (lines, i) => FENCE.test(lines[i]), fence],
  ["card", (lines, i) => RULE.test(lines[i]), (lines, i) => [h("hr"), i + 1]],
  ["card", isTable, table],
  ["both", (lines, i) => HEADING.test(lines[i]), heading],
  ["both", (lines, i) => QUOTE.test(lines[i]), quote],
  ["both", (lines, i) => BULLET.test(lines[i]) || NUMBER.test(lines[i]), list],
];

function opens(lines, i, ctx) {
  return READERS.find(([where, test]) => (where === "both" || ctx.dialect === "card") && test(lines, i))?.[2];
}

function paragraph(lines, start, ctx) {
  let i = start;
  const text = [];
  do text.push(lines[i++]);
  while (i < lines.length && lines[i].trim() && !opens(lines, i, ctx));
  return [h("p", {}, inline(text.join("\n"), ctx)), i];
}

function blocks(lines, ctx) {
  if (ctx.depth > 6) return [h("p", {}, lines.join("\n"))];
  const deeper = { ...ctx, depth: ctx.depth + 1 };
  const out = [];
  for (let i = 0; i < lines.length;) {
    if (!lines[i].trim()) {
      i += 1;
      continue;
    }
    const read = opens(lines, i, ctx) ?? paragraph;
    const [node, next] = read(lines, i, deeper);
    out.push(node);
    i = next;
  }
  return out;
}

/** Render markdown to nodes. `onSend(text)` runs when a dtmd://…/sendMessage link is clicked. */
export function markdown(text, { dialect = "message", onSend = null, names = new Map() } = {}) {
  return blocks(String(text ?? "").replace(/\r\n?/g, "\n").split("\n"), { dialect, onSend, names, depth: 0 });
}
