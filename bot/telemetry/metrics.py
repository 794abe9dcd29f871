"""Metrics in the format of Prometheus, in a registry of their own. `docs/operate.md` explains each.

No label has a key, a slug, an id or a person: their values are words of the code, and names of engines and
apps in the settings.
"""

from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot import __version__
from bot.models import Job, JobState
from bot.telemetry.rescues import Rescue

SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
FAST_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 1.2, 2, 3, 5)
"""DingTalk waits 2 s for a tap, 3 s for a message."""

COUNTERS = {
    "jobs": ("jobs_total", "Attempts of jobs by kind and outcome", ("kind", "outcome")),
    "retries": (
        "job_retries_total",
        "Attempts of jobs that are repeated, by kind and error",
        ("kind", "error"),
    ),
    "loop_errors": ("loop_errors_total", "Failed steps of background loops", ("loop",)),
    "links": (
        "link_requests_total",
        "Download requests by outcome: served, resumed or the reason of the rejection",
        ("outcome",),
    ),
    "web_faults": (
        "web_faults_total",
        "Requests and connections that the web server rejected or aborted, by kind",
        ("kind",),
    ),
    "rescues": (
        "rescues_total",
        "Repairs after a crash, a lost answer or a fault outside, by path",
        ("path",),
    ),
    "api_requests": ("api_requests_total", "Requests to the API by route and status", ("route", "status")),
    "frames": ("stream_frames_total", "Frames of the Stream by topic and outcome", ("topic", "outcome")),
    "commands": (
        "commands_total",
        "Messages, taps and requests on pages by command and outcome",
        ("channel", "command", "outcome"),
    ),
}
HISTOGRAMS = {
    "job": ("job_seconds", "Seconds from the creation to the end of a job", ("kind",), SECONDS),
    "ack": (
        "stream_ack_seconds",
        "Seconds from a frame of the Stream to its acknowledgement",
        ("topic",),
        FAST_SECONDS,
    ),
    "visible": (
        "run_visible_seconds",
        "Seconds from the end of a run to its card or message, without digests",
        (),
        SECONDS,
    ),
    "lag": (
        "event_loop_lag_seconds",
        "Delay of the event loop, measured every few seconds",
        (),
        FAST_SECONDS,
    ),
}
GAUGES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "open_runs": ("open_runs", "Runs that have not ended", ()),
    "dead": ("deliveries_dead", "Deliveries given up", ()),
    "unconfirmed": ("deliveries_unconfirmed", "Deliveries that may have arrived", ()),
    "quota_used": ("quota_used_calls", "Calls this month, by kind", ("quota",)),
    "quota_limit": ("quota_limit_calls", "Calls that a month has, by kind; 0 is no limit", ("quota",)),
    "quota_forecast": (
        "quota_forecast_calls",
        "Calls by the end of the month at the pace so far, by kind",
        ("quota",),
    ),
    "exports_waiting": ("exports_waiting", "Reports queued or being written", ()),
    "export_lag": ("export_lag_seconds", "Age of the oldest report that is not finished", ()),
    "stream": ("stream_connected", "1 if the Stream of an app is connected", ("app",)),
    "frame_age": ("stream_frame_age_seconds", "Age of the last frame of the Stream of an app", ("app",)),
    "part": ("part_works", "1 if a part of the service works, as of its last probe", ("part",)),
    "build": ("build_info", "Version of DingRun", ("version",)),
}


class Metrics:
    """Counters and histograms of outcomes, and gauges that are set when metrics are requested."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._counters = {
            key: Counter(f"dingrun_{name}", text, labels, registry=registry)
            for key, (name, text, labels) in COUNTERS.items()
        }
        self._histograms = {
            key: Histogram(f"dingrun_{name}", text, labels, buckets=buckets, registry=registry)
            for key, (name, text, labels, buckets) in HISTOGRAMS.items()
        }
        self._gauges = {
            key: Gauge(f"dingrun_{name}", text, labels, registry=registry)
            for key, (name, text, labels) in GAUGES.items()
        }
        for path in Rescue:  # so that those that were never needed are shown, too
            self._counters["rescues"].labels(path=path.value)
        self._gauges["build"].labels(version=__version__).set(1)

    def outcome(self, job: Job, error: str = "") -> None:
        """Count an attempt of a job. `error` is the kind of error that it failed with."""
        outcome = job.state.value
        if job.state is JobState.TODO:
            outcome = "retried" if error else "postponed"
            if error:
                self._counters["retries"].labels(kind=job.kind, error=error).inc()
        self._counters["jobs"].labels(kind=job.kind, outcome=outcome).inc()
        if job.ended_at:
            waited = (job.ended_at - job.created_at).total_seconds()
            self._histograms["job"].labels(kind=job.kind).observe(waited)

    def rescue(self, path: Rescue) -> None:
        """Count a repair."""
        self._counters["rescues"].labels(path=path.value).inc()

    def frame(self, topic: str, outcome: str, seconds: float) -> None:
        """Count a frame of the Stream, and the time until it was acknowledged."""
        self._counters["frames"].labels(topic=topic, outcome=outcome).inc()
        if outcome == "acked":
            self._histograms["ack"].labels(topic=topic).observe(seconds)

    def command(self, channel: str, command: str, outcome: str) -> None:
        """Count a request of a person by what came of it."""
        self._counters["commands"].labels(channel=channel, command=command, outcome=outcome).inc()

    def visible(self, seconds: float) -> None:
        """Record how long after its end a run became visible at a destination."""
        self._histograms["visible"].observe(seconds)

    def lag(self, seconds: float) -> None:
        """Record a delay of the event loop."""
        self._histograms["lag"].observe(seconds)

    def loop_error(self, loop: str) -> None:
        """Count a failed step of a loop."""
        self._counters["loop_errors"].labels(loop=loop).inc()

    def link(self, outcome: str) -> None:
        """Count a download request by outcome."""
        self._counters["links"].labels(outcome=outcome).inc()

    def api_request(self, route: str, status: int) -> None:
        """Count a request to the API by the pattern of its path and its status."""
        self._counters["api_requests"].labels(route=route, status=str(status)).inc()

    def web_fault(self, kind: str) -> None:
        """Count a rejected or aborted request or connection by kind."""
        self._counters["web_faults"].labels(kind=kind).inc()

    def reports_behind(self, *, waiting: int, lag: timedelta) -> None:
        """Set the number of pending reports and the age of the oldest one."""
        self._gauges["exports_waiting"].set(waiting)
        self._gauges["export_lag"].set(lag.total_seconds())

    def set_gauge(self, key: str, value: float, **labels: str) -> None:
        """Set a gauge of `GAUGES`."""
        gauge = self._gauges[key]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def show(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self._registry)
