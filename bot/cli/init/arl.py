"""Watch an ARL: its address and key are tried at once, and its schedules notify the group."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from bot.cli.init.answers import Answers
from bot.cli.init.dialogue import Dialogue, first_problem, required
from bot.cli.init.draft import Draft
from bot.cli.init.targets import ARL_NAME, EMBEDDED, LOCAL_NAME
from bot.config.engine import ArlSettings
from bot.config.settings import Settings
from bot.errors import ConfigError, DingRunError, PermanentError
from bot.models import Schedule
from bot.runtime import utc_now
from bot.wiring.engines import EngineServices, open_arl
from bot.wiring.stores import open_stores

CONNECT_SECONDS = 10.0
HTTPS_PORT = 443
UNTRUSTED = "certificate"  # in the texts of errors about it
MAX_NAMES_SHOWN = 20


def add_arl(dialogue: Dialogue, draft: Draft, answers: Answers) -> None:
    """Ask for an ARL until it answers, and add it with routes for its schedules."""
    section, key = _answered(dialogue, draft, answers)
    keys = _place(draft, section)
    draft.set_secret(*keys, "api_key", value=key)


def _answered(dialogue: Dialogue, draft: Draft, answers: Answers) -> tuple[dict[str, Any], str]:
    """Return the settings of an ARL that answers, and its key. Sets the routes."""
    section = _existing(draft)
    while True:
        url = dialogue.ask(
            "arl_url",
            option="--arl-url",
            parse=required,
            given=answers.arl_url,
            default=section.get("url", ""),
        )
        known = _known_key(draft.known, url)
        key = dialogue.ask_secret("arl_key", option="--arl-key-file", given=answers.arl_key, known=known)
        draft.mask(key)
        pin = answers.arl_fingerprint or (section.get("fingerprint") if url == section.get("url") else "")
        section = {**section, "kind": "arl", "url": url, "fingerprint": pin or ""}
        try:
            schedules = _try(dialogue, section, key)
        except DingRunError as error:
            if not dialogue.interactive:
                raise ConfigError(f"--arl-url: {error}") from None
            dialogue.say("arl_failed", style="red", why=dialogue.explain(error))
            answers = replace(answers, arl_url=None, arl_key=None)  # the person types others
            continue
        _route(dialogue, draft, schedules)
        return section, key


def _try(dialogue: Dialogue, section: dict[str, Any], key: str) -> Sequence[Schedule]:
    """Ask an ARL for its schedules. An untrusted certificate is pinned, if the person agrees."""
    try:
        schedules = asyncio.run(list_schedules(section, key))
    except (ConfigError, PermanentError) as error:
        if UNTRUSTED not in str(error) or section["fingerprint"] or not dialogue.interactive:
            raise
        section["fingerprint"] = _pin(dialogue, section["url"])
        schedules = asyncio.run(list_schedules(section, key))
    dialogue.say("arl_answers", style="green", url=section["url"], count=len(schedules))
    return schedules


def _pin(dialogue: Dialogue, url: str) -> str:
    """Show the fingerprint of the certificate at an address. Raises `ConfigError` if it is not agreed to."""
    digest = fetch_fingerprint(url)
    pairs = ":".join(re.findall("..", digest.upper()))
    if not dialogue.confirm("arl_pin", default=False, fingerprint=pairs):
        raise ConfigError("the certificate is not trusted: pin it by engine.fingerprint or engine.ca_file")
    return digest


def fetch_fingerprint(url: str) -> str:
    """Return the SHA-256 of the certificate that a server presents. Raises `ConfigError`."""
    parts = urlsplit(url)
    try:
        address = (parts.hostname or "", parts.port or HTTPS_PORT)
        certificate = ssl.get_server_certificate(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigError(f"engine.url: the certificate cannot be read: {error}") from None
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


async def list_schedules(section: dict[str, Any], key: str) -> Sequence[Schedule]:
    """Ask an ARL for its schedules. Raises `DingRunError`."""
    try:
        settings = Settings.model_validate({"engine": {**section, "api_key": key}})
    except ValidationError as error:
        name = error.errors()[0]["loc"][-1]
        raise ConfigError(f"engine.{name} {first_problem(error)}") from None
    engine = settings.engine
    if not isinstance(engine, ArlSettings):
        raise ConfigError("engine.kind must be arl")
    services = EngineServices(tasks=open_stores(settings.store.url).tasks, clock=utc_now, owner="init")
    async with open_arl(settings, engine, services) as arl:
        for check in arl.checks().values():
            await check()
        return await arl.schedules()


def _existing(draft: Draft) -> dict[str, Any]:
    """Return the ARL that the file has, or an empty one."""
    sections = [draft.get("engine"), *(draft.get("engines") or {}).values()]
    return dict(next((each for each in sections if each and each.get("kind") == "arl"), {}))


def _known_key(known: Settings, url: str) -> str:
    """Return the key of the ARL that was set before, if it is at this address."""
    before = (each for each in known.engine_sections.values() if isinstance(each, ArlSettings))
    return next((each.api_key.get_secret_value() for each in before if each.url == url), "")


def _place(draft: Draft, section: dict[str, Any]) -> tuple[str, ...]:
    """Put the engine into the draft, beside the embedded one if that has schedules. Returns where it is."""
    section = {name: value for name, value in section.items() if name != "api_key"}
    engines = dict(draft.get("engines") or {})
    if not engines and not draft.get("schedules"):
        draft.set("engine", value=section)
        return ("engine",)
    if not engines:
        embedded = {**EMBEDDED, **(draft.get("engine") or {})}
        engines = {LOCAL_NAME: embedded}
        draft.set("engine", value=None)
    name = next((name for name, each in engines.items() if each.get("kind") == "arl"), ARL_NAME)
    draft.set("engines", value={**engines, name: section})
    return ("engines", name)


def _route(dialogue: Dialogue, draft: Draft, schedules: Sequence[Schedule]) -> None:
    """Notify the group of the schedules of ARL, which notify nobody by themselves."""
    if not schedules:
        dialogue.say("arl_no_schedules", style="yellow")
        return
    names = [schedule.name for schedule in schedules]
    shown = dialogue.text("comma").join(names[:MAX_NAMES_SHOWN])
    if not dialogue.confirm("arl_routes", names=shown, count=len(names)):
        return
    group = draft.get("DINGDING", "DEFAULT_CHAT_ID")
    routes = dict(draft.get("notify", "routes") or {})
    for name in names:
        routes.setdefault(name, [{"to": f"group:{group}", "notify_on": "always"}])
    draft.set("notify", "routes", value=routes)
