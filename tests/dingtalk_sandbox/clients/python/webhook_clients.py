"""Send a message by one client of webhook robots, with its default endpoint."""

import sys
from collections.abc import Callable


def by_dingtalkchatbot(token: str, secret: str) -> bool:
    from dingtalkchatbot.chatbot import (  # type: ignore[import-untyped]  # noqa: PLC0415 - one client at a time
        DingtalkChatbot,
    )

    webhook = f"https://oapi.dingtalk.com/robot/send?access_token={token}"
    return bool(DingtalkChatbot(webhook, secret=secret).send_text("hello")["errcode"] == 0)


def by_apprise(token: str) -> bool:
    from apprise import Apprise  # noqa: PLC0415 - one client at a time

    apprise = Apprise()
    apprise.add(f"dingtalk://{token}")
    return bool(apprise.notify(body="hello"))


CLIENTS: dict[str, Callable[..., bool]] = {"dingtalkchatbot": by_dingtalkchatbot, "apprise": by_apprise}

if __name__ == "__main__":
    sys.exit(not CLIENTS[sys.argv[1]](*sys.argv[2:]))
