"""The bell between bots and workers: the way to a Redis or RabbitMQ broker, and all that knows Celery.

A ring says that there is something to make, not what: that is in the store, and claimed there. So a ring
that is lost, doubled, late or forged does no harm, and there is no result backend. Everything here blocks.
"""

import logging
import os
import socket
import warnings
from collections.abc import Callable
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning
from kombu.exceptions import KombuError

from bot.errors import TemporaryError
from bot.exporters.celery.consumer import RING, RingConsumer, life
from bot.telemetry.redaction import STARS, find_secrets, redact_url

log = logging.getLogger(__name__)

QUEUE = "dingrun"
CONNECT_SECONDS = 4.0
ANSWER_SECONDS = 5.0  # a bot that stops may have to wait so long
FORGOTTEN = 900.0  # seconds; rings that no worker came for do not pile up for the first that does
GRACE = 30.0  # seconds over the time limit after which the process of a task is killed
ONCE_MORE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
OVERRIDES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")


class Broker:
    """The broker at an address. Everything raises `TemporaryError` while it does not answer."""

    def __init__(self, url: str, *, time_limit: float) -> None:
        for name in OVERRIDES:  # Celery lets them win over what is set here
            os.environ.pop(name, None)
        self.place = redact_url(url)
        self._secrets = find_secrets(url)
        self._app = Celery("dingrun", broker=url, set_as_current=False)
        self._app.conf.update(
            accept_content=["json"],
            task_default_queue=QUEUE,
            task_ignore_result=True,
            task_acks_late=True,
            task_reject_on_worker_lost=True,
            task_time_limit=time_limit + GRACE,
            task_publish_retry_policy=ONCE_MORE,
            worker_prefetch_multiplier=1,
            worker_consumer=f"{RingConsumer.__module__}:{RingConsumer.__name__}",
            worker_enable_remote_control=False,  # whoever reaches the broker could stop all workers by it
            worker_send_task_events=False,
            worker_cancel_long_running_tasks_on_connection_loss=False,
            worker_redirect_stdouts=False,
            broker_connection_timeout=CONNECT_SECONDS,
            broker_connection_retry_on_startup=True,
            broker_connection_max_retries=None,
            broker_transport_options=_options(url, time_limit),
        )
        way = self._app.connection_for_write()  # not opened: it knows the errors of its kind
        self._failures = (KombuError, OSError, *way.connection_errors, *way.channel_errors)

    def notify(self) -> None:
        """Wake a worker that is free, or will be."""
        self._asked(lambda: self._app.send_task(RING, ignore_result=True, expires=FORGOTTEN))

    def check(self) -> None:
        """Open a connection to the broker and close it again."""
        self._asked(self._connect)

    def _connect(self) -> None:
        with self._app.connection_for_write() as connection:
            connection.ensure_connection(timeout=CONNECT_SECONDS, **ONCE_MORE)

    def serve(self, make: Callable[[], None], *, beat: Callable[[], None], at_once: int) -> int:
        """Be a worker until told to stop; `make` is called for each ring, in a process of its own.

        `beat` is called every few seconds while rings can be taken. The exit code. While the broker does not
        answer it waits for it.
        """

        def ring() -> None:
            make()

        self._app.task(name=RING, shared=False)(ring)
        warnings.simplefilter("ignore", CPendingDeprecationWarning)  # about what is chosen above
        signals.setup_logging.connect(_keep_logging)
        signals.worker_ready.connect(self._say_ready)
        self._app.steps["consumer"].add(life(beat))
        worker = self._app.Worker(
            hostname=worker_name(),
            concurrency=at_once,
            pool="prefork",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _say_ready(self, **_: object) -> None:
        log.info("the worker %s takes orders by %s", worker_name(), self.place)

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except self._failures as error:
            why = str(error) or type(error).__name__
            for secret in self._secrets:
                why = why.replace(secret, STARS)
            raise TemporaryError(f"exporter.broker_url: {self.place} does not answer: {why}") from error


def _options(url: str, time_limit: float) -> dict[str, object]:
    """What each kind of broker is told. Redis hands on a ring that nobody acknowledged in time."""
    if url.startswith("amqp"):
        patience = {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS}
        return {**ONCE_MORE, **patience, "confirm_publish": True}
    return {
        **ONCE_MORE,
        "visibility_timeout": int(time_limit + 2 * GRACE),
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
    }


def worker_name() -> str:
    """Name the worker that this process is, and its machine."""
    return f"dingrun-{os.getpid()}@{socket.gethostname()}"


def _keep_logging(**_: object) -> None:
    """A receiver of this signal keeps Celery from setting up logging: ours stars secrets."""
