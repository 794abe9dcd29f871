"""Start and stop the interception for a running sandbox, and tell clients how to use it."""

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from yarl import URL

from dingtalk_sandbox.api.pipeline import OAPI_HOST
from dingtalk_sandbox.http_log import KEEP_ALIVE_SECONDS, server_logger
from dingtalk_sandbox.intercept.application import STREAM_PATH, intercepted_application
from dingtalk_sandbox.intercept.authority import TRUSTSTORE_PASSWORD, Authority
from dingtalk_sandbox.intercept.hosts import HOSTS, HTTPS_PORT
from dingtalk_sandbox.intercept.proxy import Proxy
from dingtalk_sandbox.server import Sandbox
from dingtalk_sandbox.state import InterceptedAddresses

LOOPBACK = "127.0.0.1"


class Interceptor:
    """Answers DingTalk's hosts for clients that are told a proxy and a certificate by their environment.

    Args:
        sandbox: A sandbox that was started.
        host: Address to listen on.
        port: Port of the proxy. 0 picks a free one.
        folder: Folder for the certificate. None makes a temporary one, which is removed at the end.
    """

    def __init__(
        self, sandbox: Sandbox, *, host: str = LOOPBACK, port: int = 0, folder: Path | None = None
    ) -> None:
        self._sandbox = sandbox
        self._host, self._port = host, port
        self._folder = folder
        self._stack = AsyncExitStack()
        self.certificate = self.truststore = Path()

    @property
    def proxy(self) -> str:
        """The URL of the proxy, such as `http://127.0.0.1:8791`. Its host is that of the sandbox's URL."""
        return f"http://{self._name}:{self._port}"

    @property
    def _name(self) -> str:
        return URL(self._sandbox.url).host or LOOPBACK

    async def __aenter__(self) -> Self:
        """Start to listen. Raises `OSError` if the port is in use or the folder cannot be written."""
        async with AsyncExitStack() as stack:
            authority = Authority()
            folder = self._folder or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="dingtalk-sandbox-"))
            )
            self.certificate, self.truststore = authority.write(folder)
            runner = web.AppRunner(
                intercepted_application(self._sandbox),
                access_log=None,
                logger=server_logger(__name__),
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                shutdown_timeout=0.5,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await self._listen(runner, authority, stack)
            self._stack = stack.pop_all()
        return self

    async def _listen(self, runner: web.AppRunner, authority: Authority, stack: AsyncExitStack) -> None:
        names = {LOOPBACK, "localhost", self._name}
        context = authority.server_context([*HOSTS, *sorted(names)])
        await web.TCPSite(runner, LOOPBACK, 0, ssl_context=context).start()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        tls, plain = (address[1] for address in runner.addresses)
        targets = {(host, HTTPS_PORT) for host in HOSTS}
        proxy = Proxy(tls=tls, plain=plain, targets=targets)
        self._port = await proxy.start(self._host, self._port)
        stack.push_async_callback(proxy.stop)
        targets |= {(name, self._port) for name in names}
        state = self._sandbox.state
        stream = f"wss://{self._name}:{self._port}{STREAM_PATH}"
        state.intercepted = InterceptedAddresses(stream=stream, oapi=f"https://{OAPI_HOST}")
        stack.callback(setattr, state, "intercepted", InterceptedAddresses())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def environment(self) -> dict[str, str]:
        """Return the environment variables that lead clients here, for Python, Node, Go, Java and curl."""
        certificate, url = str(self.certificate), URL(self.proxy)
        java = {
            "https.proxyHost": url.host,
            "https.proxyPort": url.port,
            "javax.net.ssl.trustStore": self.truststore,
            "javax.net.ssl.trustStoreType": "PKCS12",
            "javax.net.ssl.trustStorePassword": TRUSTSTORE_PASSWORD,
        }
        return {
            "HTTPS_PROXY": self.proxy,
            "https_proxy": self.proxy,
            "SSL_CERT_FILE": certificate,
            "REQUESTS_CA_BUNDLE": certificate,
            "CURL_CA_BUNDLE": certificate,
            "NODE_EXTRA_CA_CERTS": certificate,
            "NODE_USE_ENV_PROXY": "1",
            "JAVA_TOOL_OPTIONS": " ".join(f"-D{name}={value}" for name, value in java.items()),
        }
