// The control panel: connections, faults, clock, scene, settings and call counters.
import { api } from "./api.js";
import { block, hint, result, whenDone } from "./blocks.js";
import { clockBlock } from "./clock.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { openPanel, panelShows } from "./inspector.js";
import { sceneBlock } from "./scene.js";
import { streamBlock } from "./streams.js";
import { settingsBlock } from "./settings.js";
import { faultsBlock } from "./faults.js";

function month(name, used, limit) {
  const share = limit ? used / limit : 0;
  const words = t(`bucket.${name}`);
  const bar = h("div", {
    class: `bar ${share > 0.9 ? "over" : share > 0.7 ? "near" : ""}`, role: "meter", "aria-label": words,
    "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": Math.min(used, limit),
    vars: { "--share": `${Math.min(100, Math.max(1, share * 100))}%` },
  }, h("span", {}));
  const count = limit ? `${used} / ${limit.toLocaleString()}` : String(used);
  return h("div", { class: "month" }, h("div", {}, h("span", {}, words), h("span", {}, count)), limit && bar);
}

const STRANGE = "not emulated"; // what the sandbox counts calls under that it does not know

function countersBlock(open, { counters }) {
  const strange = counters.calls[STRANGE];
  const calls = Object.entries(counters.calls).filter(([path]) => path !== STRANGE).sort((a, b) => b[1] - a[1]);
  const callRow = ([path, n]) => h("tr", {}, h("th", { scope: "row" }, path),
    h("td", {}, counters.refused[path] && h("small", {}, t("ctl.refused", { n: counters.refused[path] })), String(n)));
  return block("counters", open,
    strange > 0 && h("p", { class: "warn-line", data: { testid: "not-emulated" } }, t("ctl.strange", { n: strange })),
    h("div", { class: "months" }, Object.entries(counters.buckets).map(([name, used]) => month(name, used, counters.limits[name]))),
    calls.length ? h("table", { class: "count", "aria-label": t("ctl.counters") }, h("tbody", {}, calls.map(callRow))) : hint("ctl.nocalls"));
}

async function parts(open) {
  const [counters, scene] = await Promise.all([api.counters(), api.scene()]);
  return [h("p", { class: result.bad ? "result bad" : "result", data: { testid: "result" } }, result.text),
    streamBlock(open, scene), faultsBlock(open, { scene, counters }), clockBlock(open, scene),
    countersBlock(open, { counters }), sceneBlock(open, scene), settingsBlock(open, scene)];
}

function openBlocks() {
  const blocks = [...document.querySelectorAll("#panel details[data-block]")];
  if (!blocks.length) return new Set(["stream", "faults", "counters"]);
  return new Set(blocks.filter((b) => b.open).map((b) => b.dataset.block));
}

/** Return true while a form is being edited, which a redraw would interrupt. */
function typing() {
  const inside = document.activeElement?.closest?.("#panel form, #panel select");
  return inside && document.activeElement.type !== "submit";
}

let drawing = Promise.resolve();

async function redraw() {
  const fresh = await parts(openBlocks()).catch(() => null);
  if (!fresh || !panelShows("controls")) return;
  const focus = document.activeElement?.closest?.("#panel") && document.activeElement.dataset.testid;
  const scroll = document.querySelector("#panel .panel-body")?.scrollTop ?? 0;
  openPanel("controls", t("controls"), fresh);
  document.querySelector("#panel .panel-body").scrollTop = scroll;
  const again = focus && document.querySelector(`#panel [data-testid="${CSS.escape(focus)}"]`);
  if (focus) (again || document.getElementById("panel")).focus({ preventScroll: true });
}

/** Redraw the open panel, unless a form is being edited. Redraws never overlap. */
export async function refreshControls({ evenTyping = false } = {}) {
  if (!panelShows("controls") || (typing() && !evenTyping)) return;
  drawing = drawing.then(redraw);
  await drawing;
}

whenDone(() => refreshControls({ evenTyping: true }));

export async function openControls(from) {
  result.text = "";
  openPanel("controls", t("controls"), await parts(openBlocks()).catch((error) => [h("p", { class: "result bad" }, error.message)]), from);
}
