"""Each kind of assets is defined once: its names, its key, and what of it needs a look."""

from typing import Any

import pytest

from bot.assets.kinds import ASSET_KINDS, HIGHLIGHTS, REPORTED_KINDS, by_importance
from bot.workbook.finding_sheets import EXTRA_SHEETS, KIND_SHEETS, localized
from bot.workbook.sheets import ARL_SHEETS
from cards.catalogue import display_name

CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("vuln", {"plg_type": "poc"}, ("vuln",)),
    ("vuln", {"plg_type": "brute"}, ("vuln", "weak_password")),
    ("vuln", {"plg_type": ["odd"]}, ("vuln",)),
    ("nuclei_result", {"vuln_severity": "high"}, ("nuclei_risk",)),
    ("nuclei_result", {"vuln_severity": "INFO"}, ()),
    ("fileleak", {}, ("fileleak",)),
    ("wih", {"record_type": "domain"}, ()),
    ("wih", {"record_type": "app_key"}, ("leaked_key",)),
]


@pytest.mark.parametrize(("kind", "document", "highlights"), CASES)
def test_highlights_are_derived_from_the_document(
    kind: str, document: dict[str, Any], highlights: tuple[str, ...]
) -> None:
    assert tuple(ASSET_KINDS[kind].highlights(document)) == highlights


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_no_two_kinds_share_a_name(lang: str) -> None:
    names = {display_name(kind, lang) for kind in {*ASSET_KINDS, *HIGHLIGHTS}}
    assert len(names) == len({*ASSET_KINDS, *HIGHLIGHTS})


def test_vulnerabilities_come_first_and_unknown_kinds_last() -> None:
    kinds = sorted(["zzz", "stat_finger", "ip", "vuln", "aaa"], key=by_importance)
    assert kinds == ["vuln", "ip", "stat_finger", "aaa", "zzz"]


def test_a_report_has_a_sheet_for_every_kind_that_it_asks_for() -> None:
    assert list(KIND_SHEETS) == list(REPORTED_KINDS)


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("kind", EXTRA_SHEETS)
def test_a_sheet_is_called_like_its_kind(kind: str, lang: str) -> None:
    layout = localized(EXTRA_SHEETS[kind], lang, "UTC").layout
    assert layout.title == display_name(kind, lang)
    assert "found_at" not in layout.header


@pytest.mark.parametrize("kind", ARL_SHEETS)
def test_the_sheets_of_arl_keep_their_names(kind: str) -> None:
    assert ARL_SHEETS[kind].layout.title == display_name(kind, "zh-CN")


def test_what_is_known_to_be_the_same_has_the_same_key() -> None:
    key = ASSET_KINDS["cert"].key
    seen = [{"ip": ip, "port": 443, "cert": {"fingerprint": {"sha1": "aa"}}} for ip in ("1.1.1.1", "2.2.2.2")]
    assert key(seen[0]) == key(seen[1]) == ("aa",)
    assert key({"ip": "1.1.1.1", "port": 443, "cert": {}}) == ("1.1.1.1:443",)
    assert ASSET_KINDS["site"].key({"url": "http://a"}) == ASSET_KINDS["site"].key({"site": "http://a"})
