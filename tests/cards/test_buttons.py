"""Test which buttons a card has, in every state of a run."""

from typing import Any

import pytest

from bot.models import ExportStatus, Run, RunStatus
from cards.buttons import MAX_BUTTONS, choose_buttons
from cards.summary import CardState, SummaryView
from handlers import router
from tests.cards.samples import STAMP, ended, failed, report

RUNNING = ended(status=RunStatus.RUNNING, task_counts=None, end_time=None)
ERROR = ended(status=RunStatus.ERROR, task_counts=None)
BROKEN_REPORT = ended(export_status=ExportStatus.ERROR)


@pytest.mark.parametrize(
    ("run", "with_report", "state", "actions"),
    [
        (RUNNING, False, {}, ["stop"]),
        (ended(), True, {}, ["report", "rerun", "mute"]),
        (ended(), False, {}, ["rerun", "mute"]),
        (ended(), True, {"linked": True}, ["report", "rerun", "mute", "revoke"]),
        (ended(), True, {"stamp": STAMP}, ["report", "mute"]),
        (ended(), True, {"unconfirmed": True}, ["resend", "report", "rerun", "mute"]),
        (BROKEN_REPORT, False, {}, ["regenerate", "rerun", "mute"]),
        (failed(), True, {}, ["rerun_failed", "report", "rerun"]),
        (failed(), False, {"unconfirmed": True}, ["resend", "rerun_failed", "rerun"]),
        (ERROR, False, {}, ["rerun"]),
    ],
)
def test_buttons_fit_the_state_of_the_run(
    run: Run, with_report: bool, state: dict[str, Any], actions: list[str]
) -> None:
    view = SummaryView(run=run, report=report() if with_report else None, state=CardState(**state))
    shown = [design.action for design in choose_buttons(router.button_designs, view)]
    assert [action for action in shown if action in actions] == actions
    assert len(shown) <= MAX_BUTTONS


def test_a_running_card_only_stops() -> None:
    view = SummaryView(run=RUNNING, report=None)
    assert [design.action for design in choose_buttons(router.button_designs, view)] == ["stop"]
