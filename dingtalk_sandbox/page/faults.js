// The faults block: inject faults by endpoint, and exhaust monthly quotas.
import { api } from "./api.js";
import { act, block, button, field, form, hint, options } from "./blocks.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

const denied = (code) => ({ kind: "error", code: `Forbidden.AccessDenied.${code}`, status: 403 });
const old = (code, message) => ({ kind: "error", code, message });

// family → [name, fault rule]. `quota` changes a setting instead.
const FAMILIES = {
  line: [["latency", { kind: "latency", ms: 3000 }], ["lose", { kind: "lose_answer" }], ["drop", { kind: "drop" }],
    ["html", { kind: "html" }]],
  fresh: [["busy", { kind: "error", code: "system.busy", status: 500 }],
    ["away", { kind: "error", code: "ServiceUnavailable", status: 503 }],
    ["token", { kind: "error", code: "InvalidAuthentication", status: 400 }],
    ["scope", denied("AccessTokenPermissionDenied")], ["qps", denied("QpsLimitForAppkeyAndApi")],
    ["month", denied("ApiCountLimitForOrg")], ["template", { kind: "error", code: "param.templateNotExist", status: 400 }]],
  old: [["old", old(-1, "系统繁忙")], ["old.token", old(42001, "access_token超时")], ["old.qps", old(90018, "调用过于频繁")]],
  webhook: [["hook.fast", old(410100, "send too fast, exceed 20 times per minute")],
    ["hook.sign", old(310000, "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，请确认机器人的密钥加密和填写正确;link:请参考本接口对应文档获得具体要求，或者在https://open.dingtalk.com/document/  搜索相关文档;")]],
  quota: [["quota.api", { setting: "api_limit", bucket: "api" }],
    ["quota.stream", { setting: "stream_limit", bucket: "stream_webhook" }]],
};
const FAULTS = Object.values(FAMILIES).flat();
const USUAL = { api_limit: 5000, stream_limit: 3000 };
const ENDPOINTS = ["", "/v1.0/card/instances", "/v1.0/robot/", "/media/upload", "/robot/sendBySession", "/robot/send",
  "/topapi/message/", "/v1.0/oauth2/accessToken", "/v1.0/gateway/connections/open"];

const draft = { kind: "latency", match: "", times: "1", seconds: "3" };
const limits = {}; // what the limits were before the page lowered them

function ruleFrom(fields) {
  const rule = { ...FAULTS.find(([name]) => name === fields.kind.value)[1], match: fields.match.value };
  if (fields.times.value) rule.times = Number(fields.times.value);
  if (rule.kind === "latency") rule.ms = Math.round(Number(fields.seconds.value || 3) * 1000);
  return rule;
}

/** Exhaust a quota by lowering its limit to the usage. A limit of 0 means none, so at least 1 is set. */
async function exhaust({ setting, bucket }) {
  const [{ buckets }, { settings }] = await Promise.all([api.counters(), api.scene()]);
  if (!limits[setting] || settings[setting] > buckets[bucket]) limits[setting] = settings[setting];
  await api.settings({ [setting]: Math.max(1, buckets[bucket]) });
}

async function restore(setting) {
  await api.settings({ [setting]: limits[setting] || USUAL[setting] });
  delete limits[setting];
}

function bare({ hits, ...rule }) {
  return rule.times ? { ...rule, times: rule.times - hits } : rule;
}

export function alive(rule) {
  return !rule.times || rule.hits < rule.times;
}

function same(one, rule) {
  return one.kind === rule.kind && (one.kind !== "error" || one.code === rule.code);
}

function ruleName(rule) {
  const known = FAULTS.find(([, one]) => same(one, rule));
  return known ? t(`fault.${known[0]}`) : `${rule.kind} ${rule.code ?? ""}`;
}

function faultForm(rules) {
  const kind = h("select", { name: "kind", data: { testid: "fault-kind" } },
    Object.entries(FAMILIES).map(([family, faults]) => h("optgroup", { label: t(`family.${family}`) },
      options(faults.map(([name]) => [name, t(`fault.${name}`)])))));
  const seconds = field("ctl.seconds", h("input", { name: "seconds", type: "number", min: 0, step: "any", data: { testid: "fault-seconds" } }));
  const match = field("ctl.endpoint", h("select", { name: "match", data: { testid: "fault-endpoint" } },
    options(ENDPOINTS.map((path) => [path, path || t("ctl.all")]))), true);
  const times = field("ctl.times", h("input", { name: "times", type: "number", min: 1, placeholder: "∞", data: { testid: "fault-times" } }));
  const submit = (fields) => {
    const chosen = FAULTS.find(([name]) => name === fields.kind.value)[1];
    return act(() => (chosen.setting ? exhaust(chosen) : api.faults([...rules.map(bare), ruleFrom(fields)])));
  };
  const node = form(draft, submit, field("ctl.fault.kind", kind, true), match, times, seconds,
    h("button", { type: "submit", class: "plain strong", data: { testid: "fault-add" } }, t("ctl.add")));
  const fit = () => {
    seconds.hidden = kind.value !== "latency";
    for (const part of [match, times]) part.hidden = kind.value.startsWith("quota");
  };
  kind.addEventListener("change", fit);
  fit();
  return node;
}

function ruleLine(rule, i, rules) {
  const others = rules.filter((_, n) => n !== i).map(bare);
  return h("li", {}, h("span", {}, ruleName(rule)), h("code", {}, rule.match || t("ctl.all")),
    h("small", {}, rule.times ? t("ctl.left", { n: rule.times - rule.hits }) : t("ctl.always")),
    button("ctl.lift", () => api.faults(others), { title: t("ctl.lift.title", { name: ruleName(rule) }) }));
}

/** Return the exhausted quotas, whatever the cause. */
function spent(counters) {
  return FAMILIES.quota.filter(([, { bucket }]) => counters.limits[bucket] && counters.buckets[bucket] >= counters.limits[bucket])
    .map(([name, { setting }]) => h("li", { data: { testid: "spent" } }, h("span", {}, t(`fault.${name}`)), h("small", {}, t("ctl.always")),
      button("ctl.refill", () => restore(setting))));
}

export function faultsBlock(open, { scene, counters }) {
  const rules = scene.faults.filter(alive);
  const lines = [...rules.map(ruleLine), ...spent(counters)];
  return block("faults", open, lines.length ? h("ul", { class: "faults" }, lines) : hint("ctl.nofaults"),
    faultForm(rules), rules.length > 1 && button("ctl.clear", () => api.faults([])));
}
