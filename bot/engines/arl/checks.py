"""Checks of an ARL that `dingrun check` runs, and the pushes that ARL sends by itself.

Nothing is created in ARL and nothing is sent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.engines.arl.commands import ArlCommands
from bot.engines.arl.documents import Document, parse_epoch
from bot.engines.arl.reader import ArlReader
from bot.errors import ConfigError
from bot.models import Clock, Schedule

LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}
MAX_NAMES_SHOWN = 5
MAX_CLOCK_DIFFERENCE = timedelta(seconds=30)  # no run is lost by more, but times do not fit together
PUSH_LOOKBACK = timedelta(days=7)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

CLEARTEXT_WARNING = "；http:// 会明文传密钥 / the key travels in clear"
HOW_TO_SILENCE = (
    "清空 ARL 的 DINGDING.SECRET 和 ACCESS_TOKEN 并重启它",
    "clear these two of ARL's settings and restart it",
)


class ArlChecks:
    """Tries one ARL: its API and key, its database, and whether it pushes by itself."""

    def __init__(
        self,
        commands: ArlCommands,
        reader: ArlReader,
        *,
        schedules: Callable[[], Awaitable[Sequence[Schedule]]],
        clock: Clock,
    ) -> None:
        self._commands = commands
        self._reader = reader
        self._schedules = schedules
        self._clock = clock

    def by_name(self) -> Mapping[str, Callable[[], Awaitable[str]]]:
        """Return the checks in the order in which they are shown."""
        return {
            "ARL 接口 / API": self.check_api,
            "ARL 数据库 / database": self.check_database,
            "ARL 自己的推送 / its own pushes": self.check_pushes,
        }

    async def check_api(self) -> str:
        """Ask the API for its schedules, which needs the key, and compare the clocks."""
        count = await self._commands.count_schedules()
        url, difference = self._commands.url, self.clock_difference()
        in_clear = url.startswith("http://") and urlsplit(url).hostname not in LOCAL_HOSTS
        warning = CLEARTEXT_WARNING if in_clear else ""
        return f"{url}, {count} 个计划 / schedules{warning}{describe_clocks(difference)}"

    def clock_difference(self) -> timedelta:
        """Return how far ARL's clock was ahead at its last answer, or zero where it did not tell."""
        said = self._commands.server_time()
        return said - self._clock() if said else timedelta()

    async def check_database(self) -> str:
        """Read the database, and compare its ids with those of the API.

        Raises `ConfigError` for the database of another ARL.
        """
        if not self._reader.has_database:
            return "没有配置，只走接口 / not configured, by the API alone"
        differing = await self._differing_ids()
        differing = differing and await self._differing_ids()  # one may have been created in between
        schedules = await self._schedules()
        if differing:
            raise ConfigError(
                "engine.mongo_uri: this seems to be the database of another one than the ARL of engine.url:"
                f" only one of the two has {_join_names(differing)}"
            )
        notifying = sum(schedule.notify_enable for schedule in schedules)
        note = f"；{self.skipped} 条读不懂，已跳过 / documents skipped, see the log" if self.skipped else ""
        return (
            f"{len(schedules)} 个计划，{notifying} 个会推送 / schedules, {notifying} with notifications{note}"
        )

    async def _differing_ids(self) -> Sequence[str]:
        """Return the ids that only the API or only the reader has.

        They are those of schedules, or of the newest task where ARL has no schedule.
        """
        in_api = set(await self._commands.schedule_ids())
        in_reader = {str(each["_id"]) for each in await self._reader.schedules()}
        if in_api or in_reader:
            return sorted(in_api ^ in_reader)
        newest = await self._commands.newest_task()
        return [newest] if newest and not await self._reader.tasks([newest]) else []

    @property
    def skipped(self) -> int:
        """Return how many documents of ARL could not be read so far."""
        return self._reader.skipped.count

    async def check_pushes(self) -> str:
        """Say whether ARL pushes as well. That is no fault, so the answer says how to turn it off."""
        if pushing := await self.pushing_schedules():
            return (
                f"{_join_names(pushing)}：会收到两份，{HOW_TO_SILENCE[0]} / sent twice: {HOW_TO_SILENCE[1]}"
            )
        if maybe := await self.possibly_pushing_schedules():
            return (
                f"看不出来（{_join_names(maybe)} 开了推送）：ARL 的 DINGDING.SECRET 和 ACCESS_TOKEN"
                " 是空的就不会推，不用管；不空会收到两份 / unknown: ARL pushes only if these two of its"
                " settings are set"
            )
        return "没有 / none"

    async def pushing_schedules(self) -> Sequence[str]:
        """Return the names of the schedules whose runs ARL itself pushes to DingTalk.

        The fork's records of its last pushes tell. What came before a failed push does not count: ARL's keys
        may have been removed since.
        """
        names: list[str] = []
        for record in await self._push_attempts():
            names = [*names, str(record.get("schedule_name"))] if record["push_status"] == "success" else []
        return sorted(set(names))

    async def possibly_pushing_schedules(self) -> Sequence[str]:
        """Return the names of the schedules that ARL pushes if its own settings name a robot.

        Empty where records show what became of the pushes.
        """
        if await self._push_attempts():
            return ()
        schedules = await self._reader.schedules()
        return [str(each.get("name")) for each in schedules if each.get("notify_enable") is True]

    async def _push_attempts(self) -> Sequence[Document]:
        """Return the records of the runs that ARL tried to push lately, oldest first."""
        records = await self._reader.run_records(self._clock() - PUSH_LOOKBACK)
        tried = [each for each in records if each.get("push_status") in ("success", "error")]
        return sorted(tried, key=lambda each: parse_epoch(each.get("start_time")) or LONG_AGO)


def describe_clocks(difference: timedelta) -> str:
    """Word the difference of two clocks, or "" where it does not matter."""
    seconds = round(difference.total_seconds())
    if abs(difference) < MAX_CLOCK_DIFFERENCE:
        return ""
    direction = "快" if seconds > 0 else "慢"
    return f"；ARL 的时钟{direction} {abs(seconds)} 秒，请对时 / clocks differ by {seconds} s"


def _join_names(names: Sequence[str]) -> str:
    return "、".join(names[:MAX_NAMES_SHOWN]) + ("…" if len(names) > MAX_NAMES_SHOWN else "")
