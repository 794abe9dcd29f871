"""Who asks, behind which proxies, and how long somebody waits who guesses."""

import asyncio
import ipaddress

import pytest

from bot.audit import Visitor
from bot.web.visitors import FORGOTTEN, FREE, KEPT, LONGEST_WAIT, WAITING, Visitors, address_of, wait_after

PROXIES = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody asked it whom it speaks for
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the first is what the visitor wrote
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_only_a_proxy_of_ours_is_believed(remote: str, forwarded: str, address: str) -> None:
    assert address_of(remote, forwarded, PROXIES) == address


def test_the_first_wrong_ones_cost_nothing_then_each_costs_more() -> None:
    waits = [wait_after(wrong) for wrong in range(1, 12)]
    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE:] == sorted(waits[FREE:])
    assert wait_after(10**6) == LONGEST_WAIT


class Door:
    """Visitors with a time that a test turns, and waits that are only written down."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []
        self.visitors = Visitors(now=lambda: self.time, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def knock(self, address: str, times: int = 1) -> None:
        for _ in range(times):
            await self.visitors.hold(Visitor.of(address, ""))


async def test_whoever_guesses_slows_nobody_else() -> None:
    door = Door()
    await door.knock("192.0.2.7", 10)
    assert len(door.waits) == 10 - FREE
    await door.knock("192.0.2.8", FREE)
    assert len(door.waits) == 10 - FREE


async def test_a_network_of_ipv6_is_one_visitor() -> None:
    door = Door()
    for number in range(10):
        await door.knock(f"2001:db8::{number}")
    assert len(door.waits) == 10 - FREE


async def test_after_a_while_it_is_forgotten() -> None:
    door = Door()
    await door.knock("192.0.2.7", 10)
    door.time += FORGOTTEN + 1
    await door.knock("192.0.2.7", FREE)
    assert len(door.waits) == 10 - FREE


async def test_a_flood_of_addresses_takes_no_more_memory() -> None:
    door = Door()
    for number in range(KEPT + 500):
        await door.knock(str(ipaddress.IPv4Address(number)))
    assert len(door.visitors._wrong) == KEPT


async def test_only_so_many_wait_at_once() -> None:
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await gate.wait()

    visitors = Visitors(sleep=sleep)
    holds = [asyncio.create_task(visitors.hold(Visitor.of("192.0.2.7", ""))) for _ in range(WAITING + 50)]
    done, held = await asyncio.wait(holds, timeout=0.05)
    assert (len(done), len(held)) == (FREE + 50 - FREE, WAITING)
    gate.set()
    await asyncio.gather(*held)
