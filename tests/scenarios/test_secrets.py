"""No output of the program has a secret of its settings, whatever fails and whatever works.

Every secret setting that the model has gets a canary. A new one is found by itself: if its value needs a form
of its own, it is added to `FORMS`. What the program calls answers with an error that repeats what was sent to
it: without masking the canaries would be in the log and in the store, which is tested too.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, get_args, get_origin

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.config.loader.sources import variable_name
from bot.config.settings import Settings
from bot.config.types import sections_in
from dingtalk_sandbox import Sandbox
from tests.brokers import free_port
from tests.scenarios.conftest import GROUP, Chat, Service, until

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


def move_to_files(values: dict[str, Any], folder: Path) -> None:
    """Put each secret into a file that is named like its variable."""
    folder.mkdir()
    for key in KEYS:
        here, name = values, key[-1]
        for part in key[:-1]:
            here = here["DINGDING" if part == "dingding" else part]
        secret = here.pop(name if name in here else name.upper())
        text = secret if isinstance(secret, str) else json.dumps(secret)
        (folder / variable_name(key)).write_text(f"{text}\n", encoding="utf-8")


def settings(url: str, folder: Path, port: int) -> dict[str, Any]:
    """Return settings of which everything outside is at one address, or at port 1, where nobody is."""
    arl = {"kind": "arl", "url": url}
    values = with_canaries({
        "DINGDING": {"OPENAPI_BASE": url, "OAPI_BASE": url},
        "dingding": {"app_key": "dingcanary", "default_chat_id": GROUP},
        "engine": dict(arl),
        "engines": {NAME: dict(arl), "local": {"kind": "embedded"}},
        "notify": {"apps": {NAME: {"app_key": "dingother"}}, "routes": {"*": [f"group:{GROUP}"]}},
        "exporter": {"kind": "celery"},
        "api": {
            "keys": {NAME: {"kind": "token", "scopes": ["report", "read", "act"]}},
            "schedules": {NAME: {"notify_on": "always", "rerun": {"url": "https://127.0.0.1:1/hook"}}},
        },
        "store": {"url": f"sqlite:///{folder}/d.db"},
        "reports": {"dir": str(folder / "reports")},
        "web": {"port": port},
        "log": {"level": "DEBUG"},
    })
    values["DINGDING"] |= {name.upper(): value for name, value in values.pop("dingding").items()}
    return values


async def echo(request: web.Request) -> web.Response:
    """Answer an error that repeats what was sent, in the shape of DingTalk and of ARL."""
    sent = f"{await request.text()} {request.headers.get('Token', '')} {request.path_qs}"
    return web.json_response({"code": 500, "message": sent, "errcode": 500, "errmsg": sent}, status=400)


@asynccontextmanager
async def echoing_server() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


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
    for report in ({"schedule": NAME, "status": "failed"}, {"schedule": NAME, "status": "invented"}):
        async with session.post(f"{base}/v1/runs", headers=api, json=report) as answer:
            answers.append(f"{answer.status} {await answer.text()}")
    return "\n".join(answers)


UNMASKED = """
from bot.telemetry.logging import RedactingFormatter
RedactingFormatter.starred = lambda self, text: text
from bot.__main__ import main
main()
"""


class Unmasked(Service):
    """The program without the masking of secrets."""

    program = ("-c", UNMASKED)


async def outputs_of(config: Path, port: int, program: type[Service], *commands: str) -> dict[str, str]:
    """Run the service until it has tried everything, then commands, and return all that they said."""
    service = program(config, config.with_name("log"))
    await service.start()
    try:
        async with aiohttp.ClientSession() as session:
            await until(lambda: serves(session, port))
            await until(
                lambda: has_logged(service.log, "the Stream rejects the app", "watchdog", "discovery")
            )
            outputs = {"web": await use(session, port)}
            await until(lambda: has_logged(service.log, "job card:"))
    finally:
        await service.end()
    outputs["log"] = await asyncio.to_thread(service.log.read_text, encoding="utf-8")
    for command in commands:
        name, *rest = command.split()
        outputs[name] = await said(program(config, config.with_name(name), name, *rest))
    with closing(sqlite3.connect(config.with_name("d.db"))) as store:
        outputs["store"] = "\n".join(store.iterdump())
    return outputs


async def test_no_output_has_a_secret(tmp_path: Path) -> None:
    commands = ("check", "setup", "audit", "resend", "watch http://127.0.0.1:1/ping")
    async with echoing_server() as url:
        port = free_port()
        config = write(settings(url, tmp_path, port), tmp_path)
        outputs = await outputs_of(config, port, Service, *commands)
    assert {name: leaks for name, text in outputs.items() if (leaks := found_in(text))} == {}


async def test_without_masking_the_outputs_have_secrets(tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    async with echoing_server() as url:
        port = free_port()
        config = write(settings(url, tmp_path, port), tmp_path)
        outputs = await outputs_of(config, port, Unmasked)
    assert {name for name, text in outputs.items() if found_in(text)} >= {"log", "store"}


async def test_what_is_delivered_has_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DingTalk takes the keys here, so that a card arrives. They come from files. The log is JSON."""
    app = {
        "key": "dingcanary",
        "secret": canary(("dingding", "app_secret")),
        "agent_id": 1,
        "robot_name": "bot",
    }
    group = {"id": GROUP, "title": "运维", "members": ["user01"], "robots": ["dingcanary"]}
    async with Sandbox(scenario={"apps": [app], "groups": [group]}) as sandbox:
        port = free_port()
        values = settings(sandbox.url, tmp_path, port)
        values["log"]["format"] = "json"
        move_to_files(values, tmp_path / "secrets")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "secrets"))
        service = Service(write(values, tmp_path), tmp_path / "log")
        await service.start()
        try:
            async with aiohttp.ClientSession() as session:
                await until(lambda: serves(session, port))
                await use(session, port)
                chat = Chat(sandbox, session)
                await chat.wait("card", 1)
                delivered = json.dumps(await chat.messages())
        finally:
            await service.end()
    log = await asyncio.to_thread(service.log.read_text, encoding="utf-8")
    assert found_in(delivered) + found_in(log) == []
    for line in log.splitlines():
        assert json.loads(line).keys() >= {"time", "level", "logger", "message"}


async def test_a_store_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    values = {"lang": "en", "store": {"url": f"mongodb://me:{canary(('store', 'url'))}@127.0.0.1:1/dingrun"}}
    text = await said(Service(write(values, tmp_path), tmp_path / "log", "check"))
    assert "MongoDB does not answer" in text
    assert found_in(text) == []


def found_in(text: str) -> list[str]:
    """Return what surrounds each canary."""
    return [text[max(at - 120, 0) : at + 60] for at in range(len(text)) if text.startswith("CANARY", at)][:3]


def write(values: dict[str, Any], folder: Path) -> Path:
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    return config


async def said(command: Service) -> str:
    """Run a command and return what it said, however it ended."""
    await command.start()
    assert command.process is not None
    await command.process.wait()
    return await asyncio.to_thread(command.log.read_text, encoding="utf-8")


async def serves(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


async def has_logged(log: Path, *words: str) -> bool:
    text = await asyncio.to_thread(log.read_text, encoding="utf-8")
    return all(word in text for word in words)
