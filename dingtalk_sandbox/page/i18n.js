// The language of the page: the last choice, else the browser's. Chinese is the default.
import { INBOUND_WORDS } from "./inbound/words.js";
import { TRANSCRIPT_WORDS } from "./transcript/words.js";
import { WORDS as PAGE_WORDS } from "./words.js";

const WORDS = { ...PAGE_WORDS, ...INBOUND_WORDS, ...TRANSCRIPT_WORDS };

const KEY = "sandbox.lang";

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // private windows may refuse
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // storage is unavailable: the choice is not remembered
  }
}

export const recall = stored;

let lang = stored(KEY) ?? (/^en\b/i.test(navigator.language) ? "en" : "zh");

export function language() {
  return lang;
}

export function locale() {
  return lang === "en" ? "en-US" : "zh-CN";
}

export function setLanguage(next) {
  lang = next;
  keep(KEY, next);
}

/** Translate `key` and fill in its {name} placeholders. An unknown key is returned as is. */
export function t(key, values = {}) {
  const words = WORDS[key]?.[lang === "en" ? 1 : 0] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Translate the static page: data-t (text), data-t-label (aria-label), data-t-title. */
export function translatePage(root = document) {
  document.documentElement.lang = locale();
  document.title = t("app.title");
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
  for (const node of root.querySelectorAll("[data-t-title]")) node.title = t(node.dataset.tTitle);
}

const clocks = new Map();

function format(options, date) {
  const key = locale() + JSON.stringify(options);
  if (!clocks.has(key)) clocks.set(key, new Intl.DateTimeFormat(locale(), options));
  return clocks.get(key).format(date);
}

export function clockTime(at) {
  return format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, new Date(at));
}

export function fullTime(at) {
  return format({ dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }, new Date(at));
}

function daysAgo(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
  return Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
}

/** Format a day for the date separator: 今天, 昨天, 8月22日. */
export function dayName(at) {
  const date = new Date(at);
  const ago = daysAgo(date);
  if (ago === 0) return t("today");
  if (ago === 1) return t("yesterday");
  return format({ month: "long", day: "numeric", weekday: "short" }, date);
}

/** Format a time for the conversation list: the time if today, else the day. */
export function listTime(at) {
  const date = new Date(at);
  if (daysAgo(date) === 0) return clockTime(at);
  return daysAgo(date) === 1 ? t("yesterday") : format({ month: "numeric", day: "numeric" }, date);
}

export function fileSize(bytes) {
  if (!(bytes >= 1024)) return `${bytes ?? "?"} B`;
  const unit = bytes >= 1_048_576 ? ["MB", 1_048_576] : ["KB", 1024];
  return `${(bytes / unit[1]).toFixed(bytes / unit[1] < 10 ? 1 : 0)} ${unit[0]}`;
}
