"""Notify workers through a Redis or RabbitMQ broker, and run a worker. Everything that knows Celery.

A notification says that there is a request, not which one. Requests are in the store and are claimed there.
So a notification that is lost, repeated, late or forged does no harm, and no result backend is needed.
Everything here blocks.
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
from bot.exporters.celery.consumer import TASK_NAME, NotificationConsumer, heartbeat_step
from bot.telemetry.redaction import STARS, find_secrets, redact_url

log = logging.getLogger(__name__)

QUEUE = "dingrun"
CONNECT_TIMEOUT_SECONDS = 4.0
RESPONSE_TIMEOUT_SECONDS = 5.0  # may delay the stop of a bot by as much
NOTIFICATION_TTL_SECONDS = 900.0  # without it, notifications pile up while no worker runs
KILL_GRACE_SECONDS = 30.0  # after the time limit, until the process of a task is killed
RETRY_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
OVERRIDING_VARIABLES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")


class Broker:
    """The broker at a URL. Every method raises `TemporaryError` while it does not answer."""

    def __init__(self, url: str, *, time_limit: float) -> None:
        for name in OVERRIDING_VARIABLES:  # Celery prefers them to the URL that is passed
            os.environ.pop(name, None)
        self.display_url = redact_url(url)
        self._secrets = find_secrets(url)
        self._app = Celery("dingrun", broker=url, set_as_current=False)
        self._app.conf.update(
            accept_content=["json"],
            task_default_queue=QUEUE,
            task_ignore_result=True,
            task_acks_late=True,
            task_reject_on_worker_lost=True,
            task_time_limit=time_limit + KILL_GRACE_SECONDS,
            task_publish_retry_policy=RETRY_ONCE,
            worker_prefetch_multiplier=1,
            worker_consumer=f"{NotificationConsumer.__module__}:{NotificationConsumer.__name__}",
            worker_enable_remote_control=False,  # everybody with access to the broker could stop all workers
            worker_send_task_events=False,
            worker_cancel_long_running_tasks_on_connection_loss=False,
            worker_redirect_stdouts=False,
            broker_connection_timeout=CONNECT_TIMEOUT_SECONDS,
            broker_connection_retry_on_startup=True,
            broker_connection_max_retries=None,
            broker_transport_options=_transport_options(url, time_limit),
        )
        connection = self._app.connection_for_write()  # never opened: it lists the errors of its transport
        self._errors = (KombuError, OSError, *connection.connection_errors, *connection.channel_errors)

    def notify(self) -> None:
        """Wake one worker that is idle, or the next one that becomes idle."""
        self._call(
            lambda: self._app.send_task(TASK_NAME, ignore_result=True, expires=NOTIFICATION_TTL_SECONDS)
        )

    def check(self) -> None:
        """Open a connection to the broker and close it again."""
        self._call(self._connect)

    def _connect(self) -> None:
        with self._app.connection_for_write() as connection:
            connection.ensure_connection(timeout=CONNECT_TIMEOUT_SECONDS, **RETRY_ONCE)

    def serve(self, handle: Callable[[], None], *, heartbeat: Callable[[], None], concurrency: int) -> int:
        """Run a worker until it is told to stop and return its exit code.

        - `handle` is called for each notification, in a process of its own.
        - `heartbeat` is called every few seconds while notifications can be received.
        - While the broker does not answer, the worker waits for it.
        """

        def task() -> None:
            handle()

        self._app.task(name=TASK_NAME, shared=False)(task)
        warnings.simplefilter("ignore", CPendingDeprecationWarning)  # of options chosen above
        signals.setup_logging.connect(_keep_logging)
        signals.worker_ready.connect(self._log_ready)
        self._app.steps["consumer"].add(heartbeat_step(heartbeat))
        worker = self._app.Worker(
            hostname=worker_name(),
            concurrency=concurrency,
            pool="prefork",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _log_ready(self, **_: object) -> None:
        log.info("worker %s receives notifications from %s", worker_name(), self.display_url)

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except self._errors as error:
            reason = str(error) or type(error).__name__
            for secret in self._secrets:
                reason = reason.replace(secret, STARS)
            raise TemporaryError(
                f"exporter.broker_url: {self.display_url} does not answer: {reason}"
            ) from error


def _transport_options(url: str, time_limit: float) -> dict[str, object]:
    """Return the options of a kind of broker. Redis redelivers what is not acknowledged in time."""
    if url.startswith("amqp"):
        timeouts = {"read_timeout": RESPONSE_TIMEOUT_SECONDS, "write_timeout": RESPONSE_TIMEOUT_SECONDS}
        return {**RETRY_ONCE, **timeouts, "confirm_publish": True}
    return {
        **RETRY_ONCE,
        "visibility_timeout": int(time_limit + 2 * KILL_GRACE_SECONDS),
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_timeout": RESPONSE_TIMEOUT_SECONDS,
    }


def worker_name() -> str:
    """Return the name of the worker in this process: its process id and machine."""
    return f"dingrun-{os.getpid()}@{socket.gethostname()}"


def _keep_logging(**_: object) -> None:
    """Do nothing. A receiver of this signal keeps Celery from replacing our logging, which masks secrets."""
