"""Find the address of a client behind our reverse proxies."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: web.Request, proxies: Sequence[Network]) -> str:
    """Return the address of the client; `X-Forwarded-For` counts only when one of `proxies` sent it."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
    return resolve_address(request.remote or "", forwarded, proxies)


def resolve_address(remote: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return the nearest address that is no proxy of ours. Entries before it can be forged by anybody."""
    address = remote
    for said in reversed(forwarded.split(",") if forwarded else []):
        if not is_within(address, proxies):
            break
        if _parsed(said) is None:
            break
        address = str(_parsed(said))
    return address


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Tell if the text is an address in one of these networks."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address
