"""The address of a client behind proxies."""

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request

from bot.web.clients import client_address, resolve_address

PROXIES = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody asked it whom it speaks for
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the first is what the client wrote
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_a_proxy_of_ours_is_believed(remote: str, forwarded: str, address: str) -> None:
    assert resolve_address(remote, forwarded, PROXIES) == address


def test_several_headers_are_read_as_one() -> None:
    headers = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.1")]
    request = make_mocked_request("GET", "/", dict(headers[1:])).clone(remote="10.0.0.1")
    assert client_address(request, PROXIES) == "198.51.100.1"
