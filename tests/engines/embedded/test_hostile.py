"""Hosts that do what no honest server does, for real, on loopback."""

import asyncio
import gc
import gzip
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.engines.embedded.certificates import parse_certificate
from bot.engines.embedded.page_parser import parse_title
from bot.engines.embedded.parser_pool import ParserPool
from tests.engines.conftest import LIMITS, Street, Talk
from tests.engines.embedded.test_probes import look, page
from tests.factories import NOW

HEAD = b"HTTP/1.1 200 OK\r\n"
BLOCK_BYTES = 4096
MAX_HOLD_SECONDS = 1.0  # of processor time between two turns of the event loop, server included; it was 78


def answering(*parts: bytes) -> Talk:
    """A server that says this to whoever asks, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await _asked(reader):
            writer.writelines(parts)
        writer.close()

    return talk


def repeating(beginning: bytes, again: bytes) -> Talk:
    """A server that never ends. It writes by the block, so that it does not hold the loop itself."""
    block = again * max(1, BLOCK_BYTES // len(again))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            if await _asked(reader):
                writer.write(beginning)
            while not reader.at_eof():
                writer.write(block)
                await writer.drain()
        writer.close()

    return talk


async def _asked(reader: asyncio.StreamReader) -> bool:
    try:
        return bool(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError:  # a knock, or the beginning of TLS
        return False


@asynccontextmanager
async def free_loop() -> AsyncIterator[None]:
    """Fail when the event loop was held for long, by processor time: a busy machine does not stretch it.

    What other tests left in memory is kept from the garbage collector, which takes a second to go through it.
    """
    longest = 0.0

    async def feel() -> None:
        nonlocal longest
        while True:
            before = time.process_time()
            await asyncio.sleep(0.005)
            longest = max(longest, time.process_time() - before)

    gc.freeze()
    feeling = asyncio.create_task(feel())
    await asyncio.sleep(0)
    try:
        yield
        await asyncio.sleep(0.01)
    finally:
        feeling.cancel()
        gc.unfreeze()
    assert longest < MAX_HOLD_SECONDS, f"the loop was held for {longest:.1f} s of processor time"


async def site_of(street: Street, *parts: bytes) -> dict[str, object]:
    """What is found at a server that answers so."""
    port = await street.raw(answering(*parts))
    (site,) = (await look(f"http://127.0.0.1:{port}/"))["site"].values()
    return dict(site)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"a\xffb", "aÿb"), ("云杉".encode(), "云杉"), (b"a\x1b[31mb", "a\ufffd[31mb"), (b"\xe9/1", "é/1")],
)  # fmt: skip
async def test_a_header_is_text_that_can_be_kept(street: Street, raw: bytes, text: str) -> None:
    site = await site_of(street, HEAD, b"Server: " + raw + b"\r\n\r\n")
    assert site["http_server"] == text
    str(site).encode()


@pytest.mark.parametrize(
    "again",
    [b"<title>", b"<title", b"<title ", b"<title><", b"charset=", b"&#", b"&amp", b"</title", b"<TITLE>\n"],
)
async def test_a_page_that_repeats_itself_holds_nobody_up(street: Street, again: bytes) -> None:
    async with free_loop(), asyncio.timeout(30):
        await site_of(street, HEAD, b"\r\n", again * (LIMITS.max_body_bytes // len(again)))


@pytest.mark.parametrize("again", [b"<title>", b"<title", b"<title ", b"<titlE>&#9", b"\x1b$B<title>"])
def test_a_page_of_256_kb_is_read_in_no_time(again: bytes) -> None:
    """78 s, once."""
    body = b"<title>" + again * (262_144 // len(again))
    began = time.process_time()
    for charset in (None, "utf-16", "iso-2022-jp", "gbk"):
        parse_title(body, charset)
    assert time.process_time() - began < 1


def test_a_reference_of_many_digits_is_no_mistake() -> None:
    assert parse_title(b"<title>&#" + b"9" * 10_000 + b";</title>", None) == "\ufffd"


@pytest.mark.parametrize(
    "charset",
    ["undefined", "idna", "punycode", "unicode_escape", "utf-7", "rot13", "zlib", "base64", "x" * 900],
)  # fmt: skip
async def test_only_real_charsets_count(street: Street, charset: str) -> None:
    kind = f"Content-Type: text/html; charset={charset}\r\n\r\n".encode()
    site = await site_of(street, HEAD, kind, f"<meta charset={charset}><title>云杉 \\x41</title>".encode())
    assert site["title"] == "云杉 \\x41"


@pytest.mark.parametrize("charset", ["gbk", "GB2312", '"gb18030"', "x-gbk"])
async def test_a_charset_is_known_by_its_labels(street: Street, charset: str) -> None:
    kind = f"Content-Type: text/html; charset={charset}\r\n\r\n".encode()
    site = await site_of(street, HEAD, kind, "<title>云杉</title>".encode("gbk"))
    assert site["title"] == "云杉"


async def test_a_page_that_is_cut_inside_a_letter_keeps_its_title(street: Street) -> None:
    body = "<title>云杉</title>".encode() + "杉".encode() * LIMITS.max_body_bytes
    site = await site_of(street, HEAD, b"\r\n", body)
    assert site["title"] == "云杉"


@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (HEAD, b"X-A: b\r\n"),
        (HEAD, b"Set-Cookie: a=b; Path=/; Path=/; Path=/\r\n"),
        (HEAD + b"X: ", b"a" * 4096),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 100),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"\0" * 50_000_000)),
        (HEAD + b"\r\n<title>", b" " * 4096),
    ],
)
async def test_an_endless_answer_is_cut_off(street: Street, beginning: bytes, again: bytes) -> None:
    port = await street.raw(repeating(beginning, again))
    async with free_loop(), asyncio.timeout(10):
        assert (await look("127.0.0.1", port))["ip"]


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff" * 500, b"HTTP/1.1 \xff\xff\r\n\r\n", b"HTTP/1.1 99999 x\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\nx", HEAD + b"Content-Length: 99999999999999999999\r\n\r\nx",
        HEAD + b"Content-Type: \xff\xfe;;;=\r\n\r\n", HEAD + b"Content-Encoding: br\r\n\r\n\xff\xff",
        HEAD + b"Content-Type: multipart/" + b"x;a=" * 900 + b"\r\n\r\n", b"",
        HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip", HEAD + b"\x00: \x00\r\n\r\n",
    ],
)  # fmt: skip
async def test_an_odd_answer_hides_no_neighbour(street: Street, answer: bytes) -> None:
    odd, honest = await street.raw(answering(answer)), await street.web(page)
    found = await look("127.0.0.1", odd, honest)
    assert {info["port_id"] for info in found["ip"]["127.0.0.1"]["port_info"]} == {odd, honest}
    assert f"http://127.0.0.1:{honest}" in {site.rstrip("/") for site in found["site"]}


async def test_what_breaks_its_reader_is_noted_as_unreadable(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def burst(self: ParserPool, parse: object, body: bytes, charset: str) -> str:
        if b"odd" in body:
            raise ZeroDivisionError(body.decode())
        return "title"

    monkeypatch.setattr(ParserPool, "run", burst)
    odd, honest = await street.raw(answering(HEAD, b"\r\nodd")), await street.web(page)
    found = await look("127.0.0.1", odd, honest)
    named = {info["port_id"]: info["service_name"] for info in found["ip"]["127.0.0.1"]["port_info"]}
    assert named == {odd: "unreadable", honest: "http"}
    assert len(found["site"]) == 1


async def test_a_parser_that_does_not_end_is_given_up() -> None:
    async with ParserPool(seconds=0.05) as parsers, free_loop():
        waiting = asyncio.Event()
        with pytest.raises(TimeoutError):
            await parsers.run(_until, waiting)
        assert await parsers.run(len, "abc") == 3
        waiting.set()


def _until(event: asyncio.Event) -> None:
    while not event.is_set():
        pass


def _odd_certificates() -> dict[str, bytes]:
    """Certificates that OpenSSL serves and `cryptography` does not read, in whole or in part."""
    good = _certificate().public_bytes(serialization.Encoding.DER)
    moment = good.index(b"\x17\x0d") + 2
    return {
        "a month 13": good[:moment] + b"261340030000Z" + good[moment + 13 :],
        "version 9": good.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1),
        "no name in UTF-8": good.replace(b"\x0c\x06hostil", b"\x0c\x06\xff\xfe\xfd\xfc\xfb\xfa"),
    }


KEY = ec.generate_private_key(ec.SECP256R1())


def _certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostil")])
    building = x509.CertificateBuilder(name, name, KEY.public_key(), 1, NOW, NOW.replace(year=2027))
    return building.sign(KEY, hashes.SHA256())


@pytest.mark.parametrize("odd", ["a month 13", "version 9", "no name in UTF-8"])
def test_of_an_odd_certificate_the_fingerprint_is_kept(odd: str) -> None:
    told = parse_certificate(_odd_certificates()[odd])
    assert len(told["fingerprint"]["sha256"]) == 64
    assert isinstance(told["subject_dn"], str)
    assert parse_certificate(b"no certificate")["subject_dn"] == "unreadable"


async def test_a_certificate_that_cannot_be_read_hides_no_neighbour(street: Street, tmp_path: Path) -> None:
    der = _odd_certificates()["a month 13"]
    pem = tmp_path / "odd.pem"
    key = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(key + ssl.DER_cert_to_PEM_cert(der).encode())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    odd, honest = await street.web(page, tls=tls), await street.web(page)
    found = await look("127.0.0.1", odd, honest)
    assert len(found["site"]) == 2
    (cert,) = found["cert"].values()
    assert (cert["cert"]["subject_dn"], cert["port"]) == ("unreadable", odd)
