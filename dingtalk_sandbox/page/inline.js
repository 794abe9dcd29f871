// Inline markdown: emphasis, links, mentions, line breaks. Unknown markup stays text.
import { h, icon } from "./dom.js";
import { t } from "./i18n.js";

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
const TOKEN_COLOURS = ["red", "orange", "yellow", "gold", "green", "blue", "purple", "gray", "grey"];

function entities(text) {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,5}));/gi, (whole, dec, hex, name) => {
    if (name) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = dec ? Number(dec) : parseInt(hex, 16);
    return code > 8 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}

/** Return a link's target: {href} for the web, {send} for dtmd's sendMessage, else {}. */
export function target(url) {
  let parsed;
  try {
    parsed = new URL(entities(url).trim());
  } catch {
    return {};
  }
  if (parsed.protocol === "http:" || parsed.protocol === "https:") return { href: parsed.href };
  if (parsed.protocol === "dtmd:" && /sendMessage\/?$/.test(parsed.host + parsed.pathname)) {
    return { send: parsed.searchParams.get("content") ?? "" };
  }
  if (parsed.protocol === "dingtalk:" && parsed.searchParams.has("url")) {
    const inner = target(parsed.searchParams.get("url"));
    return inner.href ? inner : {};
  }
  return {};
}

/** Build a link: a web link, a button that sends a message, or inert text with a reason. */
export function link(url, label, ctx) {
  const { href, send } = target(url);
  if (href) return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
  if (send && ctx.onSend) {
    return h("button", { type: "button", class: "linklike", on: { click: () => ctx.onSend(send) } }, label);
  }
  return h("span", { class: "dead-link", title: t("link.dead") }, label);
}

function emphasis(tag) {
  return (match, ctx) => h(tag, {}, inline(match[1], ctx));
}

function image(match) {
  const label = entities(match[1]) || t("image");
  const upload = /^[@$]/.test(match[2]); // a mediaId
  const node = upload ? h("a", { href: `/_sandbox/media/${encodeURIComponent(match[2])}`, download: true }, label) : link(match[2], label, {});
  return h("span", { class: "picture" }, icon(upload ? "download" : "out"), node);
}

function colourOf(attributes) {
  const hex = attributes.match(/\bcolor\s*=\s*["']?(#[\da-f]{3,8}|[a-z]{3,12})\b/i)?.[1];
  if (hex) return { vars: { "--font-ink": hex } };
  const token = attributes.match(/\bcolorToken(?:V2)?\s*=\s*["']?([\w.-]{1,60})/i)?.[1] ?? "";
  const name = TOKEN_COLOURS.find((colour) => token.includes(colour));
  return { tone: name ?? (/level[34]|secondary|tertiary/.test(token) ? "gray" : "") };
}

function font(match, ctx) {
  const { vars, tone } = colourOf(match[1]);
  const size = match[1].match(/\bsizeToken\s*=\s*["']?common_(h[1-6]|body|footnote)/i)?.[1] ?? "";
  const names = ["font", vars && "inked", tone && `tone-${tone}`, size && `size-${size}`];
  return h("span", { class: names.filter(Boolean).join(" "), vars }, inline(match[2], ctx));
}

function mention(match, ctx) {
  return h("span", { class: "mention" }, "@", inline(match[1], { ...ctx, names: new Map() }));
}

function bare(match) {
  const url = match[0].replace(/[.,;:!?)\]}'"。，；：！？）】》、]+$/u, "");
  return [link(url, url, {}), match[0].slice(url.length)];
}

// In order of precedence. Each pattern is sticky and tried at the current position.
const BOTH = [
  [/^\\([!-/:-@[-`{-~])/, (match) => match[1]],
  [/^!\[([^\]\n]*)\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))+)>?[^()\n]*\)/, image],
  [/^\[((?:[^\[\]\\\n]|\\.|\[[^\[\]\n]*\])+)\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))*)>?[^()\n]*\)/,
    (match, ctx) => link(match[2], inline(match[1], { ...ctx, inLink: true }), ctx)],
  [/^\*\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*\*/, (match, ctx) => h("strong", {}, emphasis("em")(match, ctx))],
  [/^\*\*(?=\S)((?:[^*\n]|\*(?!\*))+?)(?<=\S)\*\*/, emphasis("strong")],
  [/^__(?=\S)((?:[^_\n]|_(?!_))+?)(?<=\S)__(?!\w)/, emphasis("strong"), "word"],
  [/^\*(?=\S)([^*\n]+?)(?<=\S)\*/, emphasis("em")],
  [/^_(?=\S)([^_\n]+?)(?<=\S)_(?!\w)/, emphasis("em"), "word"],
  [/^ {2,9}\n\s*/, () => h("br")],
  [/^\s{0,9}\n\s*/, () => " "],
  [/^https?:\/\/[^\s<>"'`|（），。；、]+/i, bare, "start"],
];
const CARD = [
  [/^<br\s*\/?>\n?/i, () => h("br")],
  [/^<font\b([^<>]{0,200})>([\s\S]*?)<\/font>/i, font],
  [/^<a\s+atId=["']?[^\s"'<>]{1,80}["']?\s*>@?([\s\S]*?)<\/a>/i, mention],
  [/^`([^`\n]+)`/, (match) => h("code", {}, match[1])],
  [/^~~(?=\S)([^~\n]+?)~~/, emphasis("s")],
];

// Forbidden preceding characters: no emphasis inside a word, no URL inside a Latin word.
const AFTER = { word: /[\p{L}\p{N}]$/u, start: /[a-z\d]$/i };

function nameAt(text, ctx) {
  if (text[0] !== "@") return null;
  const word = [...ctx.names.keys()].find((known) => text.startsWith(known, 1));
  return word ? [h("span", { class: "mention" }, `@${ctx.names.get(word)}`), word.length + 1] : null;
}

function special(text, before, ctx) {
  const known = nameAt(text, ctx);
  if (known) return known;
  for (const [pattern, make, where] of ctx.dialect === "card" ? [...CARD, ...BOTH] : BOTH) {
    if (where && AFTER[where].test(before)) continue;
    if (ctx.inLink && (make === bare || make === image)) continue;
    const match = text.match(pattern);
    if (match) return [make(match, ctx), match[0].length];
  }
  return null;
}

/** Parse a line into nodes and strings. */
export function inline(text, ctx) {
  const out = [];
  let plain = "";
  const flush = () => {
    if (plain) out.push(entities(plain));
    plain = "";
  };
  for (let i = 0; i < text.length;) {
    const found = /[\\!\[*_ \n<`~@h\s]/i.test(text[i]) && special(text.slice(i), text.slice(Math.max(0, i - 2), i), ctx);
    if (found) {
      flush();
      out.push(found[0]);
      i += found[1];
    } else plain += text[i++];
  }
  flush();
  return out.flat();
}

/** Render a `text` message: keep line breaks, link URLs, highlight known mentions. */
export function plainText(text, names) {
  return String(text ?? "").split("\n").flatMap((line, i) => [i ? h("br") : "", ...words(line, names)]);
}

function words(line, names) {
  const parts = line.split(/(https?:\/\/[^\s<>"'`|（），。；、]+)/i);
  return parts.flatMap((part, i) => (i % 2 ? bare([part]) : mentions(part, names)));
}

function mentions(text, names) {
  if (!names.size) return [text];
  const known = [...names.keys()].map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const parts = text.split(new RegExp(`(@(?:${known}))`));
  return parts.map((part, i) => (i % 2 ? h("span", { class: "mention" }, `@${names.get(part.slice(1))}`) : part));
}
