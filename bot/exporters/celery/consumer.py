"""The consumer of a worker, which accepts our notifications and rejects every other message.

Celery reads a message in several places, and a foreign one makes it fail in many: arguments that are not a
list, a time limit that is not a number, a missing content type. Each failure ends the worker that received
it, and the next one when the broker redelivers it. So a message that is not exactly a notification is
rejected before Celery reads it. One that cannot be decoded costs a reconnect, not the worker.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.tasks import Tasks

log = logging.getLogger(__name__)

TASK_NAME = "dingrun.export"
HEARTBEAT_INTERVAL_SECONDS = 10.0
MAX_LOGGED_CHARACTERS = 60  # of the names in a foreign message

_NO_LIMITS = (None, [None, None], (None, None))


def is_notification(message: Any) -> bool:
    """Return whether a message is exactly what `Broker.notify` sends: no arguments, no ETA, no callbacks."""
    headers = message.headers
    if not isinstance(headers, dict) or message.errors:
        return False
    is_named = headers.get("task") == TASK_NAME and isinstance(headers.get("id"), str)
    is_immediate = headers.get("eta") is None and headers.get("timelimit") in _NO_LIMITS
    can_expire = isinstance(headers.get("expires"), str | None)
    encoding = (message.content_type, str(message.content_encoding).lower())
    is_json = encoding == ("application/json", "utf-8")
    return is_named and is_immediate and can_expire and is_json and _is_empty_call(message.body)


def _is_empty_call(body: Any) -> bool:
    """Return whether a body has no arguments and names no further task."""
    try:
        args, kwargs, embedded = json.loads(bytes(body) if isinstance(body, memoryview) else body)
    except (ValueError, TypeError, RecursionError):
        return False
    return args == [] and kwargs == {} and isinstance(embedded, dict) and not any(embedded.values())


class NotificationConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer, surviving every message."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connection_errors = (Exception,)  # it reconnects after any of these; a stop is no `Exception`

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **options)

        def handle_notification(message: Any) -> None:
            if is_notification(message):
                handle(message)
            else:
                self._reject(message)

        return handle_notification

    def call_soon_ack(self, p: Any, *args: Any, **options: Any) -> Any:
        """Acknowledge or reject a message. A failure ends the connection, so that the worker reconnects.

        Celery only logs the errors that `args` names. On Redis the message would count as taken until the
        connection ends. A worker takes one at a time, so it would never receive another one.
        """
        logger, _, *rest = args
        return super().call_soon_ack(p, logger, (), *rest, **options)

    def _reject(self, message: Any) -> None:
        headers = message.headers if isinstance(message.headers, dict) else {}
        kind = str(message.content_type)[:MAX_LOGGED_CHARACTERS]
        name = str(headers.get("task"))[:MAX_LOGGED_CHARACTERS]
        log.warning("rejected a message that is no notification of DingRun: %s, task %s", kind, name)
        message.reject()


class HeartbeatStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Send heartbeats from the loop that consumes, so that a worker that hangs sends none."""

    requires = (Tasks,)
    heartbeat: Callable[[], None]

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        self.heartbeat()
        self._timer = consumer.timer.call_repeatedly(HEARTBEAT_INTERVAL_SECONDS, self.heartbeat)

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def heartbeat_step(heartbeat: Callable[[], None]) -> type[HeartbeatStep]:
    """Build the step of a consumer that calls `heartbeat`."""
    return type("HeartbeatStep", (HeartbeatStep,), {"heartbeat": staticmethod(heartbeat)})
