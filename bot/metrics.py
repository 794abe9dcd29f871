"""What can be counted, in Prometheus' format; a registry of our own, nothing global. Pure."""

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
            "stream": Gauge("dingrun_stream_connected", "1 while the Stream is", registry=self._registry),
        }

    def outcome(self, job: Job) -> None:
        """A job was tried; called once per attempt."""
        self._jobs.labels(kind=job.kind, state=job.state.value).inc()
        if job.ended_at:
            waited = (job.ended_at - job.created_at).total_seconds()
            self._waited.labels(kind=job.kind).observe(waited)

    def link(self, outcome: str) -> None:
        """Somebody asked for a report by a link; `outcome` is one of a few words."""
        self._links.labels(outcome=outcome).inc()

    def web_fault(self, kind: str) -> None:
        """The web server refused or gave up something; `kind` is one of a few words."""
        self._web_faults.labels(kind=kind).inc()

    def show(self, **present: float) -> bytes:
        """Everything as text; `present` are the gauges: open_runs, dead, unconfirmed,
        api_calls, stream_calls, stream."""
        for name, value in present.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)
