"""What a schedule may name."""

import pytest

from bot.targets import parse_target


@pytest.mark.parametrize(
    ("text", "host", "port", "scheme"),
    [
        ("example.com", "example.com", None, ""),
        ("Example.COM.", "example.com", None, ""),
        ("例子.测试", "xn--fsqu00a.xn--0zwm56d", None, ""),
        ("https://www.example.com", "www.example.com", 443, "https"),
        ("http://example.com:8080/a?b=1", "example.com", 8080, "http"),
        ("192.0.2.10", "192.0.2.10", None, ""),
        ("192.0.2.10:8443", "192.0.2.10", 8443, ""),
        ("2001:db8::1", "2001:db8::1", None, ""),
        ("[2001:db8::1]:443", "2001:db8::1", 443, ""),
        ("localhost:80", "localhost", 80, ""),
    ],
)
def test_hosts_and_addresses(text: str, host: str, port: int | None, scheme: str) -> None:
    target = parse_target(text)
    assert (target.host, target.port, target.scheme) == (host, port, scheme)
    assert list(target.hosts(1)) == [host]


def test_a_url_keeps_its_path() -> None:
    assert parse_target("http://a.example/x/y?z=1").path == "/x/y?z=1"


def test_a_network_is_its_hosts_up_to_the_cap() -> None:
    target = parse_target("192.0.2.0/28")
    assert len(list(target.hosts(14))) == 14
    with pytest.raises(ValueError, match="more than 4"):
        list(target.hosts(4))


def test_a_range_is_its_hosts_up_to_the_cap() -> None:
    target = parse_target("192.0.2.9-11")
    assert list(target.hosts(3)) == ["192.0.2.9", "192.0.2.10", "192.0.2.11"]
    assert not target.is_name
    with pytest.raises(ValueError, match="3 addresses, more than 2"):
        list(target.hosts(2))


def test_names_with_figures_and_hyphens_stay_names() -> None:
    assert parse_target("10-0-0-1.a.example").is_name
    assert parse_target("1.2.3.a-5").is_name


def test_names_are_told_from_addresses() -> None:
    assert parse_target("example.com").is_name
    assert not parse_target("192.0.2.1").is_name


@pytest.mark.parametrize(
    "text",
    [
        "", "a b", "-x.com", "x" * 64 + ".com", "ftp://a.com", "http://", "http://u:p@a.com", "a.com:0",
        "a.com:x", "a.com:99999", "10.0.0.0/8", "999.1.1.1", "a..b", "http://a.com:99999/", "192.0.2.0/99",
        "javascript:x", "1.1.1.1-1000", "1234.1.1.1", "1.1.1.1/0024", "1.1.1x1-5", "1.1.1.9-3", "1.1.1.1-256",
        "01.1.1.1-5", "１.1.1.1-5",
    ],
)  # fmt: skip
def test_anything_else_says_what_it_takes(text: str) -> None:
    with pytest.raises(ValueError, match="takes hosts, URLs, addresses"):
        parse_target(text)
