"""Create an app of DingTalk by a QR code, without the developer console (CLI/0010, CLI/0011 of 钉钉CLI).

The program asks for a code, a person scans and confirms it, and the program polls the keys of the new app.
Its robot uses Stream mode and has the scopes of cards and messages. No token is needed. The answers hold
secrets: nothing of them is logged.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.errors import PermanentError, TemporaryError
from bot.messengers.dingtalk.errors import error_from_oapi
from bot.messengers.dingtalk.http import post_json
from bot.messengers.dingtalk.session_webhook import is_dingtalk_address

log = logging.getLogger(__name__)

PATH = "/app/registration"
MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS = 0.5, 60.0
MAX_WAIT_SECONDS = 7_200.0
MAX_URL_LENGTH = 1_000  # characters that a QR code for a terminal can hold
MAX_FAILED_POLLS = 10  # in a row
MAX_CODE_LENGTH = 64

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A registration that waits for a person. `device_code` is a secret: it fetches the keys."""

    device_code: str = field(repr=False)
    user_code: str  # shown to the person, who compares it
    url: str  # content of the QR code
    wait_seconds: float
    interval_seconds: float


@dataclass(frozen=True, kw_only=True)
class AppKeys:
    """Client ID and Client Secret of an app."""

    app_key: str
    app_secret: str = field(repr=False)


async def begin_registration(session: aiohttp.ClientSession, base: str) -> Registration:
    """Start a registration at DingTalk's old API.

    Raises `TemporaryError` or `PermanentError` if DingTalk offers none: fall back to the developer console.
    """
    nonce = _text(await _call(session, base, "init", {}), "nonce")
    begun = await _call(session, base, "begin", {"nonce": nonce})
    url, user_code = _text(begun, "verification_uri_complete"), _text(begun, "user_code")
    if len(url) > MAX_URL_LENGTH or not is_dingtalk_address(url, [base]):
        raise PermanentError("the page of the registration does not belong to DingTalk")
    interval = _seconds(begun, "interval", MIN_INTERVAL_SECONDS)
    return Registration(
        device_code=_text(begun, "device_code"),
        user_code=user_code[:MAX_CODE_LENGTH],
        url=url,
        wait_seconds=min(_seconds(begun, "expires_in", MAX_WAIT_SECONDS), MAX_WAIT_SECONDS),
        interval_seconds=min(max(interval, MIN_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS),
    )


async def wait_for_keys(
    session: aiohttp.ClientSession, base: str, registration: Registration, *, sleep: Sleep = asyncio.sleep
) -> AppKeys:
    """Poll until a person has confirmed.

    Raises `PermanentError` if the person refuses or the code expires, and `TemporaryError` if DingTalk cannot
    be asked ten times in a row.
    """
    failed = 0
    for _ in range(math.ceil(registration.wait_seconds / registration.interval_seconds)):
        try:
            keys = await _poll(session, base, registration)
            failed = 0
        except TemporaryError as error:
            failed += 1
            if failed == MAX_FAILED_POLLS:
                raise
            log.debug("a poll of the registration failed: %s", error)
            keys = None
        if keys:
            return keys
        await sleep(registration.interval_seconds)
    raise PermanentError("the QR code expired before anybody confirmed it")


async def _poll(session: aiohttp.ClientSession, base: str, registration: Registration) -> AppKeys | None:
    answer = await _call(session, base, "poll", {"device_code": registration.device_code})
    status = answer.get("status")
    if status == "SUCCESS":
        return AppKeys(app_key=_text(answer, "client_id"), app_secret=_text(answer, "client_secret"))
    if status == "FAIL":
        raise PermanentError(f"DingTalk created no app: {answer.get('fail_reason') or 'FAIL'}")
    if status == "EXPIRED":
        raise PermanentError("the QR code expired before anybody confirmed it")
    return None


async def _call(
    session: aiohttp.ClientSession, base: str, step: str, body: Mapping[str, str]
) -> Mapping[str, Any]:
    _, answer = await post_json(session, f"{base}{PATH}/{step}", body)
    if problem := error_from_oapi(answer):
        raise problem
    return answer


def _text(answer: Mapping[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise PermanentError(f"DingTalk's answer to the registration has no {key}")
    return value


def _seconds(answer: Mapping[str, Any], key: str, default: float) -> float:
    value = answer.get(key)
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return default
    return float(value)
