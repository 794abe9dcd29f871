"""Render `docs/troubleshooting.md` and its translation: by symptom, the causes that `dingrun check` knows.

`python -m bot.cli.check.reference` writes both pages. All texts are in `cards/words`: symptoms, causes and
cures.
"""

from collections.abc import Mapping
from pathlib import Path

from bot.messengers.dingtalk.checks.diagnosis import LINKS
from cards.catalogue import load_words

ROOT = Path(__file__).parent.parent.parent.parent
PAGES = {"en": ROOT / "docs/troubleshooting.md", "zh-CN": ROOT / "docs/zh-CN/troubleshooting.md"}
HEADS = {
    "en": "# Troubleshooting\n\n中文：[故障排查](zh-CN/troubleshooting.md)\n\n",
    "zh-CN": "# 故障排查\n\nEnglish: [Troubleshooting](../troubleshooting.md)\n\n",
}
HEADERS = {"en": "| in `--json` | cause | fix |", "zh-CN": "| `--json` 里的名字 | 原因 | 办法 |"}
OPEN = {"en": "open", "zh-CN": "打开"}

SYMPTOMS: Mapping[str, str] = {  # the causes of each, the likeliest first
    "start": "settings_invalid store_unusable reports_unwritable port_taken template_invalid few_descriptors"
    " secrets_readable",
    "unreachable": "wrong_keys dingtalk_unreachable ip_not_allowed quota_used_up address_banned clock_off"
    " timed_out dingtalk_fails",
    "no_answer": "stream_off app_not_published robot_stopped quota_used_up",
    "no_card": "robot_not_in_group wrong_group group_of_another_organization wrong_robot_code"
    " scope_missing quota_used_up",
    "poor_card": "scope_missing template_unpublished template_unknown template_lacks_variables"
    " template_invalid",
    "person": "wrong_person wrong_agent no_agent app_not_published",
    "webhook": "wrong_webhook webhook_signature webhook_keyword webhook_clock webhook_address"
    " webhook_security",
    "time": "time_zone_differs clock_off engine_unusable routes_wrong settings_doubtful",
    "report": "no_worker broker_unreachable disk_low reports_unwritable public_url_unreachable",
    "operators": "operators_invalid settings_doubtful",
    "untold": "needs_send needs_groups",
}


def render(lang: str) -> str:
    """Return the page in one language."""
    intro = load_words("symptoms", lang)["intro"]
    return "\n".join([f"{HEADS[lang]}{intro}\n", *(_section(symptom, lang) for symptom in SYMPTOMS)])


def _section(symptom: str, lang: str) -> str:
    words = load_words("symptoms", lang)
    hint = words.get(f"{symptom}_hint")
    rows = [HEADERS[lang], "|---|---|---|", *(_row(cause, lang) for cause in SYMPTOMS[symptom].split())]
    return f"## {words[symptom]}\n\n" + (f"{hint}\n\n" if hint else "") + "\n".join(rows) + "\n"


def _row(cause: str, lang: str) -> str:
    link = f" [{OPEN[lang]}]({LINKS[cause]})" if cause in LINKS else ""
    return f"| `{cause}` | {load_words('causes', lang)[cause]} | {load_words('cures', lang)[cause]}{link} |"


if __name__ == "__main__":
    for language, page in PAGES.items():
        page.write_text(render(language), encoding="utf-8")
