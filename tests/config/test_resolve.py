"""Settings become recipients, options and robots."""

from typing import Any

import pytest
from pydantic import ValidationError

from bot.config.access import AccessSettings
from bot.config.api.settings import ApiSettings
from bot.config.expectations import ExpectationSettings
from bot.config.resolve import (
    expectation_resolver,
    groups_in,
    groups_of_webhooks,
    people_in,
    resolve_fallback_webhooks,
    resolve_operators,
    resolve_schedules,
    resolve_webhooks,
)
from bot.config.settings import Settings
from bot.config.validation import find_conflicts, settings_warnings
from bot.delivery.recipients import options_for
from bot.models import Destination, FileMode, NotifyOn, Schedule
from tests.factories import NOW

GROUP = "cidOps=="
APP = {"APP_KEY": "dingkey", "APP_SECRET": "s", "DEFAULT_CHAT_ID": GROUP, "AGENT_ID": 7}
ROBOT = {"ACCESS_TOKEN": "t", "SECRET": "SECs", "KEYWORD": "巡检"}


def settings(
    notify: dict[str, Any] | None = None, ding: dict[str, Any] | None = None, **schedule: Any
) -> Settings:
    wanted = {"name": "每日巡检", "cron": "0 3 * * *", "targets": ["example.com"], "notify_enable": True}
    return Settings.model_validate({
        "DINGDING": APP if ding is None else ding,
        "notify": notify or {},
        "access": {"operators": ["manager01"]},
        "schedules": [wanted | schedule],
    })


def the_schedule(given: Settings) -> Schedule:
    (schedule,) = resolve_schedules(given)
    return schedule


def told(given: Settings) -> list[str]:
    return [str(place) for place in the_schedule(given).send_to]


def test_without_a_word_the_default_group_is_told() -> None:
    assert told(settings()) == [f"group:{GROUP}"]


def test_without_an_app_the_default_robot_is_told() -> None:
    assert told(settings(ding=ROBOT)) == ["webhook:default"]


def test_a_route_goes_before_the_default_and_the_schedule_s_own_before_the_route() -> None:
    notify = {"routes": {"每日巡检": ["user:boss", "group:cidB"]}}
    assert told(settings(notify)) == ["user:boss", "group:cidB"]
    assert told(settings(notify, send_to=["work:user01"])) == ["work:user01"]


def test_a_destination_may_have_its_own_notify_on_and_mentions() -> None:
    notify = {"on_call": ["user02", "13800000000"]}
    place = {"to": f"group:{GROUP}", "notify_on": "failed", "mention": ["owner", "on_call", "user02", "all"]}
    schedule = the_schedule(settings(notify, owner="boss", send_to=[place, "user:boss"]))
    (manner,) = schedule.recipient_options
    assert manner.notify_on is NotifyOn.FAILED
    assert manner.mention == ("boss", "user02", "13800000000", "all")


def test_mentions_may_wait_for_a_failure() -> None:
    place = {"to": f"group:{GROUP}", "mention": ["boss"], "mention_on": "failed"}
    assert the_schedule(settings(send_to=[place])).recipient_options[0].only_failed


@pytest.mark.parametrize("mode", FileMode)
def test_each_destination_says_when_it_gets_files(mode: FileMode) -> None:
    schedule = the_schedule(settings(send_to=[{"to": f"group:{GROUP}", "file": mode.value}]))
    assert options_for(schedule, Destination.parse(f"group:{GROUP}")).file is mode


def test_an_owner_that_nobody_is_rings_for_nobody() -> None:
    place = {"to": f"group:{GROUP}", "mention": ["owner"]}
    assert the_schedule(settings(send_to=[place])).recipient_options[0].mention == ()


def test_robots_are_known_by_name_with_their_keyword() -> None:
    notify = {"webhooks": {"ops": {"ACCESS_TOKEN": "u"}}}
    robots = resolve_webhooks(settings(notify, APP | ROBOT))
    assert {name: robot.keyword for name, robot in robots.items()} == {"ops": "", "default": "巡检"}


def test_the_default_robot_stands_beside_the_default_group() -> None:
    found = resolve_fallback_webhooks(
        settings({"fallback_webhooks": {"cidB": "ops"}, "webhooks": {"ops": ROBOT}}, APP | ROBOT)
    )
    assert {place: str(robot) for place, robot in found.items()} == {
        "group:cidB": "webhook:ops",
        f"group:{GROUP}": "webhook:default",
    }


@pytest.mark.parametrize(
    ("notify", "ding", "operators"),
    [
        ({"operators": ["user:boss"]}, APP, ["user:boss"]),
        ({}, APP, [f"group:{GROUP}"]),
        ({}, ROBOT, ["webhook:default"]),
        ({}, {}, []),
    ],
)
def test_operators_are_named_or_where_everything_goes(
    notify: dict[str, Any], ding: dict[str, Any], operators: list[str]
) -> None:
    assert [str(place) for place in resolve_operators(settings(notify, ding))] == operators


SECOND = {"apps": {"second": {"APP_KEY": "k", "APP_SECRET": "s"}}}


@pytest.mark.parametrize(
    ("notify", "places", "problem"),
    [
        ({}, ["group:cidA#second"], "names the app second, which is not in notify.apps"),
        (SECOND, ["group:cidA#second"], ""),
        (SECOND, ["work:user01#second"], "needs DINGDING.AGENT_ID"),
        ({}, ["webhook:ops"], "names webhook:ops, which is not in notify.webhooks"),
        (
            {"fallback_webhooks": {"cidA": "ops"}},
            ["group:cidA"],
            "names ops, which is not in notify.webhooks",
        ),
    ],
)
def test_what_fits_nowhere_stops_the_start_by_name(
    notify: dict[str, Any], places: list[str], problem: str
) -> None:
    found = [each.text for each in find_conflicts(settings(notify, send_to=places))]
    assert bool(found) is bool(problem)
    assert all(problem in each for each in found)


@pytest.mark.parametrize(("at", "warned"), [("2020-01-01 03:00", True), ("2030-01-01 03:00", False)])
def test_a_time_that_is_past_is_no_error_but_said(at: str, warned: bool) -> None:
    """The schedule may have run at its time, and the service have been restarted since."""
    given = settings(cron=None, at=at)
    assert not list(find_conflicts(given))
    warnings = settings_warnings(given, NOW)
    assert bool(warnings) is warned
    assert all("schedules[0].at: 每日巡检 was to run at 2020-01-01 03:00" in each for each in warnings)


def test_nobody_who_hears_of_troubles_is_said() -> None:
    ding = {"APP_KEY": "dingkey", "APP_SECRET": "s"}
    (warning,) = settings_warnings(settings(ding=ding, send_to=["group:cidA"]), NOW)
    assert "notify.operators is empty" in warning
    assert not settings_warnings(settings(ding={}), NOW)


@pytest.mark.parametrize(
    ("patterns", "grace"),
    [({}, 300), ({"每日巡检": {"grace": 600}}, 600), ({"每日*": {"grace": 60}, "*": {"grace": 900}}, 60)],
)
def test_the_first_pattern_that_matches_tells_what_is_expected(
    patterns: dict[str, Any], grace: float
) -> None:
    given = settings().model_copy(
        update={"expectations": Settings.model_validate({"expectations": patterns}).expectations}
    )
    assert the_schedule(given).expect.grace.total_seconds() == grace


def test_arl_reads_cron_lines_in_its_own_time_zone() -> None:
    schedule = expectation_resolver(settings(), "Asia/Tokyo")(Schedule(id="65f0", name="x"))
    assert schedule.expect.timezone == "Asia/Tokyo"


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "0 3 * * *", "every": 60},
        {"late_factor": 0.5},
        {"grace": 1},
        {"overlap": "queue"},
        {"cron": "0 3"},
        {"tolerance": -1},
    ],
)
def test_an_expectation_that_makes_no_sense_is_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ExpectationSettings.model_validate(wrong)


@pytest.mark.parametrize(
    ("access", "warned"),
    [
        ({}, True),
        ({"viewers": ["user01"]}, True),
        ({"rules": [{"people": ["user01"], "role": "viewer"}]}, True),
        ({"admins": ["user01"]}, False),
        ({"rules": [{"conversations": ["cidA"], "role": "operator"}]}, False),
    ],
)
def test_it_is_said_when_nobody_may_act(access: dict[str, Any], warned: bool) -> None:
    given = settings(send_to=["group:cidA"], notify={"operators": ["user:manager01"]})
    given = given.model_copy(update={"access": AccessSettings.model_validate(access)})
    assert any("access names no operator" in each for each in settings_warnings(given, NOW)) is warned


def test_the_groups_and_people_that_destinations_name_are_known() -> None:
    given = settings(
        {"routes": {"每日巡检": ["group:cidB", "user:user01"]}, "fallback_webhooks": {"cidC": "default"}},
        ding=APP | ROBOT,
    )
    assert set(groups_in(given)) == {GROUP, "cidB", "cidC"}
    assert groups_of_webhooks(given)["default"] == ("cidC", GROUP)
    assert "user01" in people_in(given)


def test_owners_of_schedules_of_all_engines_are_known() -> None:
    given = settings(owner="user01")
    api = ApiSettings.model_validate({"schedules": {"backup-db": {"owner": "user02"}, "sync": None}})
    assert people_in(given.model_copy(update={"api": api})) == ("user01", "user02")


@pytest.mark.parametrize(
    ("given", "expected"), [({}, False), ({"每日*": "card"}, True), ({"每日巡检": False, "*": "card"}, False)]
)
def test_the_first_pattern_decides_on_the_card_at_the_start(given: dict[str, object], expected: bool) -> None:
    assert the_schedule(settings({"start_notice": given})).start_notice is expected
