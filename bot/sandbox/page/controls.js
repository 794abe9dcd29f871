// Making trouble on purpose: the Stream connection, faults, the clock, and what calls have cost.
import { api } from "./api.js";
import { h } from "./dom.js";
import { fullTime, t } from "./i18n.js";
import { openPanel, panelShows } from "./inspector.js";

const FAULTS = [
  ["latency", { kind: "latency", ms: 3000 }],
  ["busy", { kind: "error", code: "system.busy", status: 500 }],
  ["token", { kind: "error", code: "InvalidAuthentication", status: 400 }],
  ["scope", { kind: "error", code: "Forbidden.AccessDenied.AccessTokenPermissionDenied", status: 403 }],
  ["qps", { kind: "error", code: "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", status: 403 }],
  ["month", { kind: "error", code: "Forbidden.AccessDenied.ApiCountLimitForOrg", status: 403 }],
  ["old", { kind: "error", code: -1, message: "系统繁忙" }],
  ["lose", { kind: "lose_answer" }],
  ["drop", { kind: "drop" }],
  ["html", { kind: "html" }],
];
const ENDPOINTS = ["", "/v1.0/card/instances", "/v1.0/robot/", "/media/upload", "/robot/sendBySession", "/robot/send",
  "/topapi/message/", "/v1.0/oauth2/accessToken", "/v1.0/gateway/connections/open"];
const STEPS = [[3600, "1 h"], [5400, "90 min"], [7200, "2 h"], [86_400, "24 h"]];

const result = { text: "", bad: false };

async function act(work) {
  try {
    await work();
    Object.assign(result, { text: t("ctl.done"), bad: false });
  } catch (error) {
    Object.assign(result, { text: t("ctl.failed", { why: error.message }), bad: true });
  }
  await refreshControls();
}

function block(name, open, ...children) {
  const details = h("details", { class: "block", open: open.has(name), data: { block: name } },
    h("summary", {}, t(`ctl.${name}`)), h("div", { class: "block-body" }, ...children));
  return details;
}

function button(key, work, looks = "") {
  return h("button", { type: "button", class: `plain ${looks}`, data: { testid: key }, on: { click: () => act(work) } }, t(key));
}

function streamBlock(open) {
  return block("stream", open,
    h("div", { class: "buttons" },
      button("ctl.disconnect", () => api.stream({ action: "disconnect" })),
      button("ctl.drop", () => api.stream({ action: "drop" }), "danger"),
      button("ctl.mute", () => api.stream({ action: "mute" })), button("ctl.unmute", () => api.stream({ action: "unmute" }))),
    ["disconnect", "drop", "mute"].map((name) => h("p", { class: "hint" }, t(`ctl.${name}.hint`))));
}

function field(key, node, wide = false) {
  return h("label", { class: wide ? "wide" : "" }, t(key), node);
}

function ruleFrom(form) {
  const rule = { ...FAULTS.find(([name]) => name === form.kind.value)[1], match: form.match.value };
  if (form.times.value) rule.times = Number(form.times.value);
  if (rule.kind === "latency") rule.ms = Math.round(Number(form.seconds.value || 3) * 1000);
  return rule;
}

function faultForm(rules) {
  const kind = h("select", { name: "kind", data: { testid: "fault-kind" } },
    FAULTS.map(([name]) => h("option", { value: name }, t(`fault.${name}`))));
  const seconds = field("ctl.seconds", h("input", { name: "seconds", type: "number", min: 0, step: 0.5, value: 3 }));
  kind.addEventListener("change", () => { seconds.hidden = kind.value !== "latency"; });
  const form = h("form", { class: "fields" },
    field("ctl.fault.kind", kind, true),
    field("ctl.endpoint", h("select", { name: "match", data: { testid: "fault-endpoint" } },
      ENDPOINTS.map((path) => h("option", { value: path }, path || t("ctl.all")))), true),
    field("ctl.times", h("input", { name: "times", type: "number", min: 1, value: 1, placeholder: "∞" })),
    seconds,
    h("button", { type: "submit", class: "plain strong", data: { testid: "fault-add" } }, t("ctl.add")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(() => api.faults([...rules.map(bare), ruleFrom(form.elements)]));
  });
  return form;
}

function bare({ hits, ...rule }) {
  return rule.times ? { ...rule, times: rule.times - hits } : rule;
}

function alive(rule) {
  return !rule.times || rule.hits < rule.times;
}

function ruleName(rule) {
  const known = FAULTS.find(([, one]) => one.kind === rule.kind && (one.kind !== "error" || one.code === rule.code));
  return known ? t(`fault.${known[0]}`) : `${rule.kind} ${rule.code ?? ""}`;
}

function faultsBlock(rules, open) {
  const list = rules.map((rule) => h("li", {}, h("span", {}, ruleName(rule)), h("code", {}, rule.match || t("ctl.all")),
    h("small", {}, rule.times ? t("ctl.left", { n: rule.times - rule.hits }) : t("ctl.always"))));
  return block("faults", open, rules.length ? h("ul", { class: "faults" }, list) : h("p", { class: "hint" }, t("ctl.nofaults")),
    faultForm(rules), rules.length && button("ctl.clear", () => api.faults([])));
}

function month(name, used, limit) {
  const share = limit ? used / limit : 0;
  const words = t(`bucket.${name}`);
  const bar = h("div", {
    class: `bar ${share > 0.9 ? "over" : share > 0.7 ? "near" : ""}`, role: "meter", "aria-label": words,
    "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": used,
    vars: { "--share": `${Math.min(100, Math.max(1, share * 100))}%` },
  }, h("span", {}));
  const count = limit ? `${used} / ${limit.toLocaleString()}` : String(used);
  return h("div", { class: "month" }, h("div", {}, h("span", {}, words), h("span", {}, count)), limit && bar);
}

function countersBlock(counters, open) {
  const calls = Object.entries(counters.calls).sort((a, b) => b[1] - a[1]);
  const callRow = ([path, n]) => h("tr", {}, h("th", { scope: "row" }, path),
    h("td", {}, counters.refused[path] && h("small", {}, t("ctl.refused", { n: counters.refused[path] })), String(n)));
  return block("counters", open,
    h("div", { class: "months" }, Object.entries(counters.buckets).map(([name, used]) => month(name, used, counters.limits[name]))),
    calls.length ? h("table", { class: "count" }, h("tbody", {}, calls.map(callRow)))
      : h("p", { class: "hint" }, t("ctl.nocalls")));
}

function clockBlock(now, open) {
  return block("clock", open, now && h("p", {}, t("ctl.now", { time: fullTime(now) })),
    h("div", { class: "buttons" }, STEPS.map(([seconds, words]) =>
      h("button", { type: "button", class: "plain", on: { click: () => act(() => api.clock({ advance: seconds })) } }, `+ ${words}`)),
    button("ctl.clock.reset", () => api.clock({ reset: true }))),
    h("p", { class: "hint" }, t("ctl.clock.hint")));
}

async function parts(open) {
  const [counters, scene] = await Promise.all([api.counters(), api.scene()]);
  const rules = scene.faults.filter(alive);
  return [h("p", { class: result.bad ? "result bad" : "result", role: "status" }, result.text),
    streamBlock(open), faultsBlock(rules, open), countersBlock(counters, open), clockBlock(scene.now, open)];
}

function openBlocks() {
  const blocks = [...document.querySelectorAll("#panel details[data-block]")];
  if (!blocks.length) return new Set(["stream", "faults", "counters"]);
  return new Set(blocks.filter((b) => b.open).map((b) => b.dataset.block));
}

/** Draw the panel again if it is open and nobody is filling in its form. */
export async function refreshControls() {
  if (!panelShows("controls")) return;
  const busy = document.activeElement?.closest?.("#panel form");
  if (busy && document.activeElement.type !== "submit") return;
  const focus = document.activeElement?.dataset?.testid;
  const scroll = document.querySelector("#panel .panel-body")?.scrollTop ?? 0;
  const fresh = await parts(openBlocks()).catch(() => null);
  if (!fresh || !panelShows("controls")) return;
  openPanel("controls", t("controls"), fresh);
  document.querySelector("#panel .panel-body").scrollTop = scroll;
  if (focus) document.querySelector(`#panel [data-testid="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

export async function openControls(from) {
  result.text = "";
  openPanel("controls", t("controls"), await parts(openBlocks()).catch((error) => [h("p", { class: "result bad" }, error.message)]), from);
}
