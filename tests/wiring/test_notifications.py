"""Test what is built from the `notify` settings."""

from datetime import time

from bot.config.settings import Settings
from bot.wiring.notifications import build_quiet_hours
from tests.conftest import changed


def test_quiet_hours_are_in_the_configured_time_zone() -> None:
    settings = changed(Settings(), notify={"quiet_hours": "22:00-24:00", "quiet_hours_except": "failed"})
    hours = build_quiet_hours(settings)
    assert hours is not None
    assert (hours.start, hours.end, hours.except_failed) == (time(22), time(0), True)
    assert hours.zone == settings.zone


def test_by_default_there_are_none() -> None:
    assert build_quiet_hours(Settings()) is None
