"""`dingrun init`: the way from nothing to the first card, step by step. Each step can be taken again."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.cli.check import examine
from bot.cli.init.answers import Answers
from bot.cli.init.app_keys import CONSOLE_URL, KeysStep
from bot.cli.init.dialogue import Dialogue
from bot.cli.init.draft import Draft
from bot.cli.init.first_card import send_first_card
from bot.cli.init.group import GroupStep
from bot.cli.init.watch import choose_watch
from bot.config.loader import collect_secrets, load
from bot.config.settings import Settings
from bot.errors import ConfigError, DingRunError
from bot.telemetry.logging import configure

LANGUAGES = {"zh-CN": "中文", "en": "English"}
FILE, ENV = "file", "env"


class Guide:
    """The steps in their order: ask, write the settings, check them, send the first card.

    Args:
        path: Settings file. None is ./config.yaml.
        answers: Answers of the command line.
        interactive: Whether questions may be asked.
        may_replace: Whether a settings file may be replaced without asking. A backup is kept anyway.
    """

    def __init__(
        self, path: Path | None, answers: Answers, *, interactive: bool, may_replace: bool = False
    ) -> None:
        self._path = path
        self._answers = answers
        self._interactive = interactive
        self._may_replace = may_replace
        self._dialogue = Dialogue("zh-CN", interactive=interactive)
        self._keys: KeysStep | None = None

    def run(self) -> bool:
        """Take all steps. Returns True if the settings work. Raises `ConfigError`.

        Ctrl-C leaves the files as they were.
        """
        configure("WARNING")
        draft = Draft.read(self._path)
        try:
            place = self._collect(draft)
            backups = draft.save(separate_secrets=place == ENV) if place else []
        except (KeyboardInterrupt, EOFError, DingRunError):
            self._dialogue.show("")
            self._tell_unwritten()
            raise
        if not place:
            self._tell_unwritten()
            return False
        self._tell_written(draft, place, backups)
        return self._prove()

    def _collect(self, draft: Draft) -> str:
        """Ask everything. Returns where secrets go, or "" if the person does not want the files written."""
        draft.known = self._known(draft)
        draft.mask()
        self._dialogue = Dialogue(self._choose_language(draft), interactive=self._interactive)
        self._dialogue.say("welcome")
        if draft.overriding:
            self._dialogue.say("environment_wins", style="yellow", names=", ".join(draft.overriding))
        if self._answers.sandbox:
            for name in ("OPENAPI_BASE", "OAPI_BASE"):
                draft.set("DINGDING", name, value=self._answers.sandbox)
            draft.known = draft.settings()
        self._keys = KeysStep(self._dialogue, draft, self._answers)
        app = self._keys.run()
        GroupStep(self._dialogue, draft, self._answers).run(app)
        choose_watch(self._dialogue, draft, self._answers)
        return self._ask_to_write(draft)

    def _known(self, draft: Draft) -> Settings:
        """Return what the file and the environment have. A file with an error may be left behind."""
        try:
            return load(draft.path) if draft.values else draft.settings()
        except ConfigError as error:
            if not draft.values or not self._interactive:
                raise
            self._dialogue.say("file_invalid", style="red", why=error)
            if not self._dialogue.confirm("file_ignore"):
                raise
        draft.values = {}
        return draft.settings()

    def _choose_language(self, draft: Draft) -> str:
        known = draft.known.lang
        lang = self._dialogue.choose("language", LANGUAGES, default=known, given=self._answers.lang)
        draft.set("lang", value=lang)
        return lang

    def _ask_to_write(self, draft: Draft) -> str:
        """Ask where secrets go, and if a file may be replaced. Returns "" if not."""
        dialogue = self._dialogue
        dialogue.heading("write_heading")
        draft.settings()  # an error now, rather than one in a file
        default = ENV if draft.secrets_path.exists() else FILE
        choices = {FILE: dialogue.text("secrets_file"), ENV: dialogue.text("secrets_env")}
        place = dialogue.choose("secrets_way", choices, default=default, given=self._answers.secrets)
        if not draft.path.exists() or self._may_replace:
            return place
        if not self._interactive:
            raise ConfigError(f"{draft.path} exists: --yes replaces it, and keeps a backup")
        return place if dialogue.confirm("write_confirm", path=draft.path) else ""

    def _tell_written(self, draft: Draft, place: str, backups: Sequence[Path]) -> None:
        dialogue = self._dialogue
        dialogue.say("written", style="green", path=draft.path.absolute())
        if place == ENV:
            dialogue.say("written_secrets", path=draft.secrets_path.absolute())
        for backup in backups:
            dialogue.say("backed_up", path=backup)

    def _prove(self) -> bool:
        """Check what was written, and send the first card."""
        dialogue = self._dialogue
        settings = load(self._path)
        configure("WARNING", secrets=collect_secrets(settings))
        dialogue.heading("check_heading")
        if not asyncio.run(examine(settings, dialogue.show)):
            dialogue.say("check_failed", style="red", command=command_name())
            return False
        if self._answers.card:
            dialogue.heading("card_heading")
            if not send_first_card(dialogue, settings):
                dialogue.say("check_failed", style="red", command=command_name())
                return False
        dialogue.heading("done_heading")
        dialogue.say("done", command=command_name())
        return True

    def _tell_unwritten(self) -> None:
        """Say what is left behind: nothing here, but perhaps an app at DingTalk."""
        self._dialogue.say("nothing_written", style="yellow")
        if self._keys and self._keys.registered:
            self._dialogue.say("app_exists", key=self._keys.registered, url=CONSOLE_URL)


def command_name() -> str:
    """Return how the program was started."""
    return "dingrun" if Path(sys.argv[0]).name == "dingrun" else ".venv/bin/python -m bot"
