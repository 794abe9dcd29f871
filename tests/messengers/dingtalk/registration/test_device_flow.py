"""Creating an app by a QR code, against the sandbox over real sockets."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.errors import PermanentError, TemporaryError
from bot.messengers.dingtalk.registration.device_flow import (
    AppKeys,
    Registration,
    begin_registration,
    wait_for_keys,
)
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.control.onboarding import decide_registration
from dingtalk_sandbox.reference.bodies import RegistrationBody


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


Nap = Callable[[float], Awaitable[None]]


def decide_at(sandbox: Sandbox, registration: Registration, nap: int, **decision: Any) -> Nap:
    """Return a sleep that takes no time. During the n-th one a person decides."""
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == nap:
            given = {"user_code": registration.user_code, **decision}
            decide_registration(sandbox.state, RegistrationBody.model_validate(given).root)

    return sleep


async def register(sandbox: Sandbox, session: aiohttp.ClientSession, **decision: Any) -> AppKeys:
    registration = await begin_registration(session, sandbox.url)
    sleep = decide_at(sandbox, registration, 2, **decision)
    return await wait_for_keys(session, sandbox.url, registration, sleep=sleep)


CONFIRMED = {"action": "confirm", "user": "manager01"}


async def test_a_confirmed_code_gives_the_keys_of_the_new_app(
    sandbox: Sandbox, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = await register(sandbox, session, **CONFIRMED)
    app = sandbox.state.scenario.app(keys.app_key)
    assert app is not None
    assert app.secret == keys.app_secret
    assert keys.app_secret not in caplog.text + repr(keys)


async def test_a_refusal_names_its_reason(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    with pytest.raises(PermanentError, match="no app: 不要"):
        await register(sandbox, session, action="refuse", reason="不要")


async def test_an_expired_code_is_given_up(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    registration = await begin_registration(session, sandbox.url)
    sandbox.state.clock.set(registration_end(sandbox))
    with pytest.raises(PermanentError, match="expired"):
        await wait_for_keys(session, sandbox.url, registration)


def registration_end(sandbox: Sandbox) -> Any:
    (registration,) = sandbox.state.registrations.all()
    return registration.expires


async def test_lost_answers_are_asked_for_again(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    sandbox.state.faults.replace([{"kind": "lose_answer", "match": "poll", "times": 3}])
    assert (await register(sandbox, session, **CONFIRMED)).app_key


async def test_polls_that_keep_failing_are_given_up(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    registration = await begin_registration(session, sandbox.url)
    sandbox.state.faults.replace([{"kind": "html", "match": "poll"}])
    sleep = decide_at(sandbox, registration, 0)
    with pytest.raises(TemporaryError):
        await wait_for_keys(session, sandbox.url, registration, sleep=sleep)
    assert sandbox.state.call_counts["POST /app/registration/poll"] == 10


async def test_a_code_that_nobody_scans_ends_though_dingtalk_never_says_so(
    sandbox: Sandbox, session: aiohttp.ClientSession
) -> None:
    registration = Registration(device_code="", user_code="", url="", wait_seconds=2.0, interval_seconds=0.5)
    async with answering({"errcode": 0, "status": "WAITING"}) as base:
        with pytest.raises(PermanentError, match="expired"):
            await wait_for_keys(session, base, registration, sleep=decide_at(sandbox, registration, 0))


def answering(body: dict[str, Any]) -> Any:
    """Serve one answer to every call. Entering gives the address."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    app = web.Application()
    app.add_routes([web.post("/{path:.*}", answer)])
    return _Address(TestServer(app))


class _Address:
    def __init__(self, server: TestServer) -> None:
        self._server = server

    async def __aenter__(self) -> str:
        await self._server.start_server()
        return str(self._server.make_url("")).rstrip("/")

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()


BEGUN: dict[str, Any] = {
    "errcode": 0,
    "nonce": "n",
    "device_code": "d",
    "user_code": "A",
    "verification_uri_complete": "https://open-dev.dingtalk.com/x?user_code=A",
    "expires_in": 7200,
    "interval": 5,
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"verification_uri_complete": "https://dingtalk.com.evil.example/"}, "does not belong to DingTalk"),
        ({"verification_uri_complete": "http://open-dev.dingtalk.com/"}, "does not belong to DingTalk"),
        ({"verification_uri_complete": "https://dingtalk.com/" + "x" * 1000}, "does not belong to DingTalk"),
        ({"user_code": "\x1b[2J"}, "has no user_code"),
        ({"device_code": None}, "has no device_code"),
        ({"nonce": 7}, "has no nonce"),
    ],
)
async def test_answers_that_make_no_sense_are_refused(
    session: aiohttp.ClientSession, change: dict[str, Any], problem: str
) -> None:
    async with answering(BEGUN | change) as base:
        with pytest.raises(PermanentError, match=problem):
            await begin_registration(session, base)


@pytest.mark.parametrize(("interval", "kept"), [(5, 5.0), (0, 0.5), (1e9, 60.0), ("x", 0.5), (None, 0.5)])
async def test_the_interval_stays_within_bounds(
    session: aiohttp.ClientSession, interval: object, kept: float
) -> None:
    async with answering(BEGUN | {"interval": interval}) as base:
        assert (await begin_registration(session, base)).interval_seconds == kept


@pytest.mark.parametrize(("expires_in", "kept"), [(600, 600.0), (1e9, 7200.0), (None, 7200.0), (0, 7200.0)])
async def test_without_a_life_of_the_code_dingtalk_says_when_it_ends(
    session: aiohttp.ClientSession, expires_in: object, kept: float
) -> None:
    async with answering(BEGUN | {"expires_in": expires_in}) as base:
        assert (await begin_registration(session, base)).wait_seconds == kept
