"""Record commands of the command line in the audit: who ran them, on which machine."""

import getpass
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from bot.audit.request import audited
from bot.config.loader import Settings
from bot.delivery.channels import Channels
from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Person
from bot.runtime import utc_now
from bot.wiring.audit import build_audit_log
from bot.wiring.messengers import open_channels
from bot.wiring.policies import build_budget
from bot.wiring.stores import StoreSet, open_stores

RULE = "command line"  # who can start it with these settings may do everything


@asynccontextmanager
async def audited_command(settings: Settings, stores: StoreSet, *words: str) -> AsyncIterator[None]:
    """Record what is done inside. The entry is pending until then, so that a killed command is seen."""
    record = build_audit_log(settings, stores, utc_now).record
    entry = command_entry(*words)
    await record(entry)
    try:
        async with audited(record, entry):
            yield
    except (ConfigError, PermanentError) as error:
        with suppress(TemporaryError):
            await record(replace(entry, outcome=AuditOutcome.FAILED, detail=str(error)))
        raise


@asynccontextmanager
async def counted_channels(settings: Settings, *words: str) -> AsyncIterator[Channels]:
    """Open the channels for a command that sends: its calls are limited and counted, and it is audited."""
    stores = open_stores(settings.store.url)
    await stores.store.open()
    try:
        limiter = RateLimiter(stores.quota, build_budget(settings), clock=utc_now)
        async with (
            audited_command(settings, stores, *words),
            open_channels(settings, utc_now, limiter) as channels,
        ):
            yield channels
    finally:
        await stores.store.close()


async def record_done(settings: Settings, stores: StoreSet, *words: str) -> None:
    """Record a command that is as good as done: it copies or replaces the store of the audit itself."""
    entry = replace(command_entry(*words), outcome=AuditOutcome.ACCEPTED)
    await build_audit_log(settings, stores, utc_now).record(entry)


def command_entry(*words: str) -> AuditEntry:
    """Return the entry of a command that starts now. Each call is another one."""
    return AuditEntry(
        id=f"cli:{uuid.uuid4()}",
        at=utc_now(),
        channel=AuditChannel.CLI,
        actor=Person(id="", name=user_name()),
        place=socket.gethostname(),
        said=" ".join(("dingrun", *words)),
        command=words[0],
        rule=RULE,
    )


def user_name() -> str:
    """Return the name of the user of this process, or the number if it has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
