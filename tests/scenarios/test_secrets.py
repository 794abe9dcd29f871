"""No output of the program has a secret of its settings, whatever fails.

Every secret setting that the model has gets a canary. A new one is found by itself: if its value needs a form
of its own, it is added to `FORMS`.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args, get_origin

import aiohttp
import pytest
import yaml
from pydantic import SecretStr

from bot.config.settings import Settings
from bot.config.types import sections_in
from dingtalk_sandbox import Sandbox
from tests.brokers import free_port
from tests.scenarios.conftest import Service, until

KeyPath = tuple[str, ...]
NAME = "x"  # of what the settings name: a robot, an app, a key
FORMS = {
    "broker_url": "redis://:{}@127.0.0.1:1/0",
    "mongo_uri": "mongodb://me:{}@127.0.0.1:1/arl",
    "basic_auth": "me:{}",
    "url": "http://127.0.0.1:1/{}/ping?key={}",  # watch.url
}
LISTS = {"operators": ["user:manager01", "json://me:{}@127.0.0.1:1/{}/?key={}"]}


def secret_keys(annotation: Any, place: KeyPath = ()) -> Iterator[KeyPath]:
    """Walk the settings down to those that hold a secret."""
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        yield place
    elif get_origin(annotation) is dict:
        yield from secret_keys(get_args(annotation)[1], (*place, NAME))
    elif sections := sections_in(annotation):
        for section in sections:
            for name, field in section.model_fields.items():
                yield from secret_keys(field.annotation, (*place, name))
    else:
        for inner in get_args(annotation):
            yield from secret_keys(inner, place)


KEYS = list(dict.fromkeys(secret_keys(Settings)))


def canary(key: KeyPath) -> str:
    """Return the canary of a setting. It is long enough for every secret."""
    return f"CANARY-{'-'.join(key)}-0123456789abcdef0123456789abcdef".replace("_", "-")


def with_canaries(values: dict[str, Any]) -> dict[str, Any]:
    """Lay a canary into every secret setting."""
    for key in KEYS:
        *above, name = key
        here = values
        for part in above:
            here = here.setdefault(part, {})
        word = canary(key)
        if name in LISTS:
            here[name] = [each.replace("{}", word) for each in LISTS[name]]
        else:
            here[name] = FORMS.get(name, "{}").replace("{}", word)
    return values


def settings(sandbox: Sandbox, folder: Path, port: int) -> dict[str, Any]:
    """Return settings of which nearly nothing works: wrong keys, and nobody at port 1."""
    arl = {"kind": "arl", "url": "https://127.0.0.1:1"}
    values = with_canaries({
        "DINGDING": {"OPENAPI_BASE": sandbox.url, "OAPI_BASE": sandbox.url},
        "dingding": {"app_key": "dingcanary", "default_chat_id": "cidA=="},
        "engine": dict(arl),
        "engines": {NAME: dict(arl), "local": {"kind": "embedded"}},
        "notify": {"apps": {NAME: {"app_key": "dingother"}}},
        "exporter": {"kind": "celery"},
        "api": {
            "keys": {NAME: {"kind": "token", "scopes": ["report", "read", "act"]}},
            "schedules": {NAME: {"rerun": {"url": "https://127.0.0.1:1/hook"}}},
        },
        "store": {"url": f"sqlite:///{folder}/d.db"},
        "reports": {"dir": str(folder / "reports")},
        "web": {"port": port},
        "log": {"level": "DEBUG"},
    })
    values["DINGDING"] |= {name.upper(): value for name, value in values.pop("dingding").items()}
    return values


def test_the_walk_finds_secrets_of_every_kind() -> None:
    found = {".".join(key) for key in KEYS}
    assert {"dingding.app_secret", "notify.operators", "watch.url", "engine.api_key"} <= found
    assert {"notify.webhooks.x.access_token", "engines.x.mongo_uri", "api.keys.x.key"} <= found


async def use(session: aiohttp.ClientSession, port: int) -> str:
    """Ask for everything, rightly and wrongly, and return all that was answered."""
    base, answers = f"http://127.0.0.1:{port}", []
    status_token, key = canary(("web", "status_token")), canary(("api", "keys", NAME, "key"))
    status, api = {"Authorization": f"Bearer {status_token}"}, {"Authorization": f"Bearer {key}"}
    for path, headers in [
        ("/readyz", status),
        ("/metrics", status),
        ("/metrics", api),
        ("/status", {}),
        (f"/ping/{key}/backup", {}),
        (f"/reports/{key}", {}),
        ("/v1/schedules", api),
        ("/v1/runs", status),
    ]:
        async with session.get(base + path, headers=headers) as answer:
            answers.append(f"{path.replace(key, '…')} {answer.status} {await answer.text()} {answer.headers}")
    report = {"schedule": NAME, "run": "1", "status": "failed", "log": "it failed"}
    async with session.post(f"{base}/v1/runs", headers=api, json=report) as answer:
        answers.append(await answer.text())
    return "\n".join(answers)


@pytest.mark.parametrize("form", ["text", "json"])
async def test_no_output_has_a_secret(tmp_path: Path, form: str) -> None:
    async with Sandbox() as sandbox:
        port = free_port()
        values = settings(sandbox, tmp_path, port)
        values["log"]["format"] = form
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(values), encoding="utf-8")
        service = Service(config, tmp_path / "log")
        await service.start()
        try:
            async with aiohttp.ClientSession() as session:
                await until(lambda: serves(session, port))
                outputs = {"web": await use(session, port)}
                await until(lambda: has_logged(service.log, "the Stream rejects the app", "watchdog"))
        finally:
            await service.end()
    outputs["log"] = await asyncio.to_thread(service.log.read_text, encoding="utf-8")
    for words in (["check"], ["audit"], ["resend"], ["watch", "http://127.0.0.1:1/ping"]):
        outputs[words[0]] = await said(config, tmp_path / words[0], *words)
    with closing(sqlite3.connect(tmp_path / "d.db")) as store:
        outputs["store"] = "\n".join(store.iterdump())
    assert "watchdog" in outputs["log"]
    assert {name: leaks for name, text in outputs.items() if (leaks := found_in(text))} == {}
    if form == "json":
        entries = [json.loads(line) for line in outputs["log"].splitlines()]
        assert all(entry.keys() >= {"time", "level", "logger", "message"} for entry in entries)


def found_in(text: str) -> list[str]:
    """Return what surrounds each canary."""
    return [text[max(at - 120, 0) : at + 60] for at in range(len(text)) if text.startswith("CANARY", at)][:3]


async def said(config: Path, log: Path, *words: str) -> str:
    """Run a command and return what it said, however it ended."""
    command = Service(config, log, *words)
    await command.start()
    assert command.process is not None
    await command.process.wait()
    return await asyncio.to_thread(log.read_text, encoding="utf-8")


async def serves(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


async def has_logged(log: Path, *words: str) -> bool:
    text = await asyncio.to_thread(log.read_text, encoding="utf-8")
    return all(word in text for word in words)
