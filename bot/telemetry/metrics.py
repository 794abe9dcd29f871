"""Metrics in the format of Prometheus, in a registry of their own."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.models import Job

SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)

LINKS = "Download requests by outcome: served, resumed or the reason of the rejection"
API_REQUESTS = "Requests to the API by route and status"
WEB_FAULTS = "Requests and connections that the web server rejected or aborted, by kind"
GAUGES = {
    "open_runs": ("open_runs", "Runs that have not ended"),
    "dead": ("deliveries_dead", "Deliveries given up"),
    "unconfirmed": ("deliveries_unconfirmed", "Deliveries that may have arrived"),
    "api_calls": ("api_calls_month", "API calls this month"),
    "stream_calls": ("stream_webhook_calls_month", "Webhook and Stream calls this month"),
    "exports_waiting": ("exports_waiting", "Reports queued or being written"),
    "export_lag": ("export_lag_seconds", "Age of the oldest report that is not finished"),
    "stream": ("stream_connected", "1 if the Stream is connected"),
}


class Metrics:
    """Counters of outcomes, and gauges that are set when metrics are requested."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"dingrun_{name}", text, labels, registry=registry)

        self._jobs = counter("jobs_total", "Attempts of jobs by state", "kind", "state")
        self._waited = Histogram(
            "dingrun_job_seconds",
            "Seconds from the creation to the end of a job",
            ["kind"],
            buckets=SECONDS,
            registry=registry,
        )
        self._loop_errors = counter("loop_errors_total", "Failed steps of background loops", "loop")
        self._links = counter("link_requests_total", LINKS, "outcome")
        self._web_faults = counter("web_faults_total", WEB_FAULTS, "kind")
        self._api_requests = counter("api_requests_total", API_REQUESTS, "route", "status")
        self._gauges = {
            key: Gauge(f"dingrun_{name}", text, registry=registry) for key, (name, text) in GAUGES.items()
        }

    def outcome(self, job: Job) -> None:
        """Count an attempt of a job."""
        self._jobs.labels(kind=job.kind, state=job.state.value).inc()
        if job.ended_at:
            waited = (job.ended_at - job.created_at).total_seconds()
            self._waited.labels(kind=job.kind).observe(waited)

    def loop_error(self, loop: str) -> None:
        """Count a failed step of a loop."""
        self._loop_errors.labels(loop=loop).inc()

    def link(self, outcome: str) -> None:
        """Count a download request by outcome."""
        self._links.labels(outcome=outcome).inc()

    def api_request(self, route: str, status: int) -> None:
        """Count a request to the API by the pattern of its path and its status."""
        self._api_requests.labels(route=route, status=str(status)).inc()

    def web_fault(self, kind: str) -> None:
        """Count a rejected or aborted request or connection by kind."""
        self._web_faults.labels(kind=kind).inc()

    def reports_behind(self, *, waiting: int, lag: timedelta) -> None:
        """Set the number of pending reports and the age of the oldest one."""
        self._gauges["exports_waiting"].set(waiting)
        self._gauges["export_lag"].set(lag.total_seconds())

    def show(self, **present: float) -> bytes:
        """Return all metrics as text.

        `present` are the gauges open_runs, dead, unconfirmed, api_calls, stream_calls and stream.
        """
        for name, value in present.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)
