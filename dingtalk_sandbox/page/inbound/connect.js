// The hint on a page without a bot: what to set where, by the language of the bot.
import { api } from "../api.js";
import { byId, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { state } from "../state.js";

const INTERCEPT = "python -m dingtalk_sandbox --intercept";

const dingrun = ({ key, secret, agentId, group, url }) => [
  ["APP_KEY", key], ["APP_SECRET", secret], ["AGENT_ID", agentId], ["DEFAULT_CHAT_ID", group], ["OPENAPI_BASE", url], ["OAPI_BASE", url],
].map(([name, value]) => `export DINGRUN_DINGDING__${name}=${value}`).join("\n") + "\ndingrun";

const WAYS = [
  { name: "DingRun", note: "connect.dingrun.note", lines: dingrun },
  { name: "Python", note: "connect.python.note", lines: ({ url, key, secret }) => `export DINGTALK_OPENAPI_ENDPOINT=${url}\n# Client ID ${key}\n# Client Secret ${secret}` },
  { name: "Go", note: "connect.go.note", lines: ({ url, key, secret }) => [
    "client.NewStreamClient(", `    client.WithAppCredential(client.NewAppCredentialConfig("${key}", "${secret}")),`, `    client.WithOpenApiHost("${url}"),`, ")"].join("\n") },
  { name: "Node", note: "connect.proxy.note", lines: ({ key, secret }) => `${INTERCEPT}\n# new DWClient({ clientId: "${key}", clientSecret: "${secret}" })` },
  { name: "Java", note: "connect.proxy.note", lines: ({ key, secret }) => `${INTERCEPT}\n# new AuthClientCredential("${key}", "${secret}")` },
  { name: "connect.any", note: "connect.any.note", lines: ({ url, key, secret }) => [
    `https://api.dingtalk.com   -> ${url}`, `https://oapi.dingtalk.com  -> ${url}`, `Client ID ${key} · Client Secret ${secret}`, "", INTERCEPT].join("\n") },
];

let chosen = 0;
let closed = false;
let secrets = {}; // by app key

function facts() {
  const [app] = state.scene.apps ?? [];
  const group = state.scene.conversations.find((c) => c.kind === "group");
  return { key: app.key, secret: secrets[app.key] ?? "…", agentId: app.agentId, group: group?.id ?? "", url: location.origin, robot: app.robotName };
}

function isNeeded() {
  const [app] = state.scene.apps ?? [];
  return app && app.mode !== "http" && !state.streams && !state.scene.hasConnected && !closed;
}

function copyButton(text) {
  const button = h("button", { type: "button", class: "ghost small", data: { testid: "connect-copy" } }, icon("copy"), h("span", {}, t("copy")));
  button.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text).catch(() => null);
    button.lastChild.textContent = t("copied");
  });
  return button;
}

function close() {
  closed = true;
  drawConnect();
  byId("say").focus();
}

function way({ name }, i) {
  return h("button", { type: "button", class: "chip", "aria-pressed": String(i === chosen), data: { testid: "connect-way" },
    on: { click: () => { chosen = i; draw(); byId("connect").querySelectorAll("[data-testid=connect-way]")[i].focus(); } } }, t(name));
}

function draw() {
  const known = facts();
  const text = WAYS[chosen].lines(known);
  byId("connect").replaceChildren(
    h("header", {}, icon("plug"), h("h3", {}, t("connect.title")),
      h("button", { type: "button", class: "icon-button small", data: { testid: "connect-close" }, "aria-label": t("connect.close"), title: t("connect.close"), on: { click: close } }, icon("close"))),
    h("p", {}, t("connect.about")),
    h("div", { class: "ways", role: "group", "aria-label": t("connect.how") }, WAYS.map(way)),
    h("p", { class: "hint" }, t(WAYS[chosen].note)),
    h("div", { class: "lines" }, h("pre", { tabindex: "0", role: "group", "aria-label": t("connect.how"), data: { testid: "connect-lines" } }, h("code", {}, text)), copyButton(text)),
    h("p", { class: "hint" }, t("connect.secret", { ...known, group: known.group || "–" })));
}

/** Show the hint until a bot connects, or hide it. */
export async function drawConnect() {
  const needed = Boolean(isNeeded());
  byId("connect").hidden = !needed;
  if (!needed) return;
  if (!(facts().key in secrets)) {
    const { apps } = await api.saveScene().catch(() => ({ apps: [] }));
    secrets = Object.fromEntries(apps.map(({ key, secret }) => [key, secret]));
  }
  if (isNeeded()) draw();
}
