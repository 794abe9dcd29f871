"""What must follow from the jobs of a run, derived from the jobs alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.delivery.consequences import (
    derive_consequences,
    due_updates,
    fallback_messages,
    replacements,
    shown_cards,
)
from bot.models import ExportStatus, Job, JobState, PushStatus
from tests.factories import NOW, make_ended_run, make_job

DONE, DEAD, UNCONFIRMED, TODO = JobState.DONE, JobState.DEAD, JobState.UNCONFIRMED, JobState.TODO


def job(id_: str, state: JobState = DONE, *, to: str = "group:cidA", **result: object) -> Job:
    """Return a job of a run. Its kind is what its id begins with."""
    kind = id_.split(":", maxsplit=1)[0]
    return make_job(
        id=id_, kind=kind, run_id="r1", state=state, payload={"destination": to}, result=result, error="why"
    )


def again(id_: str, of: str, state: JobState = DONE) -> Job:
    """Return a job that a person asked for in place of another one."""
    found = job(id_, state)
    return replace(found, payload={**found.payload, "again": of})


CARD = job("card:r1:group:cidA", exports=["export:r1"])
EXPORT = job("export:r1")
FILE = job("file:r1:group:cidA")
LOST_FILE = job("file:r1:group:cidA", UNCONFIRMED)


def causes(*jobs: Job) -> list[str]:
    """Return the causes of the updates that are due, without the card that they have in common."""
    prefix = "update:r1:group:cidA:"
    return [each.id.removeprefix(prefix) for each in due_updates(jobs, NOW)]


def changes(*jobs: Job, **run: Any) -> Mapping[str, object]:
    """Return the changes of an ended run, whose report is being written unless `run` says otherwise."""
    return derive_consequences(replace(make_ended_run(), **run), jobs, NOW).changes


def test_all_that_follows_is_derived_together() -> None:
    dead, card = job("card:r1:group:cidA", DEAD), job("card:r1:user:user01", exports=[], to="user:user01")
    found = derive_consequences(make_ended_run(), [dead, card, EXPORT], NOW)
    assert [each.id for each in found.messages] == ["note:r1:group:cidA"]
    assert found.replacements == {dead.id: "note:r1:group:cidA"}  # the message that was added just now
    assert [each.id for each in found.updates] == ["update:r1:user:user01:export:r1"]
    assert found.changes == {}  # the message is to be sent


def test_when_all_is_well_nothing_follows() -> None:
    run = replace(make_ended_run(), push_status=PushStatus.SUCCESS, export_status=ExportStatus.SUCCESS)
    found = derive_consequences(run, [EXPORT, CARD, FILE], NOW)
    assert (found.messages, found.replacements, found.changes, found.updates) == ([], {}, {}, [])


def test_the_push_status_is_that_of_cards_and_messages() -> None:
    assert changes(CARD, LOST_FILE) == {"push_status": PushStatus.SUCCESS}
    assert changes(job("note:r1:group:cidA", DEAD)) == {"push_status": PushStatus.ERROR}
    assert changes(CARD, job("note:r1:webhook:ops", TODO, to="webhook:ops")) == {}
    assert changes(CARD, push_status=PushStatus.SUCCESS) == {}
    assert changes(job("note:r1:group:cidA", TODO), push_status=PushStatus.ERROR) == {}  # sent again


@pytest.mark.parametrize("exporting", [ExportStatus.PENDING, ExportStatus.RUNNING])
def test_a_report_that_is_given_up_is_an_error_of_the_run(exporting: ExportStatus) -> None:
    failed, pushed = job("export:r1", DEAD), {"push_status": PushStatus.SKIPPED}
    error = {"export_status": ExportStatus.ERROR, "export_error": "why"}
    assert changes(failed, export_status=exporting) == pushed | error
    assert changes(failed, EXPORT, export_status=exporting) == pushed  # it is written again
    assert changes(EXPORT, failed, export_status=exporting) == pushed | error
    assert changes(failed, export_status=ExportStatus.SUCCESS) == pushed
    assert changes(export_status=exporting) == pushed


@pytest.mark.parametrize("state", [DONE, UNCONFIRMED, TODO])
def test_a_message_goes_instead_of_a_card_that_was_given_up_only(state: JobState) -> None:
    other = job("card:r1:user:user01", state, to="user:user01")
    (message,) = fallback_messages([other, job("card:r1:group:cidA", DEAD)], NOW)
    assert (message.id, message.kind, message.run_id) == ("note:r1:group:cidA", "note", "r1")
    assert message.payload == {"version": 1, "destination": "group:cidA", "via": "group:cidA"}
    assert fallback_messages([job("card:r1:group:cidA", DEAD), message], NOW) == []
    assert fallback_messages([], NOW) == []


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [({}, True), ({"silent": True}, False), ({"skipped": "muted"}, False), ({"fell": "no cards"}, False)],
)
def test_a_card_is_shown_unless_it_was_left_out(hidden: dict[str, Any], shown: bool) -> None:
    card = job("card:r1:group:cidA", **hidden)
    assert shown_cards([job("note:r1:webhook:ops"), card]) == ([card] if shown else [])
    assert shown_cards([job("card:r1:group:cidA", UNCONFIRMED)]) == []


def test_a_destination_has_one_card_the_newest() -> None:
    newer = job("card:r1:group:cidA~2")
    assert shown_cards([CARD, newer]) == [newer]


@pytest.mark.parametrize(
    ("jobs", "due"),
    [
        ([CARD, EXPORT, FILE], []),
        ([job("card:r1:group:cidA", exports=[]), EXPORT], ["export:r1"]),
        ([job("card:r1:group:cidA", exports=[]), job("export:r1", TODO)], []),
        ([job("card:r1:group:cidA"), EXPORT], []),  # a digest, which does not show reports
        ([CARD, EXPORT, job("export:r1:again")], ["export:r1:again"]),
        ([CARD, LOST_FILE], ["file:r1:group:cidA"]),
        ([CARD, job("file:r1:group:cidA", link=True)], ["file:r1:group:cidA"]),
        ([CARD, job("file:r1:group:cidB", UNCONFIRMED, to="group:cidB")], []),
        ([CARD, job("file:r1:group:cidA", DEAD)], []),
        ([job("card:r1:group:cidA", DEAD), LOST_FILE], []),
    ],
)
def test_a_card_is_updated_for_what_it_does_not_show_yet(jobs: Sequence[Job], due: list[str]) -> None:
    assert causes(*jobs) == due


def test_a_card_is_updated_when_a_lost_file_is_lost_and_when_it_has_come() -> None:
    later = job("file:r1:group:cidA:m1")
    assert causes(CARD, LOST_FILE, later) == [LOST_FILE.id, later.id]
    assert causes(CARD, later, LOST_FILE) == [LOST_FILE.id]  # sent before, so it does not replace it
    (first, second) = due_updates([CARD, LOST_FILE, later], NOW)
    assert (first.kind, first.run_id, first.created_at) == ("update", "r1", NOW)
    assert due_updates([CARD, LOST_FILE, later, first], NOW) == [second]


NOTE = job("note:r1:group:cidA")


@pytest.mark.parametrize(
    ("lost", "later", "replaced"),
    [
        (job("card:r1:group:cidA", DEAD), NOTE, True),
        (job("card:r1:group:cidA", DEAD), job("note:r1:group:cidB", to="group:cidB"), False),
        (job("card:r1:group:cidA", DONE), NOTE, False),
        (job("note:r1:group:cidA", DEAD), FILE, False),
        (LOST_FILE, job("file:r1:group:cidA:m1"), True),
        (LOST_FILE, job("file:r1:group:cidA:m1", DEAD), False),
        (LOST_FILE, job("file:r1:group:cidA:m1", skipped="no report"), False),
        (LOST_FILE, job("file:r1:group:cidA:m1", parts=2), False),
        (LOST_FILE, job("file:r1:group:cidA:m1", silent=True), False),
        (LOST_FILE, job("file:r1:group:cidB:m1", to="group:cidB"), False),
        (job("update:r1:group:cidA:a", DEAD), job("update:r1:group:cidA:b"), True),
        (job("update:r1:group:cidA:a", DEAD), job("update:r1:group:cidA:b", skipped="later"), False),
        (job("update:r1:group:cidA:a", DEAD), job("update:r1:group:cidA:b", UNCONFIRMED), False),
        (job("update:r1:group:cidA:a", DEAD), job("update:r1:group:cidB:b", to="group:cidB"), False),
        (job("update:r1:group:cidA:a", DEAD), job("file:r1:group:cidA:b"), False),
        (job("export:r1", DEAD), job("export:r1:again"), False),
        (job("note:r1:group:cidA", DEAD), again("note:r1:group:cidA~2", "note:r1:group:cidA", TODO), True),
        (job("note:r1:group:cidA", DEAD), again("note:r1:group:cidA~2", "note:r1:group:cidB"), False),
    ],
)
def test_what_was_not_delivered_is_replaced_by_what_brings_the_same(
    lost: Job, later: Job, replaced: bool
) -> None:
    assert replacements([lost, later]) == ({lost.id: later.id} if replaced else {})


def test_only_a_later_update_replaces_one_and_what_is_replaced_stays_so() -> None:
    lost, later = job("update:r1:group:cidA:b", DEAD), job("update:r1:group:cidA:a")
    assert replacements([later, lost]) == {}
    assert replacements([replace(lost, replaced_by="x"), later]) == {}
