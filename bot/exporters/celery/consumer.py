"""The consumer of a worker: accepts rings of ours and nothing else, whatever lies in the queue.

Celery looks at a message in several places, and a foreign one makes it stumble in many: arguments that are no
list, a time limit that is a word, a content type that is missing. Each ends the worker that took it, and the
next one when the broker hands it on. So a message that is not a ring to the letter is rejected before Celery
looks at it, and what cannot even be read costs a connection and not the worker.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.tasks import Tasks

log = logging.getLogger(__name__)

RING = "dingrun.make"
BEAT_SECONDS = 10.0
SHOWN = 60  # characters of what a foreign message calls itself

_NO_LIMITS = (None, [None, None], (None, None))


def is_ring(message: Any) -> bool:
    """Check that a message is exactly what `Broker.ring` sends: no arguments, no date, no follow-up."""
    headers = message.headers
    if not isinstance(headers, dict) or message.errors:
        return False
    named = headers.get("task") == RING and isinstance(headers.get("id"), str)
    plain = headers.get("eta") is None and headers.get("timelimit") in _NO_LIMITS
    ends = isinstance(headers.get("expires"), str | None)
    json_text = (message.content_type, str(message.content_encoding).lower()) == ("application/json", "utf-8")
    return named and plain and ends and json_text and _asks_nothing(message.body)


def _asks_nothing(body: Any) -> bool:
    """Check a body: no arguments, and no task that its end would start."""
    try:
        args, kwargs, embedded = json.loads(bytes(body) if isinstance(body, memoryview) else body)
    except (ValueError, TypeError, RecursionError):
        return False
    return args == [] and kwargs == {} and isinstance(embedded, dict) and not any(embedded.values())


class RingConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer, surviving whatever it is handed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.connection_errors = (Exception,)  # then it connects again; a stop is no `Exception`

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        take = super().create_task_handler(*args, **options)

        def take_ring(message: Any) -> None:
            if is_ring(message):
                take(message)
            else:
                self._reject(message)

        return take_ring

    def _reject(self, message: Any) -> None:
        headers = message.headers if isinstance(message.headers, dict) else {}
        kind, name = str(message.content_type)[:SHOWN], str(headers.get("task"))[:SHOWN]
        log.warning("a message that is no ring of DingRun's is rejected: %s, task %s", kind, name)
        message.reject_log_error(log, self.connection_errors)


class Life(bootsteps.StartStopStep):  # type: ignore[misc]
    """Heartbeat in the loop that consumes: a worker that hangs there sends none."""

    requires = (Tasks,)
    beat: Callable[[], None]

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        self.beat()
        self._timer = consumer.timer.call_repeatedly(BEAT_SECONDS, self.beat)

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def life(beat: Callable[[], None]) -> type[Life]:
    """Make the step of a consumer that calls `beat`."""
    return type("Life", (Life,), {"beat": staticmethod(beat)})
