"""Test which cards appear without a notification."""

from dataclasses import replace
from typing import Any

import pytest

from bot.delivery.policy.silent_cards import is_silent
from bot.models import Destination, ExportStatus, Findings, KindSummary, RecipientOptions, Run, Trend
from tests.factories import make_counts, make_ended_run

GROUP = Destination.parse("group:cidA")
KNOWN = Findings(rows=3, compared=True, highlights=(KindSummary(kind="vuln", total=3),))


def green(**changes: Any) -> Run:
    """Make a run that succeeded, as the run before did."""
    return replace(make_ended_run(), trend=Trend(was_well=True, streak=2), **changes)


def test_a_run_that_succeeded_again_is_silent() -> None:
    assert is_silent(green(), GROUP)


@pytest.mark.parametrize(
    "run",
    [
        green(task_counts=make_counts(error=1)),
        green(findings=KNOWN),
        green(export_status=ExportStatus.ERROR),
        green(asked_in=GROUP),
        replace(green(), trend=Trend(was_well=False)),
        replace(green(), trend=Trend()),
        replace(green(), trend=None),
    ],
)
def test_a_run_that_somebody_should_look_at_is_not_silent(run: Run) -> None:
    assert not is_silent(run, GROUP)


def test_a_card_that_mentions_somebody_is_not_silent() -> None:
    run = green()
    options = (RecipientOptions(to=GROUP, mention=("user01",)),)
    assert not is_silent(replace(run, schedule=replace(run.schedule, recipient_options=options)), GROUP)


def test_a_run_that_was_asked_for_elsewhere_is_silent() -> None:
    assert is_silent(green(asked_in=Destination.parse("user:user01")), GROUP)
