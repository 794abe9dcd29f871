"""`dingrun resend` requests another attempt. The running service makes it."""

import socket
from pathlib import Path

import pytest

from bot.audit.reader import AuditReader
from bot.cli.audited import user_name
from bot.cli.resend import request_resend
from bot.config.settings import Settings
from bot.errors import PermanentError, TemporaryError
from bot.models import AuditChannel, AuditOutcome
from bot.runtime import utc_now
from bot.stores.sqlite.audit import SqliteAudit
from tests.conftest import CoreHarness


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/dingrun.db"}})


async def unconfirmed(core: CoreHarness) -> str:
    core.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    return (await core.finished_run()).id


async def test_without_an_argument_it_lists_undelivered_jobs(core: CoreHarness, settings: Settings) -> None:
    assert await request_resend(settings, "") == ["nothing to resend"]
    run_id = await unconfirmed(core)
    (line,) = await request_resend(settings, "")
    assert line == f"unconfirmed  file:{run_id}:group:cidA  answer lost"


@pytest.mark.parametrize("name", ["{run}", "file:{run}:group:cidA"])
async def test_a_run_or_a_job_is_resent_by_the_service(
    core: CoreHarness, settings: Settings, name: str
) -> None:
    run_id = await unconfirmed(core)
    assert await request_resend(settings, name.format(run=run_id)) == [f"queued: file:{run_id}:group:cidA~2"]
    core.clock.now = utc_now()  # the command line has no clock to turn
    await core.do_jobs()
    assert core.messenger.verbs()[-2:] == ["file", "update"]


async def test_an_unknown_or_delivered_job_is_an_error(core: CoreHarness, settings: Settings) -> None:
    run = await core.finished_run()
    for name in ("r0", run.id, f"card:{run.id}:group:cidA"):
        with pytest.raises(PermanentError, match="nothing to resend"):
            await request_resend(settings, name)


async def test_a_resend_is_in_the_audit_with_its_outcome(core: CoreHarness, settings: Settings) -> None:
    run_id = await unconfirmed(core)
    await request_resend(settings, "")
    await request_resend(settings, run_id)
    with pytest.raises(PermanentError):
        await request_resend(settings, "r0")
    failed, done = await AuditReader(SqliteAudit(core.store)).find()
    assert (done.channel, done.outcome, done.run_id) == (AuditChannel.CLI, AuditOutcome.ACCEPTED, run_id)
    assert (done.said, done.actor.name, done.place) == (
        f"dingrun resend {run_id}",
        user_name(),
        socket.gethostname(),
    )
    assert (failed.outcome, failed.detail[:4]) == (AuditOutcome.FAILED, "r0: ")
