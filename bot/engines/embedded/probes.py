"""Probes one target: DNS, TCP, TLS, HTTP. Assets have the shape of ARL's result collections.

Only the target itself is contacted. Redirects are recorded and not followed.
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
from bot.models import Task
from bot.reasons import reason
from bot.targets import Target, parse_target

log = logging.getLogger(__name__)

Assets = Mapping[str, Mapping[str, Any]]

TLS_PORTS = {443, 8443, 4443, 9443}
SERVICES = {21: "ftp", 22: "ssh", 25: "smtp", 53: "domain", 80: "http", 443: "https", 3306: "mysql"}
MAX_PORTS_SHOWN = 5
TASK_LEASE = timedelta(seconds=10)


class NothingFoundError(Exception):
    """The target gave no asset. The message gives the reason for people."""


@dataclass(frozen=True, kw_only=True)
class ProbeLimits:
    """Limits of concurrency and time. Times are in seconds."""

    tasks: int = 4
    connections: int = 64
    connect_timeout: float = 3.0
    http_timeout: float = 8.0
    task_timeout: float = 120.0
    max_body_bytes: int = 256 * 1024  # of a page
    lease: timedelta = TASK_LEASE  # of a task
    max_hosts: int = 256
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    policy: AddressPolicy = DEFAULT_POLICY


@dataclass(kw_only=True)
class ProbeResult:
    """Assets that one task has found so far, by merge key."""

    task_id: str
    ip: dict[str, dict[str, Any]] = field(default_factory=dict)
    site: dict[str, dict[str, Any]] = field(default_factory=dict)
    domain: dict[str, dict[str, Any]] = field(default_factory=dict)
    cert: dict[str, dict[str, Any]] = field(default_factory=dict)

    def by_kind(self) -> dict[str, Assets]:
        return {"ip": self.ip, "site": self.site, "domain": self.domain, "cert": self.cert}


class Probe:
    """Probes targets inside its context, with one HTTP session and one limit of connections for all."""

    def __init__(self, limits: ProbeLimits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.connections)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Probe":
        # Certificates are recorded, not verified: an invalid one is a finding.
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

    async def run(self, task: Task, result: ProbeResult) -> None:
        """Probe the target of a task and add its assets to `result`. Raises `NothingFoundError`."""
        target = parse_target(task.target)
        addresses = self._allowed(await self._addresses(target, result))
        ports = (target.port,) if target.port else task.ports or self._limits.ports
        problems = await self._probe_ports(target, addresses, ports, result)
        if not result.ip:
            raise NothingFoundError(_reason_for(problems, ports))

    async def _addresses(self, target: Target, result: ProbeResult) -> Sequence[str]:
        if not target.host:
            try:
                return list(target.hosts(self._limits.max_hosts))
            except ValueError:
                raise NothingFoundError(
                    reason("network_too_large", max_hosts=self._limits.max_hosts)
                ) from None
        if not target.is_name:
            return [target.host]
        addresses = await self._resolve(target.host)
        result.domain[target.host] = {
            "domain": target.host,
            "type": "A",
            "record": addresses,
            "ips": addresses,
            "source": "dns",
            "task_id": result.task_id,
        }
        return addresses

    def _allowed(self, addresses: Sequence[str]) -> Sequence[str]:
        """Drop the addresses that `engine.refuse` names. Names have been resolved by then."""
        allowed = [address for address in addresses if not self._limits.policy.refuses(address)]
        if addresses and not allowed:
            raise NothingFoundError(reason("address_forbidden", address=addresses[0]))
        return allowed

    async def _resolve(self, name: str) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.http_timeout):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            raise NothingFoundError(reason("name_unresolved")) from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _probe_ports(
        self, target: Target, addresses: Sequence[str], ports: Sequence[int], result: ProbeResult
    ) -> Sequence[str]:
        """Probe every address and port. Returns the keys of the problems."""
        probes = [self._probe_port(target, address, port, result) for address in addresses for port in ports]
        return [problem for problem in await asyncio.gather(*probes) if problem]

    async def _probe_port(self, target: Target, address: str, port: int, result: ProbeResult) -> str:
        async with self._slots:
            problem = await self._connect(address, port)
            if problem:
                return problem
            page, service = await self._read(target, address, port)
            asset = result.ip.setdefault(address, _ip(address, target, result.task_id))
            asset["port_info"].append(_port(port, service, page.server if page else ""))
            if page:
                self._add_page(target, address, page, result)
            if page and page.scheme == "https":
                await self._read_certificate(target, address, port, result)
        return ""

    async def _read(self, target: Target, address: str, port: int) -> tuple[Page | None, str]:
        """Read the page, if there is one, and name the service."""
        try:
            page = await self._page(target, address, port)
        except Exception as error:  # noqa: BLE001 - an error of one host must not hide the assets of others
            _log_unreadable(address, port, error)
            return None, UNREADABLE
        return page, page.scheme if page else SERVICES.get(port, "unknown")

    async def _read_certificate(self, target: Target, address: str, port: int, result: ProbeResult) -> None:
        try:
            await self._add_certificate(target, address, port, result)
        except Exception as error:  # noqa: BLE001 - an error of one host must not hide the assets of others
            _log_unreadable(address, port, error)

    async def _connect(self, address: str, port: int) -> str:
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                _, writer = await asyncio.open_connection(address, port)
        except TimeoutError:
            return "connection_timeout"
        except ConnectionRefusedError:
            return "connection_refused"
        except (OSError, ValueError):
            return "unreachable"
        writer.close()
        return ""

    async def _page(self, target: Target, address: str, port: int) -> Page | None:
        """Read the page by the likelier scheme first."""
        likely = target.scheme or ("https" if port in TLS_PORTS else "http")
        other = "http" if likely == "https" else "https"
        for scheme in (likely,) if target.scheme else (likely, other):
            url = f"{scheme}://{_bracketed(target.host or address)}:{port}{target.path}"
            page = await self._pages.fetch(url, address=address)
            if page:
                return page
        return None

    def _add_page(self, target: Target, address: str, page: Page, result: ProbeResult) -> None:
        result.site[page.url] = {
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
            "task_id": result.task_id,
        }

    async def _add_certificate(self, target: Target, address: str, port: int, result: ProbeResult) -> None:
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
            asset = {"ip": address, "port": port, "cert": found, "task_id": result.task_id}
            result.cert[found["fingerprint"]["sha256"]] = asset


def _log_unreadable(address: str, port: int, error: Exception) -> None:
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


def _reason_for(problems: Sequence[str], ports: Sequence[int]) -> str:
    """Return the most telling reason: refused, no answer, unreachable."""
    shown = ", ".join(str(port) for port in ports[:MAX_PORTS_SHOWN])
    order = ("connection_refused", "connection_timeout", "unreachable")
    return reason(next((key for key in order if key in problems), "unreachable"), ports=shown)
