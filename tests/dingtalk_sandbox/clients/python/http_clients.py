"""One call of the old API by one HTTP client, with nothing but its defaults."""

import asyncio
import json
import sys
import urllib.request
from typing import Any

URL = "https://oapi.dingtalk.com/gettoken?appkey=dingsandboxapp&appsecret=sandbox-app-secret"


def by_urllib() -> Any:
    with urllib.request.urlopen(URL) as answer:
        return json.load(answer)


def by_requests() -> Any:
    import requests  # noqa: PLC0415 - one client at a time

    return requests.get(URL, timeout=10).json()


def by_aiohttp() -> Any:
    import aiohttp  # noqa: PLC0415 - one client at a time

    async def ask() -> Any:
        async with aiohttp.ClientSession(trust_env=True) as session, session.get(URL) as answer:
            return await answer.json()

    return asyncio.run(ask())


CLIENTS = {"urllib": by_urllib, "requests": by_requests, "aiohttp": by_aiohttp}

if __name__ == "__main__":
    said = CLIENTS[sys.argv[1]]()
    print(said["errcode"], said["errmsg"])  # noqa: T201 - read by the test
