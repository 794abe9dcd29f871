// The chat page: loads the scene, follows changes, and dispatches user actions.
import { api, follow } from "./api.js";
import { buildComposer, drawComposer, replyTo } from "./composer.js";
import { openControls, refreshControls } from "./controls.js";
import { byId, h, icon } from "./dom.js";
import { language, setLanguage, t, translatePage } from "./i18n.js";
import { closePanel, inspect, panelShows, refreshInspector } from "./inspector.js";
import { drawConnect } from "./inbound/connect.js";
import { drawList, drawMe, face, title } from "./list.js";
import { drawLog, toEnd, watchScroll } from "./log.js";
import { cardId } from "./message_text.js";
import { answerOf } from "./tap_result.js";
import { become, conversation, myConversations, people, rememberedMe, state } from "./state.js";

const LOST = { "no connection": "say.lost", "the connection is mute": "say.mute" };
let toastTimer = 0;

function toast(text) {
  if (!text) return;
  clearTimeout(toastTimer);
  byId("toast").textContent = text;
  byId("toast").hidden = false;
  toastTimer = setTimeout(() => { byId("toast").hidden = true; }, 6000);
}

const acts = {
  inspect,
  send: (text) => acts.say({ text }),
  reply: replyTo,
  warn: toast,
  fail(error) {
    toast(t("say.failed", { why: error.message }));
  },
  async say(message) {
    try {
      const { delivered, why } = await api.say(state.current, state.me, message);
      if (!delivered && LOST[why]) toast(t(LOST[why]));
      else if (!delivered) toast(notTaken(why));
    } catch (error) {
      acts.fail(error);
      return false;
    }
    toEnd();
    return load([state.current]);
  },
  async tap(message, button, params = {}) {
    const card = cardId(message);
    const [press, mine] = [`${card} ${button.id}`, `${card} ${state.me}`];
    state.pressing.add(press);
    state.answers.delete(mine);
    drawLog(acts);
    const answer = button.id && await answerOf(() => api.tap(card, mine.slice(card.length + 1), button.id, params));
    if (answer) state.answers.set(mine, answer);
    state.pressing.delete(press);
    drawLog(acts);
    await load([state.current]);
  },
  async recall(message) {
    try {
      await api.recall(message.id, state.me);
    } catch (error) {
      return toast(t("recall.failed", { why: error.message }));
    }
    return load([message.conversation]);
  },
  async become(id) {
    const kind = conversation()?.kind;
    become(id);
    state.messages.clear();
    await load();
    const mine = myConversations();
    if (!mine.some((c) => c.id === state.current)) {
      state.current = (mine.find((c) => c.kind === kind) ?? mine[0])?.id ?? null;
    }
    for (const c of mine) state.seen.set(c.id, state.messages.get(c.id)?.length ?? 0);
    draw();
  },
};

/** Return why a bot that receives by HTTP did not take a message, or "" for any other reason. */
function notTaken(why) {
  const status = why.match(/^the bot answered with status (\d+)$/)?.[1];
  if (status) return t("say.http.status", { status });
  if (why.startsWith("the bot cannot be reached")) return t("say.http.away");
  return why.startsWith("the bot did not answer") ? t("say.http.late", { n: state.scene.settings?.http_deadline }) : "";
}

/** Return true if the first bot is called at its URL, so that no connection is needed. */
function byHttp() {
  return state.scene.apps?.[0]?.mode === "http";
}

function drawStream() {
  const node = byId("stream");
  const on = state.streams > 0 || byHttp();
  node.className = `link-state ${state.live ? (on ? "on" : "off") : "lost"}`;
  const words = !state.live ? t("stream.down") : !on ? t("stream.off") : !state.streams ? t("stream.http") : t(state.streams > 1 ? "stream.many" : "stream.on", { n: state.streams });
  node.replaceChildren(h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "link-words" }, words));
  node.title = on ? words : t("stream.off.hint");
}

function drawTop() {
  const open = conversation();
  byId("title").textContent = open ? title(open) : t("pick");
  byId("top-face").replaceChildren(...(open ? [face(open)] : []));
  const count = open ? people(open).length : 0;
  const words = { group: () => t("group.members", { n: count }), oto: () => t("oto.sub"), work: () => t("work.sub") };
  byId("subtitle").textContent = open ? words[open.kind]() : "";
  byId("subtitle").title = open ? people(open).map((p) => p.name).join("、") : "";
  byId("scroll").setAttribute("aria-label", open ? t("log.label", { title: title(open) }) : "");
  drawStream();
}

function drawAround() {
  drawConnect();
  drawMe();
  drawTop();
  drawComposer();
}

function draw() {
  drawAround();
  drawLog(acts);
  drawList(openConversation);
}

function openConversation(id) {
  state.current = id;
  document.body.dataset.view = "chat";
  draw();
  const narrow = matchMedia("(max-width: 760px)").matches;
  (narrow ? byId("back") : byId("say").disabled ? byId("scroll") : byId("say")).focus({ preventScroll: true });
}

function back() {
  document.body.dataset.view = "list";
  document.querySelector(".item[aria-current]")?.focus();
}

/** Fetch the messages of these conversations (default: all of mine) and redraw what changed. */
async function load(ids = myConversations().map((c) => c.id)) {
  const me = state.me;
  const found = await Promise.all(ids.filter(Boolean).map(async (id) => [id, await api.messages(id, me).catch(() => null)]));
  if (me !== state.me) return;
  for (const [id, messages] of found) if (messages) state.messages.set(id, messages);
  drawLog(acts);
  drawList(openConversation);
  await refreshInspector();
}

async function loadScene() {
  state.scene = await api.scene();
  state.streams = state.scene.connections;
  if (!state.scene.people.some((p) => p.id === state.me)) state.me = rememberedMe();
}

const dirty = { scene: true, all: true, ids: new Set() };
let working = false;

/** Handle a change event. Reloads never overlap and never miss the last change. */
async function changed(what = {}) {
  if (what?.conversation) dirty.ids.add(what.conversation);
  else dirty.scene = dirty.all = true;
  await settle();
}

async function streamChanged({ event, id, connections }) {
  state.streams = connections ?? state.streams;
  if (event === "open") state.opened.set(id, { id, muted: false });
  else state.opened.delete(id);
  state.scene.hasConnected ||= event === "open";
  drawStream();
  drawConnect();
  if (panelShows("controls")) await refreshControls();
}

async function settle() {
  if (working) return;
  working = true;
  while (dirty.scene || dirty.all || dirty.ids.size) await refresh().catch(() => null);
  working = false;
}

async function refresh() {
  const { scene, all } = dirty;
  const mine = () => myConversations().map((c) => c.id);
  const ids = [...dirty.ids];
  Object.assign(dirty, { scene: false, all: false });
  dirty.ids.clear();
  if (scene) await loadScene();
  if (!conversation()) state.current = myConversations()[0]?.id ?? null;
  await load(all ? mine() : ids.filter((id) => mine().includes(id)));
  if (all) forgetAnswers();
  if (scene) drawAround();
  if (panelShows("controls")) await refreshControls();
}

/** Drop tap results whose card is gone, for example after a reset. */
function forgetAnswers() {
  const cards = new Set([...state.messages.values()].flat().filter((m) => m.kind === "card").map(cardId));
  for (const key of state.answers.keys()) if (!cards.has(key.slice(0, key.lastIndexOf(" ")))) state.answers.delete(key);
}

function setUp() {
  byId("back").append(icon("back"));
  byId("controls-open").append(icon("tools"));
  buildComposer(acts);
  translatePage();
  watchScroll();
  byId("back").addEventListener("click", back);
  byId("me").addEventListener("change", (event) => acts.become(event.target.value));
  byId("controls-open").addEventListener("click", (event) =>
    (panelShows("controls") ? closePanel() : openControls(event.currentTarget)));
  byId("lang").addEventListener("click", () => {
    setLanguage(language() === "en" ? "zh" : "en");
    translatePage();
    closePanel();
    draw();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && !byId("panel").hidden && closePanel());
}

async function start() {
  setUp();
  follow({
    onChange: changed,
    onStream: streamChanged,
    onLive(live) {
      state.live = live;
      drawStream();
      if (live) changed();
    },
  });
  await changed();
  state.current = myConversations()[0]?.id ?? null;
  for (const c of myConversations()) state.seen.set(c.id, state.messages.get(c.id)?.length ?? 0);
  draw();
  document.body.dataset.ready = "yes";
}

start();
