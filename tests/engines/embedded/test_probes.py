"""Targets are really looked at."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from bot.address_policy import AddressPolicy
from bot.cli.demo.sample_sites import SampleSites
from bot.engines.embedded.page_parser import parse_title
from bot.engines.embedded.probes import NothingFoundError, Probe, ProbeLimits, ProbeResult
from tests.engines.conftest import LIMITS, Street
from tests.factories import make_task

Found = Mapping[str, Mapping[str, Mapping[str, Any]]]


async def look(target: str, *ports: int, limits: ProbeLimits = LIMITS) -> Found:
    async with Probe(limits) as probe:
        finds = ProbeResult(task_id="t1")
        await probe.run(make_task(id="t1", target=target, ports=ports), finds)
        return finds.by_kind()


async def page(request: web.Request) -> web.Response:
    headers = {"Server": "nginx/1.24.0 (Debian)", "X-Powered-By": "PHP/8.2"}
    return web.Response(text="<title> 云杉 \n官网 </title>", content_type="text/html", headers=headers)


async def test_a_page_is_told_by_status_title_and_server(street: Street) -> None:
    port = await street.web(page)
    found = await look(f"http://127.0.0.1:{port}/")
    site = found["site"][f"http://127.0.0.1:{port}/"]
    assert (site["status"], site["title"], site["http_server"]) == (200, "云杉 官网", "nginx/1.24.0 (Debian)")
    assert [finger["name"] for finger in site["finger"]] == ["nginx/1.24.0 (Debian)", "PHP/8.2"]


async def test_an_open_port_is_told_with_its_service(street: Street) -> None:
    port = await street.web(page)
    found = await look("127.0.0.1", port)
    (info,) = found["ip"]["127.0.0.1"]["port_info"]
    assert info == {
        "port_id": port, "service_name": "http", "version": "1.24.0", "protocol": "tcp", "product": "nginx",
    }  # fmt: skip
    assert found["ip"]["127.0.0.1"]["ip_type"] == "PRIVATE"


async def test_a_name_is_resolved_and_tls_is_looked_at() -> None:
    async with SampleSites() as neighbours:
        found = await look(neighbours.targets[1])
    assert "127.0.0.1" in found["domain"]["localhost"]["ips"]
    (cert,) = found["cert"].values()
    assert cert["cert"]["subject_dn"] == "CN=localhost"
    assert cert["cert"]["names"] == ["localhost"]
    assert len(cert["cert"]["fingerprint"]["sha256"]) == 64


async def test_the_server_is_requested_by_name_at_the_probed_address(street: Street) -> None:
    asked = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.headers["Host"])
        return web.Response(text="ok")

    port = await street.web(note)
    await look(f"http://localhost:{port}/")
    assert set(asked) == {f"localhost:{port}"}


async def test_an_error_status_is_a_finding(street: Street) -> None:
    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=500, text="<title>oops</title>")

    port = await street.web(broken)
    (site,) = (await look(f"127.0.0.1:{port}"))["site"].values()
    assert (site["status"], site["title"]) == (500, "oops")


async def test_a_redirect_is_recorded_and_not_followed(street: Street) -> None:
    asked = []

    async def away(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{port}/elsewhere"})

    port = await street.web(away)
    (site,) = (await look(f"127.0.0.1:{port}"))["site"].values()
    assert (site["status"], asked) == (302, ["/"])
    assert "elsewhere" in site["headers"]


async def test_an_endless_page_is_read_to_the_limit(street: Street) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65_536)

    port = await street.web(endless)
    (site,) = (await look(f"127.0.0.1:{port}"))["site"].values()
    assert site["body_length"] == LIMITS.max_body_bytes


async def test_a_port_without_http_is_an_open_port(street: Street) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    port = await street.raw(greet)
    found = await look("127.0.0.1", port)
    assert found["site"] == {}
    assert found["ip"]["127.0.0.1"]["port_info"][0]["service_name"] == "unknown"


async def test_a_server_that_never_answers_takes_no_longer_than_the_limit(street: Street) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    port = await street.raw(silent)
    started = time.monotonic()
    found = await look(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - started < LIMITS.http_timeout * 3
    assert len(found["ip"]) == 1


async def test_a_closed_port_fails_with_its_number() -> None:
    async with SampleSites() as neighbours:
        with pytest.raises(NothingFoundError, match=f"connection_refused.*{neighbours.closed.split(':')[1]}"):
            await look(neighbours.closed)


async def test_a_name_that_does_not_resolve_fails() -> None:
    with pytest.raises(NothingFoundError, match="name_unresolved"):
        await look("no-such-host.invalid")


async def test_a_network_over_the_cap_is_refused() -> None:
    with pytest.raises(NothingFoundError, match="network_too_large"):
        await look("127.0.0.0/16")


async def test_probing_a_network_does_not_block_the_event_loop(street: Street) -> None:
    """256 addresses and 2 ports, and the event loop is free all the while."""
    port = await street.web(page)
    longest = 0.0

    async def feel() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            longest = max(longest, loop.time() - before)

    feeling = asyncio.create_task(feel())
    found = await look("127.0.0.0/24", port, 1)
    feeling.cancel()
    assert set(found["ip"]) == {"127.0.0.1"}
    assert longest < 0.5


@pytest.mark.parametrize(
    ("body", "charset", "title"),
    [
        (b"<TITLE>a &amp; b</TITLE>", None, "a & b"),
        ("<title>中文</title>".encode("gbk"), None, "中文"),
        ("<title>中文</title>".encode("gbk"), "gbk", "中文"),
        (b"<meta charset='gb2312'><title>" + "中文".encode("gb2312") + b"</title>", None, "中文"),
        (b"<title>\xff\xfe\xfa\x81</title>", "no-such-charset", "\ufffd\ufffd\ufffd\ufffd"),
        (b"no title", None, ""),
        (b"<title>" + b"x" * 500 + b"</title>", None, "x" * 200),
    ],
)
def test_a_title_is_decoded_by_what_the_page_says(body: bytes, charset: str | None, title: str) -> None:
    assert parse_title(body, charset) == title


async def test_a_refused_address_is_never_contacted_under_any_name(street: Street) -> None:
    asked = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="ok")

    port = await street.web(note)
    limits = replace(LIMITS, policy=AddressPolicy.parse(["127.0.0.0/8", "::1"]))
    for target in ("localhost", "127.0.0.1", "127.0.0.0/30", f"http://localhost:{port}/", "::ffff:127.0.0.1"):
        with pytest.raises(NothingFoundError, match="address_forbidden"):
            await look(target, port, limits=limits)
    assert asked == []


async def test_of_a_network_only_the_refused_addresses_are_left_out(street: Street) -> None:
    port = await street.web(page)
    limits = replace(LIMITS, policy=AddressPolicy.parse(["127.0.0.2/31"]))
    assert set((await look("127.0.0.0/29", port, limits=limits))["ip"]) == {"127.0.0.1"}


async def test_link_local_addresses_are_refused_without_a_word() -> None:
    with pytest.raises(NothingFoundError, match=r"169\.254\.169\.254"):
        await look("169.254.169.254", limits=LIMITS)
