"""`deploy/alerts.yaml`, `deploy/grafana.json` and `docs/operate.md` name metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.telemetry.metrics import COUNTERS, GAUGES, HISTOGRAMS, Metrics
from tests import ROOT

ALERTS = ROOT / "deploy/alerts.yaml"
DASHBOARD = (ROOT / "deploy/grafana.json").read_text(encoding="utf-8")
PAGES = ("docs/operate.md", "docs/zh-CN/operate.md")
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
LABELS = {
    f"dingrun_{name}": set(labels)
    for name, _, labels, *_ in (*COUNTERS.values(), *HISTOGRAMS.values(), *GAUGES.values())
}
FROM_PROMETHEUS = {"instance", "job", "le"}
PROMTOOL = shutil.which("promtool")


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD)["panels"]
    return [rule["expr"] for rule in RULES] + [each["expr"] for panel in panels for each in panel["targets"]]


def name_of(series: str) -> str:
    known = re.sub(r"_(bucket|sum|count)$", "", series)
    return known if known in LABELS else series


def test_every_metric_that_is_asked_for_is_one() -> None:
    named = {name_of(each) for text in expressions() for each in re.findall(r"dingrun_\w+", text)}
    assert named - LABELS.keys() == set()


def test_the_dashboard_shows_every_metric() -> None:
    assert {name_of(each) for each in re.findall(r"dingrun_\w+", DASHBOARD)} == LABELS.keys()


@pytest.mark.parametrize("expression", expressions())
def test_every_label_that_is_asked_for_is_one_of_the_metrics(expression: str) -> None:
    known = {label for each in re.findall(r"dingrun_\w+", expression) for label in LABELS[name_of(each)]}
    chosen = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression)
    grouped = [word for group in re.findall(r"by \(([^)]*)\)", expression) for word in group.split(", ")]
    assert {*chosen, *grouped} <= known | FROM_PROMETHEUS


@pytest.mark.parametrize("page", PAGES)
def test_the_page_explains_every_metric_and_every_alert(page: str) -> None:
    rows = set(re.findall(r"^\| `(\w+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert LABELS.keys() <= rows
    assert {rule["alert"] for rule in RULES} <= rows
    assert {each for each in rows if each.startswith("dingrun_")} <= LABELS.keys()


def test_metrics_are_named_by_convention() -> None:
    text = Metrics().show().decode()
    counters = set(re.findall(r"^# TYPE (\w+) counter", text, re.MULTILINE))
    others = set(re.findall(r"^# TYPE (\w+) (?:gauge|histogram)", text, re.MULTILINE))
    assert all(name.startswith("dingrun_") and name.endswith("_total") for name in counters)
    assert not [name for name in others if name.endswith(("_total", "_ms", "_minutes"))]
    assert all(name.endswith("_seconds") for name in re.findall(r"# TYPE (\w+) histogram", text))


needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="needs promtool of Prometheus; .ci/run installs it")


def promtool(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(PROMTOOL), *words], capture_output=True, text=True, check=False)  # noqa: S603


@needs_promtool
def test_prometheus_takes_the_alerts() -> None:
    checked = promtool("check", "rules", str(ALERTS))
    assert f"SUCCESS: {len(RULES)} rules found" in checked.stdout, checked.stderr


@needs_promtool
def test_prometheus_takes_the_metrics() -> None:
    """Promtool also names what breaks its conventions."""
    metrics = Metrics()
    metrics.frame("message", "acked", 0.1)
    metrics.visible(1.0)
    checked = subprocess.run(  # noqa: S603
        [str(PROMTOOL), "check", "metrics"], input=metrics.show(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


FIRING = {  # series for which an alert fires at 8h, beside those for which it does not
    "DingRunDown": ['up{job="dingrun"}', "0x480"],
    "DingRunStoreFails": ['dingrun_part_works{part="store"}', "0x480"],
    "DingRunStreamDown": ['dingrun_stream_connected{app=""}', "0x480"],
    "DingRunStreamSilent": ['dingrun_stream_frame_age_seconds{app=""}', "0+60x480"],
    "DingRunPartFails": ['dingrun_part_works{part="engine arl"}', "0x480"],
    "DingRunDeliveriesGivenUp": ['dingrun_jobs_total{kind="card",outcome="dead"}', "0+1x480"],
    "DingRunDeliveriesUnconfirmed": ["dingrun_deliveries_unconfirmed", "1x480"],
    "DingRunRetries": ['dingrun_job_retries_total{kind="card",error="TemporaryError"}', "0+1x480"],
    "DingRunAcksSlow": ['dingrun_stream_ack_seconds_bucket{topic="tap",le="+Inf"}', "0+1x480"],
    "DingRunFramesNotStored": ['dingrun_stream_frames_total{topic="tap",outcome="not_stored"}', "0+1x480"],
    "DingRunSummariesSlow": ['dingrun_run_visible_seconds_bucket{le="+Inf"}', "0+1x480"],
    "DingRunReportsLate": ["dingrun_export_lag_seconds", "0+60x480"],
    "DingRunLoopErrors": ['dingrun_loop_errors_total{loop="watcher"}', "0+1x480"],
    "DingRunEventLoopSlow": ['dingrun_event_loop_lag_seconds_bucket{le="+Inf"}', "0+1x480"],
    "DingRunQuotaShort": ['dingrun_quota_forecast_calls{quota="api"}', "6000x480"],
    "DingRunApiErrors": ['dingrun_api_requests_total{route="/v1/runs",status="503"}', "0+1x480"],
}
BESIDE = [  # what the alerts compare with, and what is well
    ('dingrun_quota_limit_calls{quota="api"}', "5000x480"),
    ('dingrun_stream_ack_seconds_bucket{topic="tap",le="1"}', "0x480"),
    ('dingrun_stream_ack_seconds_bucket{topic="tap",le="5"}', "0x480"),
    ('dingrun_run_visible_seconds_bucket{le="600"}', "0x480"),
    ('dingrun_event_loop_lag_seconds_bucket{le="5"}', "0x480"),
]
WELL = [
    ('up{job="dingrun"}', "1x480"),
    ('dingrun_part_works{part="store"}', "1x480"),
    ('dingrun_part_works{part="quota api"}', "0x480"),
    ('dingrun_stream_connected{app=""}', "1x480"),
    ('dingrun_quota_forecast_calls{quota="api"}', "4000x480"),
    ('dingrun_quota_limit_calls{quota="api"}', "5000x480"),
    ('dingrun_quota_forecast_calls{quota="stream_webhook"}', "4000x480"),
    ('dingrun_quota_limit_calls{quota="stream_webhook"}', "0x480"),
    ('dingrun_job_retries_total{kind="card",error="RateLimited"}', "0+9x480"),
    ("dingrun_deliveries_unconfirmed", "0x480"),
]


def group(series: list[tuple[str, str]], expected: dict[str, int]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                "eval_time": "8h",
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for alert, count in expected.items()
        ],
    }


@needs_promtool
def test_every_alert_fires_when_it_should_and_none_does_when_all_is_well(tmp_path: Path) -> None:
    names = [rule["alert"] for rule in RULES]
    assert FIRING.keys() == set(names)
    ill = group([*BESIDE, *((name, values) for name, values in FIRING.values())], dict.fromkeys(names, 1))
    well = group(WELL, dict.fromkeys(names, 0))
    tests = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [ill, well]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    checked = promtool("test", "rules", str(tmp_path / "tests.yaml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
@pytest.mark.parametrize("alert", ["DingRunDeliveriesGivenUp", "DingRunFramesNotStored"])
def test_the_very_first_event_fires_its_alert(tmp_path: Path, alert: str) -> None:
    """Its counter appears with the value 1, so that Prometheus sees no increase."""
    first = group([(FIRING[alert][0], "_x474 1x6")], {alert: 1})
    long_ago = group([(FIRING[alert][0], "1x480")], {alert: 0})
    tests = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [first, long_ago]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    checked = promtool("test", "rules", str(tmp_path / "tests.yaml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
