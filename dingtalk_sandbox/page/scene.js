// The scene block: save, load and reset.
import { api } from "./api.js";
import { act, block, button, careful, hint } from "./blocks.js";
import { h } from "./dom.js";
import { download, stamp } from "./download.js";
import { t } from "./i18n.js";
import { transcriptParts } from "./transcript/transcript.js";

async function save() {
  download(`sandbox-scene-${stamp()}.json`, JSON.stringify(await api.saveScene(), null, 2));
  return t("scene.saved");
}

async function load(file) {
  const { people, groups } = await api.loadScene(await file.text()).then(() => api.scene())
    .then((scene) => ({ people: scene.people.length, groups: scene.conversations.filter((c) => c.kind === "group").length }));
  return t("scene.loaded", { name: file.name, people, groups });
}

function picker() {
  const input = h("input", { type: "file", class: "unseen-input", accept: ".json,.yaml,.yml,application/json", data: { testid: "scene-file" } });
  input.addEventListener("change", () => input.files[0] && act(() => load(input.files[0])));
  return h("label", { class: "plain file-pick" }, input, t("scene.load"));
}

export function sceneBlock(open, scene) {
  const groups = scene.conversations.filter((c) => c.kind === "group").length;
  return block("scene", open,
    h("p", {}, t("scene.is", { people: scene.people.length, groups, apps: scene.apps?.length ?? 0 })),
    h("div", { class: "buttons" }, button("scene.save", save), picker()),
    hint("scene.hint"),
    ...transcriptParts(),
    h("dl", { class: "orders" },
      h("dt", {}, careful("scene.reset", () => api.reset({}))), h("dd", {}, t("scene.reset.hint")),
      h("dt", {}, careful("scene.hard", () => api.reset({ hard: true }))), h("dd", {}, t("scene.hard.hint"))));
}
