"""The state of the sandbox. It is kept in memory only."""

import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dingtalk_sandbox.clock import SandboxClock
from dingtalk_sandbox.conversations import Conversations, EventFeed
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.faults import Faults
from dingtalk_sandbox.registrations import Registrations
from dingtalk_sandbox.scenario import App, Person, Scenario
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.settings import Settings

MAX_MEDIA_BYTES = 512 * 1024 * 1024
"""Limit of all uploaded files. The oldest are dropped."""


class QuotaKind(StrEnum):
    """The monthly quota that a call counts against ("1431", "1438")."""

    API = "api"  #: API calls
    STREAM = "stream_webhook"  #: Webhook & Stream calls
    FREE = "free"  #: not counted


@dataclass(frozen=True, kw_only=True)
class Token:
    app: App
    value: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class Ticket:
    app: App
    topics: frozenset[tuple[str, str]]
    expires: datetime
    intercepted: bool = False  # asked for under DingTalk's host name


@dataclass(frozen=True, kw_only=True)
class AuthCode:
    """A code by which a page in the client of a user identifies that user."""

    person: Person
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class InterceptedAddresses:
    """Addresses for clients that reached the sandbox under DingTalk's host names."""

    stream: str = ""  # wss://…, "" = nothing is intercepted
    oapi: str = ""  # https://…, of session webhooks


@dataclass(frozen=True, kw_only=True)
class Session:
    """The target of a session webhook."""

    conversation: str
    app: App
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An uploaded file."""

    name: str
    kind: str  # image, voice, video, file
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DownloadCode:
    """The right of a robot to download a file that a person sent."""

    media_id: str
    robot: str  # robotCode
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class DownloadLink:
    """A temporary link to a file."""

    media_id: str
    expires: datetime


@dataclass(kw_only=True)
class Transaction:
    """An upload in chunks that is not committed yet."""

    app: str
    size: int
    chunks: int
    expires: datetime
    received: dict[int, bytes] = field(default_factory=dict)


@dataclass(kw_only=True)
class Card:
    """A card instance, delivered or not."""

    out_track_id: str
    app: App
    template: str
    public: dict[str, str]
    private: dict[str, dict[str, str]]  # by userId
    tap_variables: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # by userId: variables returned by a tap
    local: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # by userId: local variables of the template
    callback: str = ""  # STREAM, HTTP or ""
    user_id_type: int = 1
    spaces: dict[str, Json] = field(default_factory=dict)  # space models by kind: IM_GROUP, IM_ROBOT
    carriers: dict[str, str] = field(default_factory=dict)  # carrierId by "KIND.id"
    extension: Json = field(default_factory=dict)
    route: str = ""  # callbackRouteKey of HTTP callbacks
    data_sources: list[Json] = field(default_factory=list)  # dynamic data, as registered
    guids: dict[str, None] = field(default_factory=dict)  # of streamed frames, oldest first

    def variables(self, viewer: str = "") -> dict[str, str]:
        """Return the variables that a viewer sees."""
        return self.tap_variables.get(viewer, self.public) | self.private.get(viewer, {})


@dataclass(kw_only=True)
class WorkNotificationTask:
    """An accepted work notification."""

    id: int
    app: App
    at: datetime
    invalid: list[str]
    forbidden: list[Json]
    sent: list[str]
    kind: str
    recalled: bool = False


@dataclass(kw_only=True)
class WebhookState:
    """Rate limit and deduplication of one custom robot."""

    sent_at: deque[datetime] = field(default_factory=deque)
    blocked_until: datetime | None = None
    uuids: dict[str, None] = field(default_factory=dict)  # msgUuids, oldest first


class SandboxState:
    """The scenario and everything that has happened since the start.

    No method awaits, so every change is atomic.
    """

    def __init__(self, scenario: Scenario, clock: SandboxClock) -> None:
        self.initial_scenario = scenario
        self.scenario = scenario
        self.clock = clock
        self.feed = EventFeed()
        self.faults = Faults()
        self.url = ""
        self.intercepted = InterceptedAddresses()
        self.tokens: dict[str, Token] = {}
        self.tickets: dict[str, Ticket] = {}
        self.auth_codes: dict[str, AuthCode] = {}
        self.conversations = Conversations(self.feed)
        self.registrations = Registrations(clock.now)
        self._clear()

    def _clear(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.transactions: dict[str, Transaction] = {}  # uploads in chunks, by upload_id
        self.media: dict[str, Upload] = {}
        self.download_codes: dict[str, DownloadCode] = {}
        self.download_links: dict[str, DownloadLink] = {}
        self.group_uuids: dict[tuple[str, str], Group] = {}  # app and uuid of scene groups
        self.shortcuts: dict[str, list[Json]] = {}  # by robotCode
        self.cards: dict[str, Card] = {}
        self.card_routes: dict[tuple[str, str], str] = {}  # app and callbackRouteKey → URL
        self.work_notifications: dict[int, WorkNotificationTask] = {}
        self.work_notification_counts: Counter[tuple[str, ...]] = (
            Counter()
        )  # work notifications by day, app and person
        self.webhooks: defaultdict[str, WebhookState] = defaultdict(WebhookState)
        self.call_counts: Counter[str] = Counter()
        self.error_counts: Counter[str] = Counter()
        self.monthly_usage: defaultdict[str, Counter[str]] = defaultdict(Counter)  # month → bucket → calls
        self.call_log: deque[Json] = deque()
        self.recent_calls: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    def reset(self) -> None:
        """Restore the initial state. Tokens and connections survive, so a bot need not be restarted."""
        self.scenario = self.initial_scenario
        self.clock.reset()
        self.faults.replace([])
        self.forget()

    def forget(self) -> None:
        """Drop everything that happened. The scene, the clock and the faults stay."""
        self.conversations.clear()
        self.registrations.clear()
        self._clear()

    @property
    def settings(self) -> Settings:
        return self.scenario.settings

    def issue_token(self, app: App) -> Token:
        """Return the app's token. A valid one is reused and its expiry extended ("0033")."""
        expires = self.clock.now() + timedelta(seconds=self.settings.token_life)
        old = next(
            (t for t in self.tokens.values() if t.app.key == app.key and t.expires > self.clock.now()), None
        )
        value = old.value if old else secrets.token_hex(16)
        self.tokens[value] = Token(app=app, value=value, expires=expires)
        return self.tokens[value]

    def open_session(self, conversation: str, app: App) -> tuple[str, datetime]:
        """Create a session webhook. Returns its URL and expiry."""
        key = secrets.token_hex(16)
        expires = self.clock.now() + timedelta(seconds=self.settings.session_life)
        self.sessions[key] = Session(conversation=conversation, app=app, expires=expires)
        return f"{self.url}/robot/sendBySession?session={key}", expires

    def add_media(self, file: Upload, prefix: str = "@") -> str:
        """Keep a file, and return its media_id."""
        media_id = prefix + secrets.token_urlsafe(16)
        self.media[media_id] = file
        while sum(len(each.data) for each in self.media.values()) > MAX_MEDIA_BYTES:
            del self.media[next(iter(self.media))]
        return media_id

    def record_call(self, exchange: Json) -> None:
        """Keep a call for inspection. Only the latest `keep_calls` are kept."""
        self.call_log.append(exchange)
        while 0 < self.settings.keep_calls < len(self.call_log):
            self.call_log.popleft()

    def download_codes_for(self, app: App, media_ids: Iterable[str]) -> dict[str, str]:
        """Issue a downloadCode to the robot of an app for each file. Returns the codes by media_id."""
        expires = self.clock.now() + timedelta(seconds=self.settings.download_code_life)
        codes = {media_id: secrets.token_urlsafe(48) for media_id in media_ids}
        for media_id, code in codes.items():
            self.download_codes[code] = DownloadCode(media_id=media_id, robot=app.robot, expires=expires)
        return codes

    def count_call(self, bucket: QuotaKind) -> None:
        self.monthly_usage[self.clock.month()][bucket] += 1

    def is_exhausted(self, bucket: QuotaKind) -> bool:
        limits = {QuotaKind.API: self.settings.api_limit, QuotaKind.STREAM: self.settings.stream_limit}
        limit = limits.get(bucket, 0)
        return bool(limit) and self.monthly_usage[self.clock.month()][bucket] >= limit

    def is_over_qps(self, app: App, endpoint: str) -> bool:
        """Count a call of one app and endpoint. Returns True if it exceeds the calls per second."""
        if not self.settings.qps:
            return False
        calls, now = self.recent_calls[app.key, endpoint], self.clock.now()
        while calls and now - calls[0] >= timedelta(seconds=1):
            calls.popleft()
        if len(calls) >= self.settings.qps:
            return True
        calls.append(now)
        return False

    def robots_in(self, conversation: str) -> list[App]:
        """Return the apps whose robots are in a conversation. A one-to-one chat has that of the first app."""
        group = self.scenario.group(conversation)
        codes = group.robots if group else tuple(a.robot for a in self.scenario.apps[:1])
        return [a for a in self.scenario.apps if a.robot in codes]

    def members(self, conversation: str) -> list[Person]:
        """Return the people in a conversation. The list is empty if the conversation does not exist."""
        group = self.scenario.group(conversation)
        if group:
            return [p for p in self.scenario.people if p.id in group.members]
        return [
            p for p in self.scenario.people if conversation in {p.direct_conversation, p.work_conversation}
        ]
