"""Step 1: the keys of the DingTalk app, of a new one by a QR code or typed."""

import asyncio
from dataclasses import replace

from bot.cli.init.answers import Answers
from bot.cli.init.dialogue import Dialogue, required
from bot.cli.init.draft import Draft
from bot.cli.init.qr_code import draw_qr_code
from bot.config.dingtalk import DingDing
from bot.errors import ConfigError, DingRunError
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.gateway import open_ticket
from bot.messengers.dingtalk.http import dingtalk_session
from bot.messengers.dingtalk.registration.device_flow import AppKeys, begin_registration, wait_for_keys
from bot.runtime import utc_now
from bot.wiring.messengers import app_from

NEW, TYPED, KEPT = "new", "typed", "kept"
CONSOLE_URL = "https://open-dev.dingtalk.com"
OF_ANOTHER_APP = ("ROBOT_CODE", "AGENT_ID")  # what belongs to the app of before


class KeysStep:
    """The step that finds an app whose keys DingTalk accepts.

    `registered`: Client ID of the app that it created, or "".
    """

    def __init__(self, dialogue: Dialogue, draft: Draft, answers: Answers) -> None:
        self._dialogue = dialogue
        self._draft = draft
        self._answers = answers
        self.registered = ""

    def run(self) -> DingTalkApp:
        """Return the app, with its keys in the draft. Raises `ConfigError` if it cannot ask again."""
        self._dialogue.heading("app_heading")
        known = self._draft.known
        app, way = app_from(known), self._way()
        while True:
            if way != KEPT or app is None:
                keys = self._new_app(known.dingding.oapi_base) if way == NEW else self._typed(known.dingding)
                app = self._keep(keys)
            try:
                asyncio.run(try_app(app))
            except DingRunError as error:
                if not self._dialogue.interactive:
                    raise ConfigError(f"the keys of the app do not work: {error}") from None
                self._dialogue.say("app_refused", style="red", why=self._dialogue.explain(error))
                self._dialogue.say("app_refused_hint", url=CONSOLE_URL)
                way = KEPT if self._dialogue.confirm("app_try_again") else TYPED
                self._answers = replace(self._answers, client_id=None, client_secret=None)
                continue
            self._dialogue.say("app_works", style="green", key=app.app_key)
            return app

    def _way(self) -> str:
        known = self._draft.known
        given = NEW if self._answers.new_app else TYPED if self._answers.client_id else None
        choices = {NEW: self._dialogue.text("app_new"), TYPED: self._dialogue.text("app_typed")}
        if app_from(known):
            choices = {KEPT: self._dialogue.text("app_kept", key=known.dingding.app_key), **choices}
        default = next(iter(choices)) if app_from(known) or self._dialogue.interactive else TYPED
        return self._dialogue.choose("app_way", choices, default=default, given=given)

    def _typed(self, ding: DingDing) -> AppKeys:
        answers = self._answers
        key = self._dialogue.ask(
            "client_id", option="--client-id", parse=required, given=answers.client_id, default=ding.app_key
        )
        same = ding.app_secret and key == ding.app_key
        secret = self._dialogue.ask_secret(
            "client_secret",
            option="--client-secret-file",
            given=answers.client_secret,
            known=ding.app_secret.get_secret_value() if same and ding.app_secret else "",
        )
        return AppKeys(app_key=key, app_secret=secret)

    def _new_app(self, base: str) -> AppKeys:
        """Create an app by a QR code. If that fails, tell the way by the console, and ask for its keys."""
        try:
            keys = asyncio.run(self._register(base))
        except DingRunError as error:
            self._dialogue.say("qr_failed", style="red", why=self._dialogue.explain(error))
            if not self._dialogue.interactive:
                raise ConfigError(f"--new-app: {error}; create the app on {CONSOLE_URL}") from None
            self._dialogue.say("console_steps", url=CONSOLE_URL)
            return self._typed(DingDing())
        self.registered = keys.app_key
        self._dialogue.say("qr_done", style="green", key=keys.app_key)
        return keys

    async def _register(self, base: str) -> AppKeys:
        async with dingtalk_session() as session:
            registration = await begin_registration(session, base)
            self._dialogue.say("qr_scan")
            if code := draw_qr_code(registration.url, self._dialogue.console):
                self._dialogue.console.print(code)
            self._dialogue.say("qr_url", url=registration.url)
            self._dialogue.say("qr_code", code=registration.user_code)
            self._dialogue.say("qr_wait", minutes=round(registration.wait_seconds / 60))
            return await wait_for_keys(session, base, registration)

    def _keep(self, keys: AppKeys) -> DingTalkApp:
        if keys.app_key != self._draft.known.dingding.app_key:
            for name in OF_ANOTHER_APP:
                self._draft.set("DINGDING", name, value=None)
        self._draft.set("DINGDING", "APP_KEY", value=keys.app_key)
        self._draft.set_secret("DINGDING", "APP_SECRET", value=keys.app_secret)
        app = app_from(self._draft.settings())
        if app is None or app.app_key != keys.app_key:
            raise ConfigError("environment: DINGRUN_DINGDING__APP_KEY names another app: unset it")
        return app


async def try_app(app: DingTalkApp) -> None:
    """Request an access token and a ticket of the Stream. Raises `DingRunError` if DingTalk refuses."""
    async with dingtalk_session() as session:
        await Tokens(session, app, utc_now).get()
        await open_ticket(session, app)
