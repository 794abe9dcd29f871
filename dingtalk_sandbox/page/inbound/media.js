// Pictures, rich text and speech in a bubble, and the reactions beneath it.
import { h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { plainText } from "../inline.js";
import { textOf } from "../message_text.js";

function image({ downloadUrl, fileName }) {
  return h("a", { class: "photo", href: downloadUrl, download: fileName, "aria-label": `${t("image")} ${fileName}`, data: { testid: "photo" } },
    h("img", { src: downloadUrl, alt: fileName, loading: "lazy" }));
}

export function picture(message, names) {
  const caption = textOf(message);
  return [image(message), caption && h("div", { class: "words" }, plainText(caption, names))];
}

export function richText(message, names) {
  const parts = message.content?.richText ?? [];
  return parts.map((part) => (part.downloadUrl ? image(part) : h("div", { class: "words" }, plainText(part.text ?? "", names))));
}

export function audio(message) {
  const text = textOf(message);
  const seconds = Math.max(1, Math.round((message.content?.duration ?? 0) / 1000));
  return [h("a", { class: "speech", href: message.downloadUrl, download: message.fileName, title: t("file.download"), data: { testid: "speech" } },
    icon("mic"), h("span", {}, t("audio.length", { n: seconds }))),
  h("p", { class: "recognized" }, text ? t("audio.text", { text }) : t("audio.silent"))];
}

export function emotions(message) {
  const found = message.emotions ?? [];
  return found.length > 0 && h("ul", { class: "emotions", "aria-label": t("emotions") },
    found.map(({ name }) => h("li", { data: { testid: "emotion" } }, name)));
}
