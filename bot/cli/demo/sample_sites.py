"""Three small web servers on loopback: something real for the demo to look at."""

import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PAGES = {  # what each serves: server header, title, status
    "portal": ("nginx/1.24.0", "云杉科技 官网 · Portal", 200),
    "gateway": ("openresty", "API 网关 · Gateway", 200),
    "legacy": ("Apache/2.4.41 (Ubuntu)", "旧版后台 · Legacy admin", 500),
}


class SampleSites:
    """Serves the pages while entered; `targets` are their addresses, `closed` one where nobody listens."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self.targets: list[str] = []
        self.closed = ""

    async def __aenter__(self) -> "SampleSites":
        context = _tls()
        portal = await self._serve("portal")
        gateway = await self._serve("gateway", context)
        legacy = await self._serve("legacy")
        self.targets = [
            f"http://127.0.0.1:{portal}/",
            f"https://localhost:{gateway}/",
            f"127.0.0.1:{legacy}",
        ]
        unused = self._stack.enter_context(socket.socket())
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        self.closed = f"127.0.0.1:{unused.getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _serve(self, name: str, context: ssl.SSLContext | None = None) -> int:
        app = web.Application()
        app.router.add_get("/", _page(*PAGES[name]))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port: int = runner.addresses[0][1]
        return port


def _page(server: str, title: str, status: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.Response:
        html = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return web.Response(text=html, status=status, content_type="text/html", headers={"Server": server})

    return answer


def _tls() -> ssl.SSLContext:
    """Build a TLS context with a certificate for this process alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "demo.pem"
        certificate_for("localhost", pem)
        context.load_cert_chain(pem)
    return context


def certificate_for(host: str, pem: Path) -> None:
    """Write a new key and a certificate that it signed itself, good for 30 days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509
        .CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
