// Save, load and play back a transcript, and go back to a message.
import { api } from "../api.js";
import { act, button, careful, hint } from "../blocks.js";
import { download, stamp } from "../download.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";

const PACE = 1000; // ms a state is shown while a transcript is played back
let loaded = null; // {transcript, at: states shown, playing}

async function save() {
  download(`sandbox-transcript-${stamp()}.json`, JSON.stringify(await api.transcript(), null, 2));
  return t("scene.saved");
}

async function load(file) {
  const transcript = JSON.parse(await file.text());
  const { messages, entries } = await api.replay({ transcript });
  loaded = { transcript, at: entries, playing: false };
  return t("transcript.loaded", { name: file.name, messages });
}

const count = () => loaded.transcript.entries.length;

async function show(at) {
  await api.replay({ transcript: loaded.transcript, until: at });
  loaded.at = at;
  return t("transcript.at", { at, count: count() });
}

/** Show one state after the other, from the beginning if all are shown, until it ends, fails or is paused. */
async function play() {
  const played = loaded;
  played.playing = true;
  if (played.at === count()) played.at = 0;
  const due = () => loaded === played && played.playing && played.at < count();
  while (due()) {
    const before = played.at;
    await act(() => show(before + 1));
    if (played.at === before) break;
    await new Promise((wake) => setTimeout(wake, PACE));
  }
  played.playing = false;
}

function pause() {
  loaded.playing = false;
}

/** The buttons that step through a loaded transcript. */
function player() {
  if (!loaded) return [];
  const step = (key, by) => {
    const node = button(key, () => show(loaded.at + by));
    node.disabled = loaded.playing || loaded.at + by < 0 || loaded.at + by > count();
    return node;
  };
  return [h("div", { class: "buttons", data: { testid: "player" } },
    step("transcript.back", -1), loaded.playing ? button("transcript.pause", pause) : button("transcript.play", play), step("transcript.next", 1),
    h("span", {}, t("transcript.at", { at: loaded.at, count: count() })))];
}

function picker() {
  const input = h("input", { type: "file", class: "unseen-input", accept: ".json,application/json", data: { testid: "transcript-file" } });
  input.addEventListener("change", () => input.files[0] && act(() => load(input.files[0])));
  return h("label", { class: "plain file-pick" }, input, t("transcript.load"));
}

/** The part of the scene block. */
export function transcriptParts() {
  return [h("div", { class: "buttons" }, button("transcript.save", save), picker()), ...player(), hint("transcript.hint")];
}

/** The part of the inspector of a message. */
export function restartPart(message) {
  const restart = async () => t("transcript.restarted", await api.replay({ until: message.id }));
  return h("div", { class: "restart" }, careful("transcript.restart", restart), hint("transcript.restart.hint"));
}
