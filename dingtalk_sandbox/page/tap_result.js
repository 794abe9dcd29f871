// The result of a card tap, as text for the user who tapped.
import { t } from "./i18n.js";
import { carryOut } from "./template/effects.js";

const SHOWN = ["tips", "toast", "text", "msgContent", "staticMsgContent", "markdown", "msgTitle", "title"];
const REASONS = { timeout: "private.none", "no connection": "private.nobody" };

/** Join private variables into one markdown text. */
export function words(values) {
  const known = SHOWN.find((name) => values[name]);
  if (known) return String(values[known]);
  const rest = Object.entries(values).filter(([name]) => name !== "sys_full_json_obj");
  return rest.map(([name, value]) => `${name}: ${value}`).join("\n\n");
}

/** The result of a press on a drawn template. The card itself shows what has changed, so there may be none. */
function ofTemplate(result, at) {
  carryOut(result.effects);
  const unchanged = result.answer && !Object.keys(result.private).length && !Object.keys(result.answer).length;
  if (result.effects.length || unchanged) return { text: "", effects: result.effects, bad: false, at };
  return null;
}

/** Run a tap. Returns {text, bad, at, effects?} or null; `text` is "" if the response changed nothing. */
export async function answerOf(press) {
  const at = Date.now();
  try {
    const result = await press();
    if (result.ok && result.effects) return ofTemplate(result, at);
    if (result.ok) return { text: words(result.private ?? {}), bad: false, at };
    if (result.message) return { text: result.message, bad: true, at };
    return { effects: result.effects ?? [], text: t(REASONS[result.reason] ?? "private.error", { why: t(`reason.${result.reason}`) }), bad: true, at };
  } catch (error) {
    return { text: t("private.error", { why: error.message }), bad: true, at };
  }
}
