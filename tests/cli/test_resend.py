"""`dingrun redeliver` asks; the running service does it."""

from pathlib import Path

import pytest

from bot.cli.resend import resend
from bot.config.settings import Settings
from bot.errors import PermanentError, TemporaryError
from bot.runtime import utc_now
from tests.conftest import CoreHarness


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/dingrun.db"}})


async def unconfirmed(desk: CoreHarness) -> str:
    desk.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    return (await desk.finished_run()).id


async def test_without_a_name_it_lists_what_is_troubled(desk: CoreHarness, settings: Settings) -> None:
    assert await resend(settings, "") == ["nothing to send again"]
    run_id = await unconfirmed(desk)
    (line,) = await resend(settings, "")
    assert line == f"unconfirmed  file:{run_id}:group:cidA  answer lost"


@pytest.mark.parametrize("name", ["{run}", "file:{run}:group:cidA"])
async def test_a_run_or_a_job_is_sent_again_by_the_service(
    desk: CoreHarness, settings: Settings, name: str
) -> None:
    run_id = await unconfirmed(desk)
    assert await resend(settings, name.format(run=run_id)) == [f"asked for: file:{run_id}:group:cidA~2"]
    desk.clock.now = utc_now()  # the command line has no clock to turn
    await desk.do_jobs()
    assert desk.messenger.verbs()[-2:] == ["file", "update"]


async def test_what_there_is_not_is_said(desk: CoreHarness, settings: Settings) -> None:
    run = await desk.finished_run()
    for name in ("r0", run.id, f"card:{run.id}:group:cidA"):
        with pytest.raises(PermanentError, match="nothing of it to send again"):
            await resend(settings, name)
