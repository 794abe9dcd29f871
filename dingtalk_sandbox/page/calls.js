// Calls related to a message: updates, taps, retries and its upload.
import { api } from "./api.js";
import { cardId } from "./message_text.js";

const UNBOOKED = new Set(["InvalidAuthentication", 40014, 42001, 41001, 60011, 90018, 90020]);

function mediaOf(request = {}) {
  try {
    return JSON.parse(request.msgParam ?? "{}").mediaId ?? request.msg?.file?.media_id;
  } catch {
    return undefined;
  }
}

export function refused(wire) {
  const body = wire.response ?? {};
  return wire.status >= 400 || (typeof body === "object" && Boolean(body.errcode));
}

function refusedBefore(wire) {
  const text = JSON.stringify(wire.request);
  return (call) => call.endpoint === wire.endpoint && refused(call) && JSON.stringify(call.request) === text;
}

/** Rules of relation: [substring of the endpoint, predicate]. */
function ways(message) {
  const { endpoint = "", request = {}, response = {} } = message.wire;
  const path = endpoint.split(" ")[1] ?? "";
  const found = [[path, refusedBefore(message.wire)]];
  if (message.kind === "card") found.push(["/v1.0/card/", (call) => call.request?.outTrackId === cardId(message)]);
  if (request.msgUuid) found.push([path, (call) => call.request?.msgUuid === request.msgUuid]);
  if (mediaOf(request)) found.push(["/media/upload", (call) => call.response?.media_id === mediaOf(request)]);
  if (response?.task_id) found.push(["/topapi/message/", (call) => call.request?.task_id === response.task_id]);
  return found;
}

const when = (wire) => wire.at ?? "";

/** Return the related calls of a message, oldest first. */
export async function relatedCalls(message) {
  if (!message.wire) return [];
  const lists = message.wire.endpoint.startsWith("CALLBACK") ? []
    : await Promise.all(ways(message).map(async ([part, belongs]) => (await api.calls(part)).filter(belongs)));
  const own = JSON.stringify(message.wire);
  const all = new Map([...message.updates ?? [], ...lists.flat()].map((wire) => [JSON.stringify(wire), wire]));
  all.delete(own);
  return [...all.values()].sort((a, b) => (when(a) && when(b) ? when(a).localeCompare(when(b)) : 0));
}

/** Return the role of a related call. */
export function roleOf(wire, message) {
  const { endpoint } = wire;
  if (endpoint.startsWith("CALLBACK")) return message.kind === "card" ? "press" : "redelivery";
  if (endpoint.includes("/media/upload")) return "upload";
  if (endpoint.startsWith("PUT ")) return "update";
  return endpoint === message.wire.endpoint ? "retry" : "other";
}

/** Return the cost of a call: 0 if it was rejected, or if a webhook repeated its msgUuid. */
function booked(wire, message) {
  const code = wire.response?.code ?? wire.response?.errcode;
  if (wire.bucket === "free" || wire.status === 403 || wire.status === 401 || UNBOOKED.has(code)) return 0;
  const own = wire === message.wire;
  if (wire.endpoint.includes("/robot/send")) return own && !refused(wire) ? 1 : 0;
  return roleOf(wire, message) === "redelivery" && !own ? 0 : 1;
}

/** Sum the cost by quota: {api: 2, stream_webhook: 1}. */
export function costOf(message, related) {
  const sum = {};
  for (const wire of [message.wire, ...related]) {
    const n = booked(wire, message);
    if (n) sum[wire.bucket] = (sum[wire.bucket] ?? 0) + n;
  }
  return sum;
}
