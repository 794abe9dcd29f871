"""What people say and tap in a year, chosen by chance, and how they understand the answers.

They ask only for what has one right outcome: not for a mute that ends while a run of it may be under way, nor
for a report on the day on which it expires.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from bot.models import CardTap, Person, Schedule
from evidence.calls import API, LATE, SHARED_AT, Shares
from evidence.history import Wish, WishKind
from evidence.wishes import (
    ACCEPTED,
    AGAIN,
    BUTTONS_WORK,
    EXPIRED,
    GONE,
    IS_MUTED,
    NO_CALLS,
    NOT_MUTED,
    REPORTS_KEPT,
    RUNS_KEPT,
    Due,
    Wishes,
)
from evidence.year import ZONE
from tests.scenarios.fault_injection import GROUP
from tests.scenarios.year_history import Chronicle, Known

ANSWERS = {
    "过了保存期|这里没有编号为": GONE,
    "你已经要过|已经有人点过": AGAIN,
    "这张卡片已过期|这张卡片太旧了": EXPIRED,
    "没有静默": NOT_MUTED,
    "已经静默": IS_MUTED,
    "接口调用快用完了": NO_CALLS,
    "^好的|报告马上发到这里": ACCEPTED,
}
"""What an answer means, by words in it."""
QUESTIONS = ("状态", "帮助", "失败 晚间巡检")
MEMBERS = ("user01", "user02")
RERUN, OFTEN = ("daily", "evening", "monthly"), 10  # schedules; newest runs that most requests are about
MORNING = 9
DOUBT = timedelta(minutes=30)  # until a request is carried out for sure
DAY = timedelta(days=1)
SPANS: Mapping[str, Callable[[datetime], datetime | None]] = {
    "2h": lambda now: now + timedelta(hours=2),
    "12h": lambda now: now + timedelta(hours=12),
    "3天": lambda now: now + 3 * DAY,
    "今天": lambda now: _morning(now, days=1, hour=0),
    "到 9:00": lambda now: _morning(now, days=int(now.astimezone(ZONE).hour >= MORNING)),
    "到周一": lambda now: _monday(now - timedelta(hours=MORNING)),
    "下次": lambda now: None,
}
"""How long people mute a schedule, and when that ends."""
UNSURE_AGES = tuple((age - 2 * DAY, age + 2 * DAY) for age in (BUTTONS_WORK, REPORTS_KEPT, RUNS_KEPT))
CHANCES = {"talk": 6, "rerun": 6, "rerun card": 4, "file": 4, "file card": 3, "mute": 3, "mute card": 1}


def understand(answer: str) -> str:
    """Return what an answer means, or its beginning if that is unknown."""
    found = (meaning for words, meaning in ANSWERS.items() if re.search(words, answer.strip()))
    return next(found, answer.strip()[:40])


def _monday(now: datetime) -> datetime:
    """Return the morning of the next Monday, in UTC."""
    return _morning(now, days=7 - now.astimezone(ZONE).weekday())


def _morning(now: datetime, *, days: int = 0, hour: int = MORNING) -> datetime:
    """Return an hour of the local day of a time, or some days later, in UTC. Days have 23 to 25 hours."""
    day = now.astimezone(ZONE).date() + timedelta(days=days)
    return datetime.combine(day, time(hour), ZONE).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A wish, and the message or the tap that says it."""

    wish: Wish
    text: str = ""
    tap: CardTap | None = None


@dataclass(kw_only=True)
class People:
    """Members of the group, who know what they asked for and what they see."""

    chance: random.Random
    chronicle: Chronicle
    schedules: Sequence[Schedule]
    calendar: Sequence[Due]
    plan: list[str] = field(default_factory=list)  # what they ask for first, as soon as that is possible
    count: int = 0
    asked: dict[str, datetime] = field(default_factory=dict)  # runs whose files were asked for
    tapped: set[str] = field(default_factory=set)  # runs whose cards were tapped to run again

    def __post_init__(self) -> None:
        self.shares = Shares()
        self.wishes = Wishes(self.calendar, self.shares)

    def choose(self, now: datetime) -> Request:
        """Ask for anything that has one right outcome now."""
        ways: Mapping[str, Callable[[datetime], Request | None]] = {
            "talk": self._talk,
            "rerun": self._rerun,
            "rerun card": self._rerun_card,
            "file": self._file,
            "file card": self._file_card,
            "mute": self._mute,
            "mute card": self._mute_card,
        }
        for name in self.plan:
            if request := ways[name](now):
                self.plan.remove(name)
                return self._said(request)
        (name,) = self.chance.choices(list(CHANCES), list(CHANCES.values()))
        return self._said(ways[name](now) or self._talk(now))

    def rerun(self, schedule: str, now: datetime) -> Request:
        """Ask for a run of a schedule, or for something else if it has no one right outcome."""
        return self._said(self._run_of(schedule, now) or self._talk(now))

    def unmute(self, now: datetime) -> Request | None:
        """Ask for the end of a mute, unless there is none but such that are nearly over."""
        mutes = [self.wishes.mutes.find(each.id, now) for each in self.schedules]
        open_ = [each for each in mutes if each and not (each.until and each.until < now + DOUBT)]
        return self._said(self._unmute_of(open_[0].of, now)) if open_ else None

    def _said(self, request: Request) -> Request:
        self.count += 1
        self.wishes.hear(request.wish)
        return request

    def _message(self, now: datetime, wants: WishKind, of: str, text: str) -> Request:
        person = self.chance.choice(MEMBERS)
        wish = Wish(id=f"wish{self.count + 1}", wants=wants, of=of, at=now, person=person)
        return Request(wish=wish, text=text)

    def _talk(self, now: datetime) -> Request:
        return self._message(now, WishKind.TALK, "", self.chance.choice(QUESTIONS))

    def _rerun(self, now: datetime) -> Request | None:
        return self._run_of(self.chance.choice(RERUN), now)

    def _run_of(self, schedule: str, now: datetime) -> Request | None:
        if self._may_end(schedule, now):
            return None
        return self._message(now, WishKind.RUN, schedule, f"重跑 {self._name(schedule)}")

    def _may_end(self, schedule: str, now: datetime) -> bool:
        """Return whether a mute may end while a run that starts now is under way."""
        mute = self.wishes.mutes.find(schedule, now)
        return mute is not None and mute.until is not None and mute.until < now + LATE

    def _name(self, schedule: str) -> str:
        return next(each.name for each in self.schedules if each.id == schedule)

    def _tap(self, now: datetime, wish: tuple[WishKind, str], run: Known, action: str) -> Request:
        wants, of = wish
        person = self.chance.choice(MEMBERS)
        tap = CardTap(card_id=run.card, action=action, user=Person(id=person), conversation_id=GROUP)
        id_ = f"wish{self.count + 1}"
        return Request(wish=Wish(id=id_, wants=wants, of=of, at=now, card=run.name, person=person), tap=tap)

    def _run(self, now: datetime, *, button: str = "") -> Known | None:
        """Choose a run, or one whose card shows a button. Most of the times it is a recent one."""
        known = [each for each in self.chronicle.known if not each.waits and self._is_sure(each, now)]
        known = known[-OFTEN:] if self.chance.random() < 2 / 3 else known
        found = self.chance.choice(known) if known else None
        if found is None or (button and button not in self.chronicle.buttons(found.card)):
            return None
        return found

    def _is_sure(self, run: Known, now: datetime) -> bool:
        age = self.wishes.age(run.name, now)
        return not any(begin < age < end for begin, end in UNSURE_AGES)

    def _rerun_card(self, now: datetime) -> Request | None:
        run = self._run(now, button="rerun")
        if run is None or run.name in self.tapped or self._may_end(run.schedule, now):
            return None
        self.tapped.add(run.name)
        return self._tap(now, (WishKind.RUN, run.schedule), run, "rerun")

    def _file(self, now: datetime) -> Request | None:
        run = self._run(now)
        if run is None or self._asked_lately(run, now):
            return None
        return self._message(now, WishKind.FILE, run.name, f"报告 {run.id}")

    def _file_card(self, now: datetime) -> Request | None:
        run = self._run(now, button="report")
        if run is None or self._asked_lately(run, now):
            return None
        return self._tap(now, (WishKind.FILE, run.name), run, "report")

    def _asked_lately(self, run: Known, now: datetime) -> bool:
        """Return whether the file was asked for lately, or may be refused. Note that it is asked for."""
        last, used = self.asked.get(run.name), self.shares.find(API, now)
        if used.least < SHARED_AT <= used.most:
            return True  # nobody knows whether there are calls for it
        self.asked[run.name] = now
        return last is not None and now - last < DOUBT

    def _mute(self, now: datetime) -> Request | None:
        """Mute a schedule, or end its mute."""
        schedule, span = self.chance.choice(self.schedules).id, self.chance.choice([*SPANS])
        if mute := self.wishes.mutes.find(schedule, now):
            unsure = self._is_due(schedule, now, now + DOUBT) or (mute.until and mute.until < now + DOUBT)
            return None if unsure else self._unmute_of(schedule, now)
        request = self._message(now, WishKind.MUTE, schedule, f"静默 {self._name(schedule)} {span}")
        return self._muting(request, SPANS[span](now))

    def _unmute_of(self, schedule: str, now: datetime) -> Request:
        return self._message(now, WishKind.UNMUTE, schedule, f"取消静默 {self._name(schedule)}")

    def _mute_card(self, now: datetime) -> Request | None:
        run = self._run(now, button="mute")
        if run is None:
            return None
        return self._muting(self._tap(now, (WishKind.MUTE, run.schedule), run, "mute"), _morning(now, days=1))

    def _muting(self, request: Request, until: datetime | None) -> Request | None:
        """Return a mute with its end, unless a run may be under way when it begins or ends."""
        wish = request.wish
        if (wish.at + DOUBT).astimezone(ZONE).date() != wish.at.astimezone(ZONE).date():
            return None  # tomorrow may be another day when it is carried out
        if self._is_due(wish.of, wish.at, wish.at + DOUBT):
            return None
        if until and self._is_due(wish.of, until - LATE, until + DOUBT):
            return None
        return replace(request, wish=replace(wish, until=until))

    def _is_due(self, schedule: str, begin: datetime, end: datetime) -> bool:
        return any(each.schedule == schedule and begin <= each.at <= end for each in self.calendar)
