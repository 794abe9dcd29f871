"""Which addresses are never contacted."""

import pytest

from bot.address_policy import DEFAULT_REFUSED, AddressPolicy


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "100.100.100.200", "fd00:ec2::254", "0.0.0.7",
        "::", "224.0.0.1", "255.255.255.255", "ff02::1", "::169.254.169.254",
    ],
)  # fmt: skip
def test_what_no_scan_should_reach_is_refused(address: str) -> None:
    assert AddressPolicy.parse(DEFAULT_REFUSED).refuses(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "2001:db8::1", "8.8.8.8"])
def test_everything_else_is_not(address: str) -> None:
    assert not AddressPolicy.parse(DEFAULT_REFUSED).refuses(address)


def test_own_networks_take_the_place_of_the_default() -> None:
    policy = AddressPolicy.parse(["10.0.0.7/8", "::1"])
    assert [policy.refuses(each) for each in ("10.9.9.9", "::1", "169.254.0.1")] == [True, True, False]


def test_anything_else_says_what_it_takes() -> None:
    with pytest.raises(ValueError, match=r"such as 169\.254\.0\.0/16, got 'metadata'"):
        AddressPolicy.parse(["metadata"])
