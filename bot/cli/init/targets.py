"""Watch targets by the embedded engine: one schedule."""

import re

from pydantic import TypeAdapter

from bot.cli.init.answers import Answers
from bot.cli.init.dialogue import Dialogue, required, validated
from bot.cli.init.draft import Draft
from bot.config.types import CronLine
from bot.targets import parse_target

DEFAULT_CRON = "0 3 * * *"
MAX_NAME_LENGTH = 60
SEPARATORS = re.compile(r"[\s,，、;；]+")
EMBEDDED = {"kind": "embedded"}
LOCAL_NAME, ARL_NAME = "local", "arl"  # of the engines, if there are both

_cron_line: TypeAdapter[str] = TypeAdapter(CronLine)


def add_targets(dialogue: Dialogue, draft: Draft, answers: Answers) -> None:
    """Ask for targets, a name and times, and add or replace the schedule of this name."""
    dialogue.say("targets_allowed")
    targets = dialogue.ask(
        "targets_which", option="--targets", parse=parse_targets, given=answers.targets, default=""
    )
    name = dialogue.ask(
        "targets_name",
        option="--name",
        parse=parse_name,
        given=answers.name,
        default=dialogue.text("targets_default_name"),
    )
    cron = dialogue.ask(
        "targets_cron", option="--cron", parse=parse_cron, given=answers.cron, default=DEFAULT_CRON
    )
    schedule = {
        "name": name,
        "cron": cron,
        "targets": targets,
        "notify_enable": True,
        "notify_on": "always",
    }
    others = [each for each in draft.get("schedules") or [] if each.get("name") != name]
    draft.set("schedules", value=[*others, schedule])
    if draft.get("engine", "kind") == ARL_NAME:
        draft.set("engines", value={ARL_NAME: draft.get("engine"), LOCAL_NAME: EMBEDDED})
        draft.set("engine", value=None)


def parse_targets(text: str) -> list[str]:
    """Parse targets with blanks or commas between them. Raises `ValueError` for the first bad one."""
    targets = [each for each in SEPARATORS.split(text) if each]
    required(" ".join(targets))
    for target in targets:
        parse_target(target)
    return targets


def parse_name(text: str) -> str:
    """Parse the name of a schedule. Raises `ValueError`."""
    if not required(text).isprintable() or len(text) > MAX_NAME_LENGTH:
        raise ValueError(f"takes one line of up to {MAX_NAME_LENGTH} characters")
    return text


def parse_cron(text: str) -> str:
    """Parse five cron fields. Raises `ValueError`."""
    return validated(_cron_line, text)
