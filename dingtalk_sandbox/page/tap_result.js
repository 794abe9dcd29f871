// The result of a card tap, as text for the user who tapped.
import { t } from "./i18n.js";

const SHOWN = ["tips", "toast", "text", "msgContent", "staticMsgContent", "markdown", "msgTitle", "title"];
const REASONS = { timeout: "private.none", "no connection": "private.nobody" };

/** Join private variables into one markdown text. */
export function words(values) {
  const known = SHOWN.find((name) => values[name]);
  if (known) return String(values[known]);
  const rest = Object.entries(values).filter(([name]) => name !== "sys_full_json_obj");
  return rest.map(([name, value]) => `${name}: ${value}`).join("\n\n");
}

/** Run a tap. Returns {text, bad, at}; `text` is "" if the response changed nothing. */
export async function answerOf(press) {
  const at = Date.now();
  try {
    const result = await press();
    if (result.ok) return { text: words(result.private ?? {}), bad: false, at };
    return { text: t(REASONS[result.reason] ?? "private.error", { why: t(`reason.${result.reason}`) }), bad: true, at };
  } catch (error) {
    return { text: t("private.error", { why: error.message }), bad: true, at };
  }
}
