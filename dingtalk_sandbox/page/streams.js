// The Stream block: disconnect, drop or mute one or all connections.
import { api } from "./api.js";
import { block, button, hint } from "./blocks.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { state } from "./state.js";

let chosen = ""; // "" is all of them

/** Return the known connections: the sandbox's list, else those seen by the page. */
function known(scene) {
  return scene.streams ?? [...state.opened.values()];
}

async function order(action) {
  const { connections } = await api.stream(chosen ? { action, connection: chosen } : { action });
  for (const one of state.opened.values()) {
    if (/mute$/.test(action) && [one.id, ""].includes(chosen)) one.muted = action === "mute";
  }
  if (!connections) throw new Error(t("ctl.nobody"));
}

function choice(list) {
  const select = h("select", { data: { testid: "stream-choice" } },
    h("option", { value: "" }, t("ctl.streams.all", { n: state.streams })),
    list.map(({ id, muted, leaving }) => h("option", { value: id },
      [id.slice(0, 8), muted && t("ctl.is.mute"), leaving && t("ctl.is.leaving")].filter(Boolean).join(" · "))));
  chosen = list.some((one) => one.id === chosen) ? chosen : "";
  select.value = chosen;
  select.addEventListener("change", () => { chosen = select.value; });
  return h("label", { class: "pick" }, t("ctl.which"), select);
}

export function streamBlock(open, scene) {
  const list = known(scene);
  const silent = list.filter((one) => one.muted).length;
  return block("stream", open,
    list.length ? choice(list) : hint(state.streams ? "stream.on" : "stream.off.hint"),
    silent > 0 && h("p", { class: "warn-line", data: { testid: "mute-note" } }, t("ctl.muted", { n: silent })),
    h("dl", { class: "orders" }, ["disconnect", "drop", "mute"].flatMap((name) => [
      h("dt", {}, button(`ctl.${name}`, () => order(name), { looks: name === "drop" ? "danger" : "" })),
      h("dd", {}, t(`ctl.${name}.hint`))]),
    h("dt", {}, button("ctl.unmute", () => order("unmute"))), h("dd", {}, t("ctl.unmute.hint"))));
}

