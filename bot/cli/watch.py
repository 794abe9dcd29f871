"""`dingrun watch URL`: ask the service of this machine once, and ping an outer guard. For cron."""

import aiohttp
from yarl import URL

from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.web.watchdog import ping

ASK_TIMEOUT = aiohttp.ClientTimeout(total=10)
MAX_ANSWER_BYTES = 100_000
LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not listened at


async def watch(settings: Settings, url: str) -> str:
    """Ping `url` if the service is ready, else with `/fail`. Returns the problem, or "".

    Raises:
        ConfigError: The service has no web port, or the URL is none.
        TemporaryError: The guard does not take the ping.
    """
    if not settings.web.port:
        raise ConfigError("web.port is 0: the service cannot be asked; set watch.url, and it pings by itself")
    if not url.lower().startswith(("https://", "http://")):
        raise ConfigError("watch takes an https:// or http:// URL, such as https://hc-ping.com/…")
    async with aiohttp.ClientSession() as session:
        problem = await _ask(session, settings)
        await ping(session, url, problem)
    return problem


async def _ask(session: aiohttp.ClientSession, settings: Settings) -> str:
    web = settings.web
    token = web.status_token.get_secret_value() if web.status_token else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    ready = URL.build(scheme="http", host=LOCAL.get(web.host, web.host), port=web.port, path="/readyz")
    try:
        async with session.get(ready, headers=headers, timeout=ASK_TIMEOUT) as answer:
            told = (await answer.content.read(MAX_ANSWER_BYTES)).decode(errors="replace")
            return "" if answer.ok else f"/readyz answers {answer.status}: {told}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"the service does not answer at {web.host}:{web.port}: {type(error).__name__}"
