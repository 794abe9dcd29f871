// Save and load a transcript, and go back to a message.
import { api } from "../api.js";
import { act, button, careful, hint } from "../blocks.js";
import { download, stamp } from "../download.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";

async function save() {
  download(`sandbox-transcript-${stamp()}.json`, JSON.stringify(await api.transcript(), null, 2));
  return t("scene.saved");
}

async function load(file) {
  const { messages } = await api.replay({ transcript: JSON.parse(await file.text()) });
  return t("transcript.loaded", { name: file.name, messages });
}

function picker() {
  const input = h("input", { type: "file", class: "unseen-input", accept: ".json,application/json", data: { testid: "transcript-file" } });
  input.addEventListener("change", () => input.files[0] && act(() => load(input.files[0])));
  return h("label", { class: "plain file-pick" }, input, t("transcript.load"));
}

/** The part of the scene block. */
export function transcriptParts() {
  return [h("div", { class: "buttons" }, button("transcript.save", save), picker()), hint("transcript.hint")];
}

/** The part of the inspector of a message. */
export function restartPart(message) {
  const restart = async () => t("transcript.restarted", await api.replay({ until: message.id }));
  return h("div", { class: "restart" }, careful("transcript.restart", restart), hint("transcript.restart.hint"));
}
