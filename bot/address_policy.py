"""Policy of IP addresses that are never contacted, whatever name resolves to them."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_REFUSED = (
    "169.254.0.0/16",  # link-local, and the metadata of most clouds
    "fe80::/10",
    "100.100.100.200",  # metadata of Alibaba Cloud
    "fd00:ec2::254",  # metadata of AWS
    "0.0.0.0/8",  # "this host": reaches loopback past a rule for 127.0.0.0/8
    "0::/128",
    "224.0.0.0/4",  # multicast and broadcast
    "255.255.255.255",
    "ff00::/8",
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
IPV4_BITS = 0xFFFFFFFF
MIN_IPV4_COMPATIBLE = 1 << 24  # RFC 4291; lower addresses are ::, ::1 and similar


@dataclass(frozen=True, kw_only=True)
class AddressPolicy:
    """Networks of the setting `engine.refuse`."""

    refused: tuple[Network, ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """Parse addresses and networks. Raises `ValueError` that names the accepted forms."""
        return cls(refused=tuple(_network(text) for text in texts))

    def refuses(self, address: str) -> bool:
        """Return True if an address, or an IPv4 address embedded in it, is in a refused network."""
        forms = list(_equivalents(ipaddress.ip_address(address)))
        return any(form in network for form in forms for network in self.refused)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"takes addresses and networks such as 169.254.0.0/16, got {text!r}") from None


def _equivalents(address: Address) -> Iterator[Address]:
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    inner = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
    yield from (each for each in inner if each is not None)
    if address in NAT64 or MIN_IPV4_COMPATIBLE <= int(address) <= IPV4_BITS:
        yield ipaddress.IPv4Address(int(address) & IPV4_BITS)


DEFAULT_POLICY = AddressPolicy.parse(DEFAULT_REFUSED)
