"""`python -m bot redeliver` asks; the running service does it."""

from pathlib import Path

import pytest

from bot.cli.resend import redeliver
from bot.config.settings import Settings
from bot.errors import Permanent, Temporary
from bot.runtime import utc_now
from tests.conftest import Desk


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/dingrun.db"}})


async def unconfirmed(desk: Desk) -> str:
    desk.messenger.trouble = [None, None, Temporary("answer lost", uncertain=True)]
    return (await desk.finished_run()).id


async def test_without_a_name_it_lists_what_is_troubled(desk: Desk, settings: Settings) -> None:
    assert await redeliver(settings, "") == ["nothing to send again"]
    run_id = await unconfirmed(desk)
    (line,) = await redeliver(settings, "")
    assert line == f"unconfirmed  file:{run_id}:group:cidA  answer lost"


@pytest.mark.parametrize("name", ["{run}", "file:{run}:group:cidA"])
async def test_a_run_or_a_job_is_sent_again_by_the_service(desk: Desk, settings: Settings, name: str) -> None:
    run_id = await unconfirmed(desk)
    assert await redeliver(settings, name.format(run=run_id)) == [f"asked for: file:{run_id}:group:cidA~2"]
    desk.clock.now = utc_now()  # the command line has no clock to turn
    await desk.do_jobs()
    assert desk.messenger.verbs()[-2:] == ["file", "update"]


async def test_what_there_is_not_is_said(desk: Desk, settings: Settings) -> None:
    run = await desk.finished_run()
    for name in ("r0", run.id, f"card:{run.id}:group:cidA"):
        with pytest.raises(Permanent, match="nothing of it to send again"):
            await redeliver(settings, name)
