"""`dingrun check --send`: send one message of each kind to one person, and to a group only if asked."""

import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from bot.cli.check.runner import in_thread
from bot.config.loader import Settings
from bot.config.resolve import resolve_webhooks
from bot.delivery.channels import Channels
from bot.errors import DingRunError
from bot.models import Destination, DestinationKind, MarkdownMessage, SendResult
from bot.ports import Check, CheckResult, Checks, CheckStatus, Messenger
from bot.runtime import utc_now
from bot.wiring.policies import build_cards

TITLE = "DingRun 检查 / check"
FILE_NAME = "dingrun-check.zip"


@dataclass(frozen=True, kw_only=True)
class SendRequest:
    """Recipients of the messages of a check.

    - `person`: staffId.
    - `groups`: post by the custom robots as well, which reach groups only.
    """

    person: str
    groups: bool = False


Send = Callable[[Messenger, Destination], Awaitable[SendResult]]


@dataclass(frozen=True, kw_only=True)
class SendChecks:
    """One check for each kind of message. Without a request, each says that only sending tells."""

    settings: Settings
    channels: Channels
    request: SendRequest | None

    def checks(self) -> Checks:
        """Return the checks by name, for each app and each custom robot that is configured."""
        return dict(self._checks())

    def _checks(self) -> Iterator[tuple[str, Check]]:
        person = self.request.person if self.request else ""
        for kind, app in self.channels.messengers:
            if kind is DestinationKind.USER:
                to = Destination(kind=kind, id=person, app=app)
                for name, send in (
                    ("卡片 / card", self._send_card),
                    ("文件 / file", _send_file),
                    ("机器人消息 / robot message", _send_message),
                ):
                    yield f"{name} {app}".strip(), self._check(to, send)
            elif kind is DestinationKind.WORK:
                to = Destination(kind=kind, id=person, app=app)
                yield f"工作通知 / work notification {app}".strip(), self._check(to, _send_message)
            elif kind is DestinationKind.WEBHOOK:
                for robot in resolve_webhooks(self.settings):
                    yield (
                        f"群机器人 / webhook {robot}",
                        self._check(Destination(kind=kind, id=robot), _send_message),
                    )

    def _check(self, to: Destination, send: Send) -> Check:
        async def check() -> CheckResult:
            if self.request is None:
                return CheckResult(status=CheckStatus.SKIPPED, cause="needs_send")
            if to.kind is DestinationKind.WEBHOOK and not self.request.groups:
                return CheckResult(status=CheckStatus.SKIPPED, cause="needs_groups")
            if to.kind is DestinationKind.WORK and not self._has_agent(to.app):
                return CheckResult(status=CheckStatus.SKIPPED, cause="no_agent")
            messenger = self.channels.messengers[to.kind, to.app]
            try:
                sent = await send(messenger, to)
            except DingRunError as error:
                return messenger.diagnose(error)
            return CheckResult(detail=f"{to} {sent.message_id}")

        return check

    def _has_agent(self, app: str) -> bool:
        other = self.settings.notify.apps.get(app)
        return (other.agent_id if other else self.settings.dingding.agent_id) is not None

    async def _send_card(self, messenger: Messenger, to: Destination) -> SendResult:
        card = build_cards(self.settings).text_card(TITLE, _text())
        return await messenger.send_card(to, card, f"check-{secrets.token_hex(8)}")


async def _send_message(messenger: Messenger, to: Destination) -> SendResult:
    message = MarkdownMessage(title=TITLE, text=f"**{TITLE}**\n\n{_text()}")
    return await messenger.send_message(to, message, secrets.token_hex(8))


async def _send_file(messenger: Messenger, to: Destination) -> SendResult:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        await in_thread(lambda: _write_file(path))
        media = await messenger.upload(path, FILE_NAME)
    return await messenger.send_file(to, media, FILE_NAME)


def _write_file(path: Path) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("check.txt", _text())


def _text() -> str:
    """Return a text that is new each time: DingTalk drops a work notification that a person has today."""
    return f"{utc_now():%Y-%m-%d %H:%M:%S} UTC, {secrets.token_hex(4)}"
