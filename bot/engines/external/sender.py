"""Send commands to other systems: by a signed webhook (Standard Webhooks), or through a runner's queue."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Collection
from dataclasses import replace
from http import HTTPStatus

import aiohttp
from yarl import URL

from bot.errors import PermanentError, TemporaryError
from bot.external.models import Command, ExternalSchedule, RerunTarget
from bot.external.repository import ExternalRecords
from bot.models import Clock
from bot.reasons import reason

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=10)
SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of a secret in base64
MAX_RETRY_AFTER_SECONDS = 3600.0


class WebhookSender:
    """Sends commands, to hosts that the settings allow only. Redirects are not followed."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        records: ExternalRecords,
        *,
        hosts: Collection[str],
        clock: Clock,
    ) -> None:
        self._session = session
        self._commands = records.commands
        self._schedules = records.schedules
        self._hosts = frozenset(host.lower() for host in hosts)
        self._clock = clock

    async def send(self, command: Command, schedule: ExternalSchedule) -> None:
        """Send a command to the target of a schedule."""
        target = schedule.rerun
        if target is None:
            raise PermanentError(reason("no_rerun"))
        if target.runner:
            await self._commands.add(replace(command, runner=target.runner))
            return
        await self._post(command, schedule, target)

    async def _post(self, command: Command, schedule: ExternalSchedule, target: RerunTarget) -> None:
        if target.gone:
            raise PermanentError(reason("rerun_gone"))
        host = URL(target.url).host or ""
        if host.lower() not in self._hosts:
            raise PermanentError(reason("host_not_allowed", host=host))
        body = command_body(command)
        headers = signed_headers(command.id, int(self._clock().timestamp()), body, target.secret)
        try:
            async with self._session.post(
                target.url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT
            ) as answer:
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TemporaryError(f"{host} does not answer ({type(error).__name__})") from None
        await self._judge(status, retry_after, host, schedule)

    async def _judge(self, status: int, retry_after: str, host: str, schedule: ExternalSchedule) -> None:
        """Accept the answer, or raise what follows from it."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status == HTTPStatus.GONE:
            await self._remember_gone(schedule)
            raise PermanentError(reason("rerun_gone"))
        seconds = min(float(retry_after), MAX_RETRY_AFTER_SECONDS) if retry_after.isdecimal() else None
        raise TemporaryError(f"{host} answers {status}", retry_after=seconds)

    async def _remember_gone(self, schedule: ExternalSchedule) -> None:
        log.warning("%s takes no more commands: its URL answered 410", schedule.slug)
        if schedule.rerun and schedule.version:
            await self._schedules.save(replace(schedule, rerun=replace(schedule.rerun, gone=True)))


def command_body(command: Command) -> bytes:
    """Return the body of a webhook."""
    values = {
        "type": command.kind.value,
        "schedule": command.slug,
        "run": command.run_id,
        "rid": command.rid,
        "asked_by": command.asked_by,
        "labels": dict(command.labels),
        "tasks": list(command.tasks),
    }
    return json.dumps(values, ensure_ascii=False).encode()


def signed_headers(id_: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers of a webhook, with a signature of version 1 if there is a secret."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
    }
    if secret:
        content = f"{id_}.{timestamp}.".encode() + body
        digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    """Return the key of a secret: base64 behind `whsec_`, or else the text itself."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
