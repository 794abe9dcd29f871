// Client of the sandbox's control API.

import { language, t } from "./i18n.js";

export class ApiError extends Error {}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new ApiError(t("offline"));
  }
  const text = await response.text();
  let body;
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = { message: text };
  }
  if (!response.ok) throw new ApiError(body.error || body.message || `HTTP ${response.status}`);
  return body;
}

function post(path, body) {
  return call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

export const api = {
  scene: () => call("/_sandbox/scene"),
  counters: () => call("/_sandbox/counters"),
  say: (conversation, user, message) => post("/_sandbox/say", { conversation, user, ...message }),
  tap: (card, user, action, params = {}) => post("/_sandbox/tap", { card, user, action, params }),
  stream: (body) => post("/_sandbox/stream", body),
  clock: (body) => post("/_sandbox/clock", body),
  calls: (endpoint) => call(`/_sandbox/calls?${new URLSearchParams({ endpoint })}`),
  recall: (id, user) => post("/_sandbox/recall", { id, user }),
  settings: (changes) => post("/_sandbox/settings", changes),
  reset: (how) => post("/_sandbox/reset", how),
  transcript: () => call("/_sandbox/transcript"),
  replay: (body) => post("/_sandbox/replay", body),
  saveScene: () => call("/_sandbox/save"),
  loadScene: (text) => call("/_sandbox/scene", { method: "POST", headers: { "content-type": "application/json" }, body: text }),
  registration: (body) => post("/_sandbox/registration", body),
  robots: (body) => post("/_sandbox/robots", body),
  faults: (rules) => post("/_sandbox/faults", rules),
  messages(conversation, viewer) {
    const query = new URLSearchParams({ conversation, viewer, lang: language() });
    return call(`/_sandbox/messages?${query}`);
  },
};

function parsed(event) {
  try {
    return JSON.parse(event.data || "{}") ?? {};
  } catch {
    return {};
  }
}

/** Subscribe to server-sent events. The browser reconnects by itself. `onLive(bool)` reports the connection state. */
export function follow({ onChange, onStream, onLive }) {
  const source = new EventSource("/_sandbox/events");
  source.addEventListener("change", (event) => onChange(parsed(event)));
  source.addEventListener("stream", (event) => onStream(parsed(event)));
  source.addEventListener("open", () => onLive(true));
  source.addEventListener("error", () => onLive(false));
  return source;
}
