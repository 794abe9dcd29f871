"""ARL's targets are read as ARL reads them (app/utils/ip.py, `is_vaild_ip_target`), here and by its fake."""

import re

import pytest

from arl_sandbox import documents as fake
from bot.engines.arl.documents import is_address, task_specs

ARL = re.compile(r"^\d+\.\d+\.\d+\.\d+$|^\d+\.\d+\.\d+\.\d+/\d+$|^\d+\.\d+\.\d+.\d+-\d+$")

ADDRESSES = (
    "1.1.1.1", "1.1.1.0/24", "1.1.1.1-20", "1.1.1.1-1000", "1234.1.1.1", "1.1.1.1/0024", "1.1.1x1-5",
    "1.1.1-1-5", "1.1.1111-5", "1.1.111-5", "１.1.1.1",
)  # fmt: skip
DOMAINS = (
    "a.example", "1.1.1.1.1", "1.1.1", "1.1.1.1/", "1.1.1.1-", "1.1.11-5", "1.1.1xx1-5", "1x1.1.1-5",
    "1.1.1.1/24-5", "1.1.1.1:80", "http://1.1.1.1", "1.1.1.1-2-3x",
)  # fmt: skip


@pytest.mark.parametrize("target", ADDRESSES + DOMAINS)
def test_an_address_is_what_arl_takes_for_one(target: str) -> None:
    assert is_address(target) == fake.is_address(target) == bool(ARL.match(target)) == (target in ADDRESSES)


def test_odd_addresses_share_the_one_task_of_addresses() -> None:
    aims = task_specs(("1.1.1.1-1000", "1.1.1x1-5", "a.example"), "task")
    assert aims == (("ip", frozenset({"1.1.1.1-1000", "1.1.1x1-5"})), ("domain", frozenset({"a.example"})))


def test_a_long_target_is_read_in_no_time() -> None:
    assert not is_address("1.1." + "1" * 200_000 + "-")
