// The sandbox's clock: its offset from this computer, and moving it.
import { api } from "./api.js";
import { act, block, button, field, form, hint } from "./blocks.js";
import { h } from "./dom.js";
import { fullTime, t } from "./i18n.js";

const STEPS = [-7200, 3600, 5400, 7200, 86_400];
const draft = { minutes: "65" };

/** Format a time span in the largest unit that divides it: 2 小时, 90 分钟, 40 秒. */
export function span(seconds) {
  const size = Math.abs(Math.round(seconds));
  const [key, unit] = [["days", 86_400], ["hours", 3600], ["minutes", 60]].find(([, u]) => size >= u && size % u === 0)
    ?? (size >= 600 ? ["minutes", 60] : ["seconds", 1]);
  return t(`span.${key}`, { n: Math.round(size / unit) });
}

function skew(now) {
  const seconds = Math.round((new Date(now) - Date.now()) / 1000);
  if (Math.abs(seconds) < 5) return t("ctl.skew.none");
  return t(seconds > 0 ? "ctl.skew.ahead" : "ctl.skew.behind", { span: span(Math.round(seconds / 10) * 10) });
}

export function clockBlock(open, scene) {
  const steps = STEPS.map((seconds) => button(`clock${seconds}`, () => api.clock({ advance: seconds }),
    { words: `${seconds < 0 ? "−" : "+"} ${span(seconds)}` }));
  const minutes = h("input", { name: "minutes", type: "number", step: "any", required: true, data: { testid: "clock-minutes" } });
  return block("clock", open,
    h("p", { data: { testid: "clock-now" } }, t("ctl.now", { time: fullTime(scene.now) }), h("small", { class: "skew" }, skew(scene.now))),
    h("div", { class: "buttons" }, steps, button("ctl.clock.reset", () => api.clock({ reset: true }))),
    form(draft, (fields) => act(() => api.clock({ advance: Number(fields.minutes.value) * 60 })),
      field("ctl.minutes", minutes), h("button", { type: "submit", class: "plain", data: { testid: "clock-go" } }, t("ctl.turn"))),
    hint("ctl.clock.hint"));
}
