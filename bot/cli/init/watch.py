"""Step 3: what is watched: targets, an ARL, or jobs of other hosts."""

from collections.abc import Callable, Mapping

from bot.cli.init.answers import Answers
from bot.cli.init.arl import add_arl
from bot.cli.init.dialogue import Dialogue
from bot.cli.init.draft import Draft
from bot.cli.init.jobs import add_job
from bot.cli.init.targets import add_targets
from bot.config.settings import Settings

Step = Callable[[Dialogue, Draft, Answers], None]
STEPS: Mapping[str, Step] = {"targets": add_targets, "arl": add_arl, "jobs": add_job}
KEPT = "kept"


def choose_watch(dialogue: Dialogue, draft: Draft, answers: Answers) -> None:
    """Add what is watched to the draft. Several may follow each other; what is there stays."""
    dialogue.heading("watch_heading")
    given = _given(answers)
    if given:
        for name in given:
            STEPS[name](dialogue, draft, answers)
        return
    kept = describe_watched(dialogue, draft.known)
    more = {name: dialogue.text(f"watch_{name}") for name in STEPS}
    choices = {KEPT: dialogue.text("watch_kept", what=kept), **more} if kept else more
    while True:
        name = dialogue.choose("watch_way", choices, default=next(iter(choices)))
        if name == KEPT:
            return
        STEPS[name](dialogue, draft, answers)
        if not dialogue.interactive or not dialogue.confirm("watch_more", default=False):
            return
        choices = more


def _given(answers: Answers) -> list[str]:
    given = {"targets": answers.targets, "arl": answers.arl_url, "jobs": answers.job}
    return [name for name, value in given.items() if value]


def describe_watched(dialogue: Dialogue, settings: Settings) -> str:
    """Name what the settings watch, in one line. "" if it is nothing."""
    names = [schedule.name for schedule in settings.schedules]
    names += [section.place for section in settings.engine_sections.values() if section.has_own_schedules]
    names += list(settings.api.schedules)
    return dialogue.text("comma").join(names)
