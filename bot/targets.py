"""Parsing of scan targets: hosts, URLs, IP addresses, ranges and networks."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_HOSTS = 65_536
MAX_PORT = 65_535
MAX_NAME_LENGTH = 253  # of a host, RFC 1035
WEB_PORTS = {"http": 80, "https": 443}

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.)(\d{1,3})-(\d{1,3})", re.ASCII)
_PREFIX = re.compile(r"0|[1-9]\d{0,2}|\d{1,3}(\.\d{1,3}){3}", re.ASCII)
_LIKE_ADDRESS = re.compile(r"\d+\.\d+\.\d+\D\d+-\d+")  # ARL treats it as a range, whatever the separator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Target:
    """Scan target. Exactly one of `host`, `network` and `span` is set."""

    text: str  # as written in the schedule
    host: str = ""  # host name, or IP address without brackets
    network: Network | None = None
    span: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None = None  # first and last of a range
    port: int | None = None  # the only port to scan
    scheme: str = ""  # http or https, for a URL
    path: str = "/"

    @property
    def is_name(self) -> bool:
        return bool(self.host) and _address(self.host) is None

    def hosts(self, most: int) -> Iterator[str]:
        """Yield the hosts to scan. Raises `ValueError` if there are more than `most`."""
        if self.span is not None:
            yield from self._hosts_of_span(most)
            return
        if self.network is None:
            yield self.host
            return
        if self.network.num_addresses > most + 2:
            raise ValueError(f"{self.text} has {self.network.num_addresses} addresses, more than {most}")
        yield from (str(address) for address in self.network.hosts())

    def _hosts_of_span(self, most: int) -> Iterator[str]:
        first, last = map(int, self.span or ())
        if last - first >= most:
            raise ValueError(f"{self.text} has {last - first + 1} addresses, more than {most}")
        yield from (str(ipaddress.IPv4Address(number)) for number in range(first, last + 1))


def parse_target(text: str) -> Target:
    """Parse a host, host:port, URL, address, range or CIDR. Raises `ValueError` with the accepted forms."""
    try:
        return _parse(text.strip())
    except ValueError as error:
        why = str(error)
        raise ValueError(f"takes hosts, URLs, addresses and networks such as 192.0.2.0/28: {why}") from None


def _parse(text: str) -> Target:
    if "://" in text:
        return _url(text)
    if "/" in text:
        return _network(text)
    return _span(text) if _LIKE_ADDRESS.fullmatch(text) else _host(text)


def _span(text: str) -> Target:
    """Parse a range in the format of ARL, `192.0.2.1-20`."""
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no range such as 192.0.2.1-20")
    first, last = (ipaddress.IPv4Address(found[1] + found[number]) for number in (2, 3))
    if last < first:
        raise ValueError(f"{text!r} ends before it begins")
    return Target(text=text, span=(first, last))


def _url(text: str) -> Target:
    parts = urlsplit(text)
    if parts.scheme not in WEB_PORTS or not parts.hostname:
        raise ValueError(f"{text!r} is no http:// or https:// address")
    if parts.username or parts.password:
        raise ValueError("an address must not hold a user name or password")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = _checked_host(parts.hostname)
    return Target(
        text=text, host=host, port=parts.port or WEB_PORTS[parts.scheme], scheme=parts.scheme, path=path
    )


def _network(text: str) -> Target:
    if not _PREFIX.fullmatch(text.partition("/")[2]):
        raise ValueError(f"{text!r} has no length of a prefix after its slash")
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses > MAX_HOSTS:
        raise ValueError(f"{text} has {network.num_addresses} addresses, more than {MAX_HOSTS}")
    return Target(text=text, network=network)


def _host(text: str) -> Target:
    if _address(text):
        return Target(text=text, host=text)
    host, colon, port = text.rpartition(":")
    if not colon:
        return Target(text=text, host=_checked_host(text))
    if not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise ValueError(f"{text!r} has no port from 1 to 65535 after its colon")
    return Target(text=text, host=_checked_host(host.removeprefix("[").removesuffix("]")), port=int(port))


def _checked_host(host: str) -> str:
    if _address(host):
        return host
    try:
        name = host.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        raise ValueError(f"{host!r} is no host name") from None
    labels = name.split(".")
    known = len(name) <= MAX_NAME_LENGTH and all(_LABEL.fullmatch(label) for label in labels)
    if not known or labels[-1].isdecimal():
        raise ValueError(f"{host!r} is no host name")
    return name


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
