"""Print results for people, and as JSON for programs. No line has a secret."""

import json
import re
from collections.abc import Sequence

from bot.cli.check.runner import NamedResult
from bot.ports import CheckStatus
from bot.telemetry.redaction import mask_addresses
from cards.catalogue import explain_setting, load_words

SYMBOLS = {CheckStatus.OK: "✓", CheckStatus.WARN: "!", CheckStatus.FAIL: "✗", CheckStatus.SKIPPED: "-"}
SOURCE = "en"
LABELS = {"zh-CN": ("原因", "办法", "打开"), "en": ("cause", "fix", "open")}
CHINESE_HALF = re.compile(r" ?[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef][^/]* / ")


def as_lines(found: NamedResult, lang: str) -> list[str]:
    """Return the lines of a result: Chinese first with English below it, or English only.

    A skipped check has one line, with the cause.
    """
    result, languages = found.result, tuple(dict.fromkeys((lang, SOURCE)))
    name = found.name if lang != SOURCE else english_name(found.name)
    texts = {each: _cause_and_cure(result.cause, each) for each in languages} if result.cause else {}
    if result.status is CheckStatus.SKIPPED and texts:
        return [f"{SYMBOLS[result.status]} {name}: {' / '.join(cause for cause, _ in texts.values())}"]
    detail = _detail(result.detail, lang)
    lines = [f"{SYMBOLS[result.status]} {name}{': ' if detail else ''}{detail}"]
    for each, both in texts.items():
        lines += [f"    {label}: {text}" for label, text in zip(LABELS[each], both, strict=False)]
    if result.link:
        lines.append(f"    {LABELS[lang][2]}: {result.link}")
    return lines


def _cause_and_cure(code: str, lang: str) -> tuple[str, str]:
    """Return the texts of a cause, "" if there is none."""
    return (load_words("causes", lang)[code], load_words("cures", lang)[code]) if code else ("", "")


def _detail(detail: str, lang: str) -> str:
    """Return a detail in one line. In English, without the Chinese half of `没有开 / off`."""
    line = mask_addresses(explain_setting(" ".join(detail.split()), lang))
    return CHINESE_HALF.sub(" ", line).strip() if lang == SOURCE else line


def english_name(name: str) -> str:
    """Return the English part of a name such as `存储 / store`."""
    return name.rpartition(" / ")[2]


def as_json(results: Sequence[NamedResult], lang: str) -> str:
    """Return an object with `ok` and `checks`. The fields of a check are the same, whatever was found."""
    checks = [_as_object(each, lang) for each in results]
    return json.dumps({"ok": all_passed(results), "checks": checks}, ensure_ascii=False, indent=2)


def _as_object(found: NamedResult, lang: str) -> dict[str, str]:
    result = found.result
    cause, cure = _cause_and_cure(result.cause, lang)
    return {
        "name": english_name(found.name),
        "status": result.status.value,
        "code": result.cause,
        "cause": cause,
        "cure": cure,
        "link": result.link,
        "detail": _detail(result.detail, lang),
    }


def all_passed(results: Sequence[NamedResult]) -> bool:
    """Tell if no check failed. Warnings and skipped checks are no failures."""
    return all(each.result.status is not CheckStatus.FAIL for each in results)
