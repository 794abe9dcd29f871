"""What can be counted, in Prometheus' format; a registry of our own, nothing global. Pure."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.models import Job

SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """Counts outcomes as they happen; gauges are set when somebody looks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._jobs = Counter(
            "dingrun_jobs_total",
            "Attempts at jobs by how they ended",
            ["kind", "state"],
            registry=self._registry,
        )
        self._waited = Histogram(
            "dingrun_job_seconds",
            "Seconds from the intention to the end of a job",
            ["kind"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._loop_errors = Counter(
            "dingrun_loop_errors_total",
            "Steps of endless loops that failed; the loop went on",
            ["loop"],
            registry=self._registry,
        )
        self._links = Counter(
            "dingrun_link_requests_total",
            "Requests for reports by link: served, resumed, or why not",
            ["outcome"],
            registry=self._registry,
        )
        self._web_faults = Counter(
            "dingrun_web_faults_total",
            "Requests and connections that the web server refused or gave up, by kind",
            ["kind"],
            registry=self._registry,
        )
        self._gauges = {
            "open_runs": Gauge("dingrun_open_runs", "Runs that have not ended", registry=self._registry),
            "dead": Gauge("dingrun_deliveries_dead", "Deliveries given up", registry=self._registry),
            "unconfirmed": Gauge(
                "dingrun_deliveries_unconfirmed", "Deliveries nobody knows of", registry=self._registry
            ),
            "api_calls": Gauge(
                "dingrun_api_calls_month", "API calls booked this month", registry=self._registry
            ),
            "stream_calls": Gauge(
                "dingrun_stream_webhook_calls_month",
                "Webhook and Stream calls booked this month",
                registry=self._registry,
            ),
            "exports_waiting": Gauge(
                "dingrun_exports_waiting", "Reports asked for and not made yet", registry=self._registry
            ),
            "export_lag": Gauge(
                "dingrun_export_lag_seconds",
                "How long the oldest report that is not made yet has waited",
                registry=self._registry,
            ),
            "stream": Gauge("dingrun_stream_connected", "1 while the Stream is", registry=self._registry),
        }

    def outcome(self, job: Job) -> None:
        """A job was tried; called once per attempt."""
        self._jobs.labels(kind=job.kind, state=job.state.value).inc()
        if job.ended_at:
            waited = (job.ended_at - job.created_at).total_seconds()
            self._waited.labels(kind=job.kind).observe(waited)

    def loop_error(self, loop: str) -> None:
        """Count a failed step of an endless loop; `loop` is one of a few names."""
        self._loop_errors.labels(loop=loop).inc()

    def link(self, outcome: str) -> None:
        """Somebody asked for a report by a link; `outcome` is one of a few words."""
        self._links.labels(outcome=outcome).inc()

    def web_fault(self, kind: str) -> None:
        """The web server refused or gave up something; `kind` is one of a few words."""
        self._web_faults.labels(kind=kind).inc()

    def reports_behind(self, *, waiting: int, lag: timedelta) -> None:
        """Set how many reports are pending and for how long the oldest; called once a minute."""
        self._gauges["exports_waiting"].set(waiting)
        self._gauges["export_lag"].set(lag.total_seconds())

    def show(self, **present: float) -> bytes:
        """Everything as text; `present` are the gauges: open_runs, dead, unconfirmed,
        api_calls, stream_calls, stream."""
        for name, value in present.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)
