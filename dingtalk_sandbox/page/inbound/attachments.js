// Files that wait to be sent: chosen, pasted or dropped.
import { byId, h, icon } from "../dom.js";
import { fileSize, t } from "../i18n.js";

const MAX_BYTES = 20 * 1024 * 1024;
let files = [];
let changed = () => {};
let complain = () => {};

export const attached = () => files;
const isPicture = (file) => file.type.startsWith("image/");

/** Return true if these include something that robots in groups do not get. */
export function hasOtherFiles() {
  return files.some((file) => !isPicture(file));
}

function chip(file) {
  return h("li", { class: "attachment", data: { testid: "attachment" } },
    icon(isPicture(file) ? "picture" : "clip"), h("span", { class: "ellipsis" }, file.name), h("small", {}, fileSize(file.size)),
    h("button", { type: "button", class: "icon-button small", data: { testid: "attachment-remove" }, "aria-label": t("attach.remove", { name: file.name }),
      on: { click: () => remove(file) } }, icon("close")));
}

export function drawAttachments() {
  const list = byId("attachments");
  list.replaceChildren(...files.map(chip));
  list.hidden = !files.length;
  list.setAttribute("aria-label", t("attach.list"));
}

function remove(file) {
  files = files.filter((one) => one !== file);
  drawAttachments();
  changed();
  byId("attach").focus();
}

export function setAttachments(next) {
  files = [...next];
  drawAttachments();
}

function add(found) {
  for (const file of found) {
    if (file.size > MAX_BYTES) complain(t("attach.big", { name: file.name, limit: fileSize(MAX_BYTES) }));
    else files = [...files, file];
  }
  drawAttachments();
  changed();
  byId("say").focus();
}

function onDrag(area, able) {
  let depth = 0; // dragenter and dragleave come for each element inside
  const carries = (event) => able() && [...event.dataTransfer?.types ?? []].includes("Files");
  const show = (step) => {
    depth = Math.max(0, depth + step);
    area.dataset.dropping = depth ? t("attach.drop") : "";
  };
  area.addEventListener("dragenter", (event) => carries(event) && show(1));
  area.addEventListener("dragleave", (event) => carries(event) && show(-1));
  area.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  area.addEventListener("drop", (event) => {
    show(-depth);
    if (!carries(event)) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
}

/** Build the button and the hidden input behind it. */
export function attachButton() {
  const input = h("input", { type: "file", multiple: true, hidden: true, data: { testid: "attach-file" } });
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  return [input, h("button", { type: "button", class: "icon-button attach", id: "attach",
    data: { testid: "attach", tTitle: "attach", tLabel: "attach" }, on: { click: () => input.click() } }, icon("clip"))];
}

/** Take files that are pasted into `box` or dropped on `area`. `onChange` redraws, `onProblem` shows a text. */
export function watchFiles(box, area, { able, onChange, onProblem }) {
  changed = onChange;
  complain = onProblem;
  box.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  onDrag(area, able);
}

function encoded(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result).split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(new Error(t("attach.unread", { name: file.name }))));
    reader.readAsDataURL(file);
  });
}

async function one(file, text = "") {
  const kind = ["audio", "video"].find((name) => file.type.startsWith(`${name}/`));
  return { msgtype: isPicture(file) ? "picture" : kind ?? "file", text, fileName: file.name, content: await encoded(file) };
}

async function richText(text, pictures) {
  return { msgtype: "richText", text, fileName: pictures[0].name, content: await Promise.all(pictures.map(encoded)) };
}

/** Return the messages that a text and files make, as DingTalk's client sends them: text and pictures are one. */
export async function messagesOf(text, chosen) {
  const [pictures, others] = [chosen.filter(isPicture), chosen.filter((file) => !isPicture(file))];
  const spoken = chosen.length === 1 && chosen[0].type.startsWith("audio/");
  if (spoken) return [await one(chosen[0], text)];
  const written = text && pictures.length ? [await richText(text, pictures)] : text ? [{ text }] : await Promise.all(pictures.map((file) => one(file)));
  return [...written, ...await Promise.all(others.map((file) => one(file)))];
}
