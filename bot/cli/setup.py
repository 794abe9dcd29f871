"""`dingrun setup`: put DingRun's shortcuts into the bar of the robot's one-to-one chat."""

from collections.abc import Callable, Mapping, Sequence
from itertools import starmap

from bot.cli.audited import audited_command
from bot.config.loader import Settings
from bot.errors import ConfigError, DingRunError, PermanentError
from bot.messengers.dingtalk.shortcuts.bar import Shortcut, ShortcutBar
from bot.messengers.dingtalk.webhook import message_link
from bot.runtime import utc_now
from bot.wiring.messengers import open_shortcut_bars
from bot.wiring.stores import open_stores

SHORTCUTS = (
    ("状态", "Status", "/status"),
    ("最近报告", "Latest report", "/status/latest"),
    ("计划", "Schedules", "/status#schedules"),
)
LINKS_ARE_UNSURE = (
    "! 没有设置 web.public_url，快捷入口改为发送命令；钉钉没有说明是否支持，请点一下试试 / without"
    " web.public_url the shortcuts send the commands; DingTalk does not say if it supports this: try one"
)


def shortcuts_for(public_url: str) -> Sequence[Shortcut]:
    """Return the shortcuts: to the web pages, or links that send the command if there is no public URL.

    DingTalk documents such links for cards only. Nothing says if the bar takes them, so the pages come first.
    """

    def build(chinese: str, english: str, path: str) -> Shortcut:
        url = f"{public_url}{path}" if public_url else message_link(chinese)
        return Shortcut.named(chinese, english, url)

    return list(starmap(build, SHORTCUTS))


async def set_up(settings: Settings, say: Callable[[str], object]) -> None:
    """Set the shortcuts of each app, and print a line for each.

    Raises `ConfigError` without an app, and `PermanentError` at the end if one could not be set.
    """
    wanted = shortcuts_for(settings.web.public_url)
    stores = open_stores(settings.store.url)
    async with open_shortcut_bars(settings, utc_now) as bars:
        if not bars:
            raise ConfigError("DINGDING.APP_KEY, DINGDING.APP_SECRET: only the robot of an app has shortcuts")
        await stores.store.open()
        try:
            async with audited_command(settings, stores, "setup"):
                await _set_all(bars, wanted, say)
        finally:
            await stores.store.close()
    if not settings.web.public_url:
        say(LINKS_ARE_UNSURE)


async def _set_all(
    bars: Mapping[str, ShortcutBar], wanted: Sequence[Shortcut], say: Callable[[str], object]
) -> None:
    """Set the shortcuts of each app. One that fails does not stop the others."""
    done = [await _set(name, bar, wanted, say) for name, bar in bars.items()]
    if not all(done):
        raise PermanentError(f"{done.count(False)} of {len(done)} apps: shortcuts not set")


async def _set(name: str, bar: ShortcutBar, wanted: Sequence[Shortcut], say: Callable[[str], object]) -> bool:
    title = f"快捷入口 / shortcuts {name}".strip()
    try:
        changed = await bar.ensure(wanted)
    except DingRunError as error:
        say(f"✗ {title}: {error}")
        return False
    state = "已设置 / set" if changed else "没有变化 / unchanged"
    say(f"✓ {title}: {state}: {', '.join(each.label for each in wanted)}")
    return True
