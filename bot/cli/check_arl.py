"""What `dingrun check` tries of ARL: API, key and database, and whether it pushes by itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from bot.config.loader import Settings
from bot.errors import ConfigError
from bot.runtime import utc_now
from bot.wiring.engines import open_arl

LOCAL = {"127.0.0.1", "localhost", "::1"}
SHOWN = 5
APART = timedelta(seconds=30)  # clocks; no run is lost by it, but times are told that do not fit together
CLEAR = "；http:// 会明文传密钥 / the key travels in clear"


async def check_api(settings: Settings) -> str:
    """ARL takes the key, and tells its schedules."""
    async with open_arl(settings, clock=utc_now) as arl:
        number, ahead = await arl.answers(), await arl.clock_ahead()
    url = settings.engine.url
    clear = url.startswith("http://") and urlsplit(url).hostname not in LOCAL
    return f"{url}, {number} 个计划 / schedules{CLEAR if clear else ''}{clocks(ahead)}"


def clocks(ahead: timedelta) -> str:
    """What is said of two clocks, or ""."""
    seconds = round(ahead.total_seconds())
    if abs(ahead) < APART:
        return ""
    way = "快" if seconds > 0 else "慢"
    return f"；ARL 的时钟{way} {abs(seconds)} 秒，请对时 / clocks differ by {seconds} s"


async def check_database(settings: Settings) -> str:
    """It lets us read, and belongs to this ARL: its schedules are those of the API."""
    if settings.engine.mongo_uri is None:
        return "没有配置，只走接口 / not configured, by the API alone"
    async with open_arl(settings, clock=utc_now) as arl:
        unlike = await arl.differing_ids() and await arl.differing_ids()  # one may have been made in between
        schedules = await arl.schedules()
        skipped = arl.skipped
    if unlike:
        raise ConfigError(
            "engine.mongo_uri: this seems to be the database of another one than the ARL of engine.url:"
            f" only one of the two has {_listed(unlike)}"
        )
    told = sum(schedule.notify_enable for schedule in schedules)
    odd = f"；{skipped} 条读不懂，已跳过 / documents skipped, see the log" if skipped else ""
    return f"{len(schedules)} 个计划，{told} 个会推送 / schedules, {told} of them tell{odd}"


async def check_pushes(settings: Settings) -> str:
    """ARL does not push as well; if it does or may, that is no fault, and how to turn it off is said."""
    async with open_arl(settings, clock=utc_now) as arl:
        pushed, may = await arl.pushes(), await arl.may_push()
    if pushed:
        return f"{_listed(pushed)}：会收到两份，{HOW_TO_SILENCE[0]} / heard twice: {HOW_TO_SILENCE[1]}"
    if may:
        return (
            f"看不出来（{_listed(may)} 开了推送）：ARL 的 DINGDING.SECRET 和 ACCESS_TOKEN 是空的就不会推"
            "，不用管；不空会收到两份 / cannot be seen: with these two of ARL's settings empty it does not"
            " push, and all is well"
        )
    return "没有 / none"


HOW_TO_SILENCE = (
    "清空 ARL 的 DINGDING.SECRET 和 ACCESS_TOKEN 并重启它",
    "empty these two of ARL's settings and restart it",
)


def _listed(names: Sequence[str]) -> str:
    """The first of them."""
    return "、".join(names[:SHOWN]) + ("…" if len(names) > SHOWN else "")


ARL_CHECKS: Mapping[str, Callable[[Settings], Awaitable[str]]] = {
    "ARL 接口 / API": check_api,
    "ARL 数据库 / database": check_database,
    "ARL 自己的推送 / its own pushes": check_pushes,
}
