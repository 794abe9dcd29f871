"""What a schedule may name to look at: hosts, URLs, addresses, networks. Pure."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_HOSTS = 65_536
HIGHEST_PORT = 65_535
LONGEST_NAME = 253  # of a host, RFC 1035
WEB_PORTS = {"http": 80, "https": 443}

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing to look at. Exactly one of `host` and `network` is set."""

    text: str  # as it was written
    host: str = ""  # a name, or an address without brackets
    network: Network | None = None
    port: int | None = None  # the only one to look at
    scheme: str = ""  # http or https, when it was written as a URL
    path: str = "/"

    @property
    def is_name(self) -> bool:
        return bool(self.host) and _address(self.host) is None

    def hosts(self, most: int) -> Iterator[str]:
        """The hosts to look at. Raises `ValueError` when a network has more than `most`."""
        if self.network is None:
            yield self.host
            return
        if self.network.num_addresses > most + 2:
            raise ValueError(f"{self.text} has {self.network.num_addresses} addresses, more than {most}")
        yield from (str(address) for address in self.network.hosts())


def parse_target(text: str) -> Target:
    """Read a host, host:port, URL, address or CIDR. Raises `ValueError` that says what it takes."""
    written = text.strip()
    try:
        return _url(written) if "://" in written else _network(written) if "/" in written else _host(written)
    except ValueError as error:
        why = str(error)
        raise ValueError(f"takes hosts, URLs, addresses and networks such as 192.0.2.0/28: {why}") from None


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
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses > MOST_HOSTS:
        raise ValueError(f"{text} has {network.num_addresses} addresses, more than {MOST_HOSTS}")
    return Target(text=text, network=network)


def _host(text: str) -> Target:
    if _address(text):
        return Target(text=text, host=text)
    host, colon, port = text.rpartition(":")
    if not colon:
        return Target(text=text, host=_checked_host(text))
    if not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
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
    known = len(name) <= LONGEST_NAME and all(_LABEL.fullmatch(label) for label in labels)
    if not known or labels[-1].isdecimal():
        raise ValueError(f"{host!r} is no host name")
    return name


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
