"""Looks at one target for real: DNS, TCP, TLS, HTTP. What it finds is shaped like ARL's result collections.

Nothing is contacted but the target itself: redirects are recorded and not followed.
"""

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp

from bot.address_policy import DEFAULT_POLICY, AddressPolicy
from bot.engines.embedded.certificates import UNREADABLE, parse_certificate
from bot.engines.embedded.http_probe import NoCookies, Page, PageReader
from bot.engines.embedded.parser_pool import ParserPool
from bot.engines.reasons import reason
from bot.models import Task
from bot.targets import Target, parse_target

log = logging.getLogger(__name__)

Assets = Mapping[str, Mapping[str, Any]]

TLS_PORTS = {443, 8443, 4443, 9443}
SERVICES = {21: "ftp", 22: "ssh", 25: "smtp", 53: "domain", 80: "http", 443: "https", 3306: "mysql"}
MAX_PORTS_SHOWN = 5
TASK_LEASE = timedelta(seconds=10)


class NothingFoundError(Exception):
    """The target gave nothing at all; the message says why, for people."""


@dataclass(frozen=True, kw_only=True)
class ProbeLimits:
    """How much at once, and how long. Times in seconds."""

    tasks: int = 4
    connections: int = 64
    connect_timeout: float = 3.0
    http_timeout: float = 8.0
    task_timeout: float = 120.0
    max_body_bytes: int = 256 * 1024  # bytes read of a page at most
    lease: timedelta = TASK_LEASE  # a task without a sign of life for so long is another's
    max_hosts: int = 256
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    policy: AddressPolicy = DEFAULT_POLICY


@dataclass(kw_only=True)
class ProbeResult:
    """What one task has found so far, by merge key."""

    task_id: str
    ip: dict[str, dict[str, Any]] = field(default_factory=dict)
    site: dict[str, dict[str, Any]] = field(default_factory=dict)
    domain: dict[str, dict[str, Any]] = field(default_factory=dict)
    cert: dict[str, dict[str, Any]] = field(default_factory=dict)

    def by_kind(self) -> dict[str, Assets]:
        return {"ip": self.ip, "site": self.site, "domain": self.domain, "cert": self.cert}


class Probe:
    """Looks at targets while entered; one session and one bound on connections for all of them."""

    def __init__(self, limits: ProbeLimits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.connections)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Probe":
        # Certificates are looked at, not trusted: a wrong one is a finding.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=self._limits.connections, force_close=True)
        timeout = aiohttp.ClientTimeout(total=self._limits.http_timeout)
        session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=NoCookies(), auto_decompress=True
        )
        self._parsers = await self._stack.enter_async_context(ParserPool())
        session = await self._stack.enter_async_context(session)
        self._pages = PageReader(
            session=session, parsers=self._parsers, max_bytes=self._limits.max_body_bytes
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def run(self, task: Task, finds: ProbeResult) -> None:
        """Look at the target of a task and note in `finds` what is there. Raises `NothingFound`."""
        target = parse_target(task.target)
        addresses = self._allowed(await self._addresses(target, finds))
        ports = (target.port,) if target.port else task.ports or self._limits.ports
        problems = await self._look_at_all(target, addresses, ports, finds)
        if not finds.ip:
            raise NothingFoundError(_why(problems, ports))

    async def _addresses(self, target: Target, finds: ProbeResult) -> Sequence[str]:
        if not target.host:
            try:
                return list(target.hosts(self._limits.max_hosts))
            except ValueError:
                raise NothingFoundError(reason("is_over_qps", most=self._limits.max_hosts)) from None
        if not target.is_name:
            return [target.host]
        addresses = await self._resolve(target.host)
        finds.domain[target.host] = {
            "domain": target.host,
            "type": "A",
            "record": addresses,
            "ips": addresses,
            "source": "dns",
            "task_id": finds.task_id,
        }
        return addresses

    def _allowed(self, addresses: Sequence[str]) -> Sequence[str]:
        """Leave out what `engine.refuse` names; judged here, after names were resolved, and never by name."""
        allowed = [address for address in addresses if not self._limits.policy.refuses(address)]
        if addresses and not allowed:
            raise NothingFoundError(reason("forbidden", address=addresses[0]))
        return allowed

    async def _resolve(self, name: str) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.http_timeout):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            raise NothingFoundError(reason("no_name")) from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _look_at_all(
        self, target: Target, addresses: Sequence[str], ports: Sequence[int], finds: ProbeResult
    ) -> Sequence[str]:
        """Every address and port; the keys of what went wrong."""
        looks = [self._look_at(target, address, port, finds) for address in addresses for port in ports]
        return [problem for problem in await asyncio.gather(*looks) if problem]

    async def _look_at(self, target: Target, address: str, port: int, finds: ProbeResult) -> str:
        async with self._places:
            problem = await self._connect(address, port)
            if problem:
                return problem
            page, service = await self._read(target, address, port)
            asset = finds.ip.setdefault(address, _ip(address, target, finds.task_id))
            asset["port_info"].append(_port(port, service, page.server if page else ""))
            if page:
                self._note_page(target, address, page, finds)
            if page and page.scheme == "https":
                await self._look_at_certificate(target, address, port, finds)
        return ""

    async def _read(self, target: Target, address: str, port: int) -> tuple[Page | None, str]:
        """Read the page there, if there is one, and name the service."""
        try:
            page = await self._page(target, address, port)
        except Exception as error:  # noqa: BLE001 - no host may hide what was found on its neighbours
            _complain(address, port, error)
            return None, UNREADABLE
        return page, page.scheme if page else SERVICES.get(port, "unknown")

    async def _look_at_certificate(self, target: Target, address: str, port: int, finds: ProbeResult) -> None:
        try:
            await self._note_certificate(target, address, port, finds)
        except Exception as error:  # noqa: BLE001 - no host may hide what was found on its neighbours
            _complain(address, port, error)

    async def _connect(self, address: str, port: int) -> str:
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                _, writer = await asyncio.open_connection(address, port)
        except TimeoutError:
            return "no_answer"
        except ConnectionRefusedError:
            return "refused"
        except (OSError, ValueError):
            return "unreachable"
        writer.close()
        return ""

    async def _page(self, target: Target, address: str, port: int) -> Page | None:
        """The page there, by the scheme that is likelier first."""
        likely = target.scheme or ("https" if port in TLS_PORTS else "http")
        other = "http" if likely == "https" else "https"
        for scheme in (likely,) if target.scheme else (likely, other):
            url = f"{scheme}://{_bracketed(target.host or address)}:{port}{target.path}"
            page = await self._pages.fetch(url, address=address)
            if page:
                return page
        return None

    def _note_page(self, target: Target, address: str, page: Page, finds: ProbeResult) -> None:
        finds.site[page.url] = {
            "site": page.url[:200],
            "hostname": target.host or address,
            "ip": address,
            "title": page.title,
            "status": page.status,
            "headers": page.headers,
            "http_server": page.server,
            "body_length": page.length,
            "finger": [{"name": name} for name in page.fingers],
            "favicon": {},
            "task_id": finds.task_id,
        }

    async def _note_certificate(self, target: Target, address: str, port: int, finds: ProbeResult) -> None:
        name = target.host if target.is_name else None
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                _, writer = await asyncio.open_connection(
                    address, port, ssl=self._tls, server_hostname=name or address
                )
        except (OSError, TimeoutError):
            return
        peer = writer.get_extra_info("ssl_object")
        der = peer.getpeercert(binary_form=True) if peer else None
        writer.close()
        if der:
            found = await self._parsers.run(parse_certificate, der)
            asset = {"ip": address, "port": port, "cert": found, "task_id": finds.task_id}
            finds.cert[found["fingerprint"]["sha256"]] = asset


def _complain(address: str, port: int, error: Exception) -> None:
    log.warning("%s port %d is unreadable: %s %a", address, port, type(error).__name__, str(error)[:200])


def _port(port: int, service: str, server: str) -> dict[str, Any]:
    product, _, version = server.partition("/")
    return {
        "port_id": port,
        "service_name": service,
        "version": version.split(" ")[0],
        "protocol": "tcp",
        "product": product,
    }


def _ip(address: str, target: Target, task_id: str) -> dict[str, Any]:
    return {
        "ip": address,
        "port_info": [],
        "os_info": {},
        "ip_type": "PRIVATE" if ipaddress.ip_address(address.partition("%")[0]).is_private else "PUBLIC",
        "geo_asn": {},
        "geo_city": {},
        "domain": [target.host] if target.is_name else [],
        "cdn_name": "",
        "task_id": task_id,
    }


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _why(problems: Sequence[str], ports: Sequence[int]) -> str:
    """The reason that tells most: somebody said no, nobody answered, no way there."""
    shown = "、".join(str(port) for port in ports[:MAX_PORTS_SHOWN])
    order = ("refused", "no_answer", "unreachable")
    return reason(next((key for key in order if key in problems), "unreachable"), ports=shown)
