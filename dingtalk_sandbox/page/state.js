// The state of the page. Written by app.js only.
import { keep, recall } from "./i18n.js";

export const state = {
  scene: { robot: {}, people: [], conversations: [] },
  me: null, // id of the person who speaks
  current: null, // id of the open conversation
  messages: new Map(), // conversation id → messages, oldest first, as `me` sees them
  seen: new Map(), // conversation id → how many messages have been looked at
  answers: new Map(), // "card user" → what that person's last press came to
  pressing: new Set(), // "card action" while a press is under way
  live: true, // the event stream of the sandbox is open
  streams: 0, // Stream connections of the robot
  opened: new Map(), // id → {id, muted} of the connections that opened while the page looked on
};

export function person(id) {
  return state.scene.people.find((p) => p.id === id);
}

export function myself() {
  return person(state.me) ?? state.scene.people[0] ?? { id: "", name: "" };
}

export function become(id) {
  state.me = id;
  keep("sandbox.me", id);
}

export function rememberedMe() {
  return person(recall("sandbox.me"))?.id ?? state.scene.people[0]?.id ?? null;
}

function idsOf(conversation) {
  return (conversation.members ?? []).map((member) => member.id ?? member);
}

/** Return true if a person sees this conversation in their list. */
export function sees(conversation, user) {
  if (conversation.owner) return conversation.owner === user;
  return idsOf(conversation).includes(user);
}

export function conversation(id = state.current) {
  return state.scene.conversations.find((c) => c.id === id);
}

export function lastMessage(id) {
  return state.messages.get(id)?.at(-1);
}

/** Return my conversations, latest message first. */
export function myConversations() {
  const at = (c) => new Date(lastMessage(c.id)?.at ?? 0).getTime() || 0;
  return state.scene.conversations.filter((c) => sees(c, state.me)).sort((a, b) => at(b) - at(a));
}

export function people(conversation_) {
  return idsOf(conversation_).map(person).filter(Boolean);
}

/** Return true if the open conversation is visible. On a phone, the list may cover it. */
export function inSight() {
  return document.getElementById("log").offsetParent !== null;
}

export function unread(id) {
  return Math.max(0, (state.messages.get(id)?.length ?? 0) - (state.seen.get(id) ?? 0));
}

/** Return the names of the robots in the open conversation. */
export function robotNames() {
  return conversation()?.robots ?? [state.scene.robot?.name || "DingRun"];
}

/** Return the name of the first robot. */
export function robotName() {
  return robotNames()[0] ?? state.scene.robot?.name ?? "DingRun";
}

/** Return {word after an @: displayed name}, longest first so that no name matches inside another. */
export function mentionable() {
  const names = [...robotNames(), ...state.scene.people.map((p) => p.name)].map((name) => [name, name]);
  const ids = state.scene.people.map((p) => [p.id, p.name]);
  return new Map([...names, ...ids].filter(([word]) => word).sort(([a], [b]) => b.length - a.length));
}
