"""The job kinds of delivery: one module per kind. A digest is run by `bot.delivery.digests`."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from bot.delivery.jobs.card import run_card_job
from bot.delivery.jobs.file import run_file_job
from bot.delivery.jobs.message import run_message_job
from bot.delivery.jobs.reminder import run_reminder_job
from bot.delivery.jobs.start import run_start_job
from bot.delivery.jobs.update import run_update_job
from bot.delivery.reconcile import Reconciler
from bot.delivery.services import DeliveryServices
from bot.jobs.queue import JobKind

FILE_LEASE = timedelta(seconds=20)


def delivery_job_kinds(services: DeliveryServices, reconciler: Reconciler) -> Mapping[str, JobKind]:
    """Return the job kinds by name. The names are stored with the jobs: a message is a `note` there."""
    summary_finished, delivery_finished = reconciler.on_summary_finished, reconciler.on_delivery_finished
    return {
        "card": JobKind(run=partial(run_card_job, services), on_finished=summary_finished),
        "start": JobKind(run=partial(run_start_job, services)),
        "note": JobKind(run=partial(run_message_job, services), on_finished=summary_finished),
        "file": JobKind(run=partial(run_file_job, services), on_finished=delivery_finished, lease=FILE_LEASE),
        "update": JobKind(run=partial(run_update_job, services), on_finished=delivery_finished),
        "reminder": JobKind(run=partial(run_reminder_job, services)),
        **services.digests.kinds,
    }
