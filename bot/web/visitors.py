"""Who stands at the door: their address behind proxies of ours, and a brake for those who guess."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from bot.audit import Visitor

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FREE = 3  # wrong tokens that cost nothing: people cut links when they copy them
FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0  # seconds, doubled from one wrong token to the next
FORGOTTEN = 600.0  # seconds after the last wrong token
KEPT = 10_000  # addresses that are remembered
WAITING = 100  # answers that are held back at once; more would cost us more than whoever guesses
IPV6_NETWORK = 64  # bits that one subscriber has


class Visitors:
    """Tells who asks, and slows those who ask for what is not there."""

    def __init__(
        self,
        proxies: Sequence[Network] = (),
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._proxies = proxies
        self._now = now
        self._sleep = sleep
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting = 0

    def of(self, request: web.Request) -> Visitor:
        """Who asks. Only a proxy of ours is believed about whom it asks for."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        address = address_of(request.remote or "", forwarded, self._proxies)
        return Visitor.of(address, request.headers.get("User-Agent", ""))

    async def hold(self, visitor: Visitor) -> None:
        """Wait before the answer to something wrong, longer each time; others are not held up by it."""
        wait = wait_after(self._count(_household(visitor.address)))
        if not wait or self._waiting >= WAITING:
            return
        self._waiting += 1
        try:
            await self._sleep(wait)
        finally:
            self._waiting -= 1

    def _count(self, household: str) -> int:
        """How many wrong ones came from there lately, with this one."""
        now = self._now()
        count, last = self._wrong.pop(household, (0, now))
        count = 1 if now - last > FORGOTTEN else count + 1
        self._wrong[household] = (count, now)
        if len(self._wrong) > KEPT:
            self._wrong.popitem(last=False)
        return count


def wait_after(wrong: int) -> float:
    """Seconds to hold back the answer to so many wrong tokens."""
    late = wrong - FREE
    return min(FIRST_WAIT * 2.0 ** min(late - 1, 10), LONGEST_WAIT) if late > 0 else 0.0


def address_of(remote: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """The nearest address that is no proxy of ours: what stands before it, anybody may have written."""
    address = remote
    for said in reversed(forwarded.split(",") if forwarded else []):
        if not _is_ours(address, proxies):
            break
        if _parsed(said) is None:
            break
        address = str(_parsed(said))
    return address


def _is_ours(address: str, proxies: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in proxies)


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _household(address: str) -> str:
    """What one subscriber has: an IPv4 address, or a whole network of IPv6."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_NETWORK), strict=False))
    return address
