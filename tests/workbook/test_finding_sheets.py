"""The sheets of the kinds that ARL's export leaves out, and what is hidden in them."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.assets.values import moment
from bot.workbook.finding_sheets import KIND_SHEETS
from bot.workbook.masking import MASK, Secret, masked_content, masked_evidence
from tests.workbooks import TITLES, cells, facts, written

CERT = {
    "subject_dn": "CN=a.com", "issuer_dn": "CN=CA", "serial_number": "12345678901234567890",
    "signature_algorithm": "sha256", "names": ["a.com", "b.com"], "fingerprint": {"sha256": "ab" * 32},
    "validity": {"start": "2026-01-01T00:00:00+00:00", "end": "2027-01-01 00:00:00"},
}  # fmt: skip
FOUND: dict[str, list[dict[str, Any]]] = {
    "url": [{"url": "http://a.com/x", "title": "标题", "status_code": 200, "content_length": 0,
             "source": "site_spider"}],
    "cert": [{"ip": "192.0.2.10", "port": 443, "cert": CERT},
             {"ip": "192.0.2.9", "port": 8443, "cert": CERT}],
    "vuln": [{"target": "192.0.2.9:22", "vul_name": "弱口令", "plg_name": "SSHBrute", "plg_type": "brute",
              "app_name": "ssh", "verify_data": {"username": "root", "password": "toor"},
              "save_date": "2026-11-24 11:00:05"}],
    "fileleak": [{"url": "http://a.com/.git", "title": "", "status_code": "200", "content_length": 12,
                  "site": "http://a.com"}],
    "stat_finger": [{"name": "nginx", "cnt": 2}, {"name": "nginx", "cnt": 3}],
    "wih": [{"record_type": "domain", "content": "b.com", "site": "http://a.com", "source": "a.js"}],
    "nuclei_result": [{"vuln_url": "http://a.com", "vuln_name": "x", "vuln_severity": "high",
                       "template_id": "t-1", "target": "http://a.com", "save_date": "2026-11-24 11:00:05"}],
    "cip": [{"cidr_ip": "192.0.2.0/24", "ip_list": ["192.0.2.10", "192.0.2.9"], "domain_list": ["a.com"]}],
    "npoc_service": [{"host": "192.0.2.9", "port": "6379", "scheme": "redis", "target": "192.0.2.9",
                      "save_date": "2026-11-24 11:00:05"}],
}  # fmt: skip
AT, FROM, UNTIL = (  # as a sheet shows them
    datetime(2026, 11, 24, 11, 0, 5),  # noqa: DTZ001
    datetime(2026, 1, 1, 8),  # noqa: DTZ001
    datetime(2027, 1, 1, 8),  # noqa: DTZ001
)
MASKED = f"username: root, password: {MASK}"


ROWS: dict[str, list[list[Any]]] = {
    "URL": [["http://a.com/x", "标题", 200, 0, "site_spider"]],
    "证书": [["CN=a.com", "CN=CA", "a.com \nb.com", "192.0.2.9:8443 \n192.0.2.10:443",
              FROM, UNTIL, "sha256", "12345678901234567890", "ab" * 32]],
    "漏洞": [["192.0.2.9:22", "弱口令", "SSHBrute", "brute", "ssh", MASKED, AT]],
    "文件泄露": [["http://a.com/.git", "", 200, 12, "http://a.com"]],
    "指纹": [["nginx", 5]],
    "WIH": [["domain", "b.com", "a.js", "http://a.com"]],
    "Nuclei 结果": [["http://a.com", "x", "高危", "t-1", "http://a.com", AT]],
    "C 段": [["192.0.2.0/24", 2, 1, "192.0.2.9 \n192.0.2.10", "a.com"]],
    "服务识别": [["192.0.2.9", 6379, "redis", "192.0.2.9", AT]],
}  # fmt: skip


def test_each_kind_with_documents_has_its_sheet(tmp_path: Path) -> None:
    sheets = written(tmp_path, FOUND)
    assert list(sheets) == [
        *TITLES,
        "漏洞",
        "Nuclei 结果",
        "文件泄露",
        "WIH",
        "服务识别",
        "证书",
        "URL",
        "指纹",
        "C 段",
    ]
    assert {name: sheets[name][1:] for name in ROWS} == ROWS


def test_a_kind_that_is_all_gone_has_its_changes_and_no_sheet(tmp_path: Path) -> None:
    sheets = written(tmp_path, {}, {"url": FOUND["url"]})
    assert list(sheets) == TITLES
    assert sheets["变化"][1][:3] == ["URL", "消失", "http://a.com/x"]
    assert ["URL", 0, 0, 1, 0] in [row[:5] for row in sheets["概览"]]


def test_times_name_their_zone(tmp_path: Path) -> None:
    sheets = written(tmp_path, FOUND)
    assert sheets["漏洞"][0][-1] == "发现时间（Asia/Shanghai）"
    assert sheets["证书"][0][4:6] == ["生效（Asia/Shanghai）", "到期（Asia/Shanghai）"]


@pytest.mark.parametrize("kind", KIND_SHEETS.values(), ids=list(KIND_SHEETS))
def test_a_row_has_a_value_for_every_column(kind: Any) -> None:
    assert len(kind.row([{}])) == len(kind.layout.header) == len(kind.layout.widths)


def test_another_discovery_time_is_no_change(tmp_path: Path) -> None:
    later = {"vuln": [FOUND["vuln"][0] | {"save_date": "2026-11-25 11:00:05"}]}
    assert written(tmp_path, later, {"vuln": FOUND["vuln"]})["变化"][1][0] == "与上次相同，没有变化"


def test_a_changed_secret_is_reported_masked(tmp_path: Path) -> None:
    other = {"vuln": [FOUND["vuln"][0] | {"verify_data": {"username": "root", "password": "new"}}]}
    assert written(tmp_path, other, {"vuln": FOUND["vuln"]})["变化"][1][1:] == [
        "变化", "192.0.2.9:22 弱口令", "验证信息", MASKED, MASKED,
    ]  # fmt: skip


def test_several_accounts_at_one_target_are_all_told(tmp_path: Path) -> None:
    many = {"vuln": [FOUND["vuln"][0] | {"verify_data": f"user{n}:pass{n}"} for n in range(3)]}
    (row,) = written(tmp_path, many)["漏洞"][1:]
    assert row[5] == " \n".join(f"user{n}:{MASK}" for n in range(3))


SECRETS: list[tuple[str, dict[str, Any]]] = [
    ("toor", {"plg_type": "brute", "verify_data": {"username": "root", "password": "toor"}}),
    ("toor", {"plg_type": "brute", "verify_data": '{"username": "root", "PassWord": "toor"}'}),
    ("toor", {"plg_type": "brute", "verify_data": "root:toor"}),
    ("toor", {"plg_type": "brute", "verify_data": "toor"}),
    ("toor", {"plg_type": "poc", "verify_data": "login with user=root&password=toor worked"}),
    ("toor", {"plg_type": "poc", "verify_data": "用户 root 密码：toor"}),
    ("toor", {"plg_type": "poc", "verify_data": "http://root:toor@192.0.2.1/"}),
    ("toor", {"plg_type": "poc", "verify_data": {"request": "Authorization: Basic toor"}}),
    ("toor", {"plg_type": "poc", "verify_data": {"ak": "toor"}}),
    ("toor", {"plg_type": "poc", "verify_data": 'user="root" password="my toor"'}),
    ("toor", {"plg_type": "poc", "verify_data": "http://192.0.2.1/?key=toor&x=1"}),
    ("toor", {"plg_type": "brute", "verify_data": {"username": "root", "what": "toor"}}),
    ("toor", {"plg_type": "poc", "verify_data": {"answer": "password: toor"}}),
]


@pytest.mark.parametrize(("secret", "document"), SECRETS)
def test_a_cracked_password_is_hidden(secret: str, document: dict[str, Any]) -> None:
    found = masked_evidence(document)
    assert isinstance(found, Secret)
    assert secret in found.plain
    assert secret not in found.masked


PLAIN = [
    "http://192.0.2.1:8080/admin?id=1",
    "uid=0(root)",
    None,
    "",
    {"banner": "SSH-2.0"},
    "{not json",
    "[1]",
]


@pytest.mark.parametrize("value", PLAIN)
def test_proof_without_a_secret_is_shown(value: object) -> None:
    assert isinstance(masked_evidence({"plg_type": "poc", "verify_data": value}), str)


def test_whoever_writes_the_text_does_not_choose_how_long_masking_takes() -> None:
    """A quadratic pattern would take minutes for these."""
    started = time.process_time()
    for text in (
        "password" * 40_000,
        "://" * 100_000,
        "pass=" * 60_000,
        "key:" + " " * 300_000,
        "a.-" * 99_999,
    ):
        masked_evidence({"verify_data": text})
    assert time.process_time() - started < 5


@pytest.mark.parametrize("kind", ["secret_key", "Aliyun_AK_ID", "jwt_token", "", None, "something new"])
def test_keys_found_in_pages_are_hidden_but_for_their_beginning(kind: object) -> None:
    found = masked_content({"record_type": kind, "content": "LTAI5tAbCdEfGhIjKlMn"})
    assert isinstance(found, Secret)
    assert found.masked == f"LTAI{MASK}"


def test_a_short_key_is_hidden_as_a_whole() -> None:
    found = masked_content({"record_type": "app_key", "content": "abcdefgh"})
    assert isinstance(found, Secret)
    assert found.masked == MASK


def test_what_is_no_secret_stays_readable() -> None:
    assert masked_content({"record_type": "domain", "content": "b.com"}) == "b.com"
    found = masked_content({"record_type": "url", "content": "http://a.com/?token=abc&x=1"})
    assert isinstance(found, Secret)
    assert found.masked == f"http://a.com/?token={MASK}&x=1"


def test_secrets_are_shown_when_the_setting_says_so(tmp_path: Path) -> None:
    shown = written(tmp_path, FOUND, show_secrets=True)
    assert shown["漏洞"][1][5] == "username: root, password: toor"
    assert facts(shown["概览"])["密码和密钥"] == "未脱敏"


def test_no_sheet_tells_a_secret_otherwise(tmp_path: Path) -> None:
    sheets = written(tmp_path, FOUND, {})
    assert not any("toor" in cell for rows in sheets.values() for cell in cells(rows))


def test_fingerprints_that_are_plain_text_are_shown(tmp_path: Path) -> None:
    site = KIND_SHEETS["site"].asset.slimmed({"site": "a", "finger": ["PHP", {"name": "nginx"}, 5]})
    assert written(tmp_path, {"site": [site]})["站点"][1][2] == "PHP \nnginx"


def test_fields_that_are_not_read_are_dropped() -> None:
    site = {"site": "a", "headers": "long", "favicon": {"hash": 5, "data": "long"}, "status": 200}
    assert KIND_SHEETS["site"].asset.slimmed(site) == {"site": "a", "favicon": {"hash": 5}, "status": 200}
    cert = {"cert": CERT | {"extensions": {"subjectAltName": "DNS:a.com", "other": "long"}}}
    slim = KIND_SHEETS["cert"].asset.slimmed(cert)
    assert "long" not in str(slim)
    assert KIND_SHEETS["cert"].row([slim]) == KIND_SHEETS["cert"].row([cert])


@pytest.mark.parametrize("text", ["2026-13-45 11:00:05", "2026-11-24", "yesterday", "", "0000-00-00 00:00"])
def test_a_value_that_is_no_time_stays_text(text: str) -> None:
    assert moment(text) == text
