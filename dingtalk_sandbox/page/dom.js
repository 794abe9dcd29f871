// Builds elements without parsing HTML, so text can never become markup.

const SVG = "http://www.w3.org/2000/svg";

const setters = {
  class: (node, value) => node.setAttribute("class", value),
  data: (node, value) => Object.assign(node.dataset, value),
  on: (node, value) => {
    for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
  },
  vars: (node, value) => {
    for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
  },
};

function apply(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (setters[name]) setters[name](node, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  return node;
}

/** Build an element: h("p", {class: "x", on: {click}}, "text", child, …). Empty children are skipped. */
export function h(tag, props = {}, ...children) {
  const node = apply(document.createElement(tag), props);
  node.append(...children.flat().filter(Boolean));
  return node;
}

/** Build an SVG element, like `h`. */
export function svg(tag, props = {}, ...children) {
  const node = apply(document.createElementNS(SVG, tag), props);
  node.append(...children.flat(2).filter(Boolean));
  return node;
}

/** Pick one of eight colors by id, so that a person always has the same color. */
export function hueOf(id) {
  let sum = 0;
  for (const char of String(id)) sum = (sum * 31 + char.codePointAt(0)) % 9973;
  return sum % 8;
}

const PATHS = {
  robot: "M12 2v3M5 9a3 3 0 0 1 3-3h8a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3zM9.5 11.5v2M14.5 11.5v2M2.5 11v4M21.5 11v4",
  group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.4a3.5 3.5 0 0 1 0 6.4M18 14.6c2.1.8 3.5 2.7 3.5 5.4",
  work: "M4 8h16v11H4zM9 8V5h6v3M4 13h16",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 7.8v.4",
  close: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  down: "M12 5v14M6 13l6 6 6-6",
  chevron: "M7 10l5 5 5-5",
  send: "M4 12l16-8-6 16-2.6-6.4z",
  tools: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  out: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5v.2",
  mute: "M6 17v-6a6 6 0 0 1 9-5.2M18 11v6l1.5 1.5h-12M10 21h4M4 4l16 16",
  spark: "M11 4l1.8 5.2L18 11l-5.2 1.8L11 18l-1.8-5.2L4 11l5.2-1.8zM18.5 4v4M16.5 6h4",
  up: "M7 11v9H4v-9zM7 11l4-7c1.5 0 2.5 1 2.2 2.6L12.6 10H19a1.5 1.5 0 0 1 1.5 1.8l-1.3 6.6A2 2 0 0 1 17.2 20H7",
  thumbdown: "M17 13V4h3v9zM17 13l-4 7c-1.5 0-2.5-1-2.2-2.6l.6-3.4H5a1.5 1.5 0 0 1-1.5-1.8l1.3-6.6A2 2 0 0 1 6.8 4H17",
  clip: "M20 11l-8.6 8.6a5 5 0 0 1-7-7L13 4a3.4 3.4 0 0 1 4.8 4.8l-8.6 8.6a1.7 1.7 0 0 1-2.4-2.4l7.9-7.9",
  reply: "M10 8V4L3 11l7 7v-4c6 0 9 2 11 6-1-7-5-11-11-12z",
  mic: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zM6 12a6 6 0 0 0 12 0M12 18v3",
  plug: "M9 3v5M15 3v5M7 8h10v3a5 5 0 0 1-10 0zM12 16v5",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.3",
};

/** A line icon, hidden from screen readers. Its button carries the label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  apply(svg, { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" });
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Return an avatar text as DingTalk does: the last two Chinese characters, else the initials. */
export function initials(name) {
  const words = String(name || "?").trim();
  if (/[\u3400-\u9fff]/.test(words)) return [...words.replace(/[^\u3400-\u9fff]/g, "")].slice(-2).join("");
  const parts = words.split(/\s+/);
  return (parts.length > 1 ? parts[0][0] + parts.at(-1)[0] : words.slice(0, 2)).toUpperCase();
}

/** Build an avatar. `kind` is robot, group, work or person. */
export function avatar(kind, id, name) {
  const face = kind === "person" ? initials(name) : icon(kind);
  return h("span", { class: `avatar ${kind} hue${hueOf(id)}`, "aria-hidden": "true" }, face);
}

export function byId(id) {
  return document.getElementById(id);
}
