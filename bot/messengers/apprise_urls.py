"""Last resort: URLs of Apprise, which reach the operators outside of DingTalk (the extra `apprise`)."""

import asyncio
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bot.errors import ConfigError, TemporaryError, missing_extra
from bot.models import MarkdownMessage

SEND_TIMEOUT_SECONDS = 30.0  # of all addresses together
NAME = "DingRun"


class AppriseUrls:
    """Sends to URLs of Apprise, in a thread: Apprise blocks. No error shows a URL."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Read the URLs. Raises `ConfigError` if Apprise is missing, or for a URL that it does not know."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of modules that Apprise loads
            try:
                from apprise import Apprise, AppriseAsset, NotifyFormat  # noqa: PLC0415 - an extra, and 0.3 s
            except ImportError:
                raise missing_extra("notify.operators: a URL of Apprise", "apprise") from None
            self._format = NotifyFormat.MARKDOWN
            self._addresses = []
            for number, url in enumerate(urls, start=1):
                address = Apprise(asset=AppriseAsset(app_id=NAME, app_desc=NAME))
                if not address.add(url):
                    scheme = url.partition("://")[0]
                    raise ConfigError(
                        f"notify.operators: Apprise does not know the {scheme}:// URL (URL {number} of"
                        f" {len(urls)}); see https://appriseit.com/services/"
                    )
                self._addresses.append(address)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apprise")

    async def notify(self, message: MarkdownMessage) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                sent = await loop.run_in_executor(self._thread, self._send, message)
        except TimeoutError:
            raise TemporaryError("notify.operators: Apprise did not send in time", uncertain=True) from None
        if not any(sent):
            raise TemporaryError("notify.operators: none of the URLs of Apprise took the message")

    def _send(self, message: MarkdownMessage) -> list[bool]:
        return [
            bool(each.notify(body=message.text, title=message.title, body_format=self._format))
            for each in self._addresses
        ]
