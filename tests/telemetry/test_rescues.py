"""Every rescue path is counted, provoked by a test, and listed in the docs."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.telemetry.metrics import Metrics
from bot.telemetry.rescues import Rescue, count_rescue, counting_rescues
from tests import ROOT

PATHS = {path.value for path in Rescue}
NAMED = re.compile(r"Rescue\.([A-Z_]+)")
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def named_in(folder: str, pattern: str) -> set[str]:
    """Return the paths that the files of a folder name after a word."""
    files = (path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py"))
    return {Rescue[name].value for text in files for name in re.findall(pattern + NAMED.pattern, text)}


def test_every_path_is_counted_where_it_is_taken() -> None:
    assert named_in("bot", r"count_rescue\(") == PATHS


def test_every_path_is_provoked_by_a_test() -> None:
    assert named_in("tests", r"mark\.rescue\(") == PATHS


@pytest.mark.parametrize("page", ["docs/evidence.md", "docs/zh-CN/evidence.md"])
def test_the_page_lists_every_path_and_no_other(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    section = text[text.index("dingrun_rescues_total") :].split("\n## ")[0]
    assert ROW.findall(section) == [path.value for path in Rescue]


def test_a_path_that_was_never_taken_is_shown_as_zero() -> None:
    metrics = Metrics()
    with counting_rescues(metrics.rescue):
        count_rescue(Rescue.LEASE_EXPIRED)
    count_rescue(Rescue.LEASE_EXPIRED)  # outside of a service
    families = text_string_to_metric_families(metrics.show().decode())
    samples = next(family.samples for family in families if family.name == "dingrun_rescues")
    counts = {sample.labels["path"]: sample.value for sample in samples if sample.name.endswith("_total")}
    assert counts == dict.fromkeys(PATHS, 0.0) | {"lease_expired": 1.0}
