"""Apps that people create by scanning a QR code: a device flow of three calls (CLI/0010, CLI/0011).

A bot starts a registration and shows the code. A person scans it and confirms it or refuses it, which is a
call of the control API here. The bot polls meanwhile.
"""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import App, Person

NONCE_LIFE = timedelta(minutes=5)
USER_CODE_ALPHABET = string.ascii_uppercase + string.digits
DEFAULT_ROBOT_NAME = "OpenClaw"  # the page of DingTalk is made for it, whoever asks
DEFAULT_REFUSAL = "用户拒绝授权"
GRANTED_SCOPES = frozenset({
    "Card.Streaming.Write",
    "Card.Instance.Write",
    "qyapi_robot_sendmsg",
    "qyapi_base",
})
"""The scopes that the app has without a request (CLI/0010), and the one that every app has."""


class RegistrationStatus(StrEnum):
    WAITING = "WAITING"  #: nobody has decided yet
    SUCCESS = "SUCCESS"  #: the app is created
    FAIL = "FAIL"  #: refused
    EXPIRED = "EXPIRED"  #: nobody decided in time


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One registration, from its second call on."""

    device_code: str = field(repr=False)
    user_code: str
    source: str
    expires: datetime
    app: App | None = None
    fail_reason: str = ""

    def status(self, now: datetime) -> RegistrationStatus:
        """Return the state that a poll is told. A decision is told until the device code expires."""
        if self.expires <= now:
            return RegistrationStatus.EXPIRED
        if self.app:
            return RegistrationStatus.SUCCESS
        return RegistrationStatus.FAIL if self.fail_reason else RegistrationStatus.WAITING


class Registrations:
    """All registrations, and the nonces that start them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._nonces: dict[str, tuple[str, datetime]] = {}  # source and expiry
        self._by_device_code: dict[str, Registration] = {}

    def clear(self) -> None:
        self._nonces.clear()
        self._by_device_code.clear()

    def issue_nonce(self, source: str) -> str:
        """Return a nonce for one registration, valid for five minutes."""
        nonce = f"nr_{secrets.token_hex(16)}"
        self._nonces[nonce] = (source, self._now() + NONCE_LIFE)
        return nonce

    def begin(self, nonce: str, life: timedelta) -> Registration | None:
        """Start a registration. Returns None for a nonce that is unknown, used or expired."""
        source, expires = self._nonces.pop(nonce, ("", self._now()))
        if expires <= self._now():
            return None
        registration = Registration(
            device_code=secrets.token_urlsafe(32),
            user_code="-".join(_random_letters(4) for _ in range(3)),
            source=source,
            expires=self._now() + life,
        )
        self._by_device_code[registration.device_code] = registration
        return registration

    def find(self, device_code: str) -> Registration | None:
        return self._by_device_code.get(device_code)

    def all(self) -> list[Registration]:
        """Return all registrations, oldest first."""
        return list(self._by_device_code.values())

    def confirm(self, user_code: str, person: Person, app: App) -> Registration:
        """Create the app. Raises `UsageError` if the person is an outsider or the code is not waiting."""
        if not person.is_internal:
            raise UsageError(f"{person.id!r} is not in the organization")
        return self._decide(replace(self._waiting(user_code), app=app))

    def refuse(self, user_code: str, reason: str) -> Registration:
        """Refuse to create an app. Raises `UsageError` if the code is not waiting."""
        return self._decide(replace(self._waiting(user_code), fail_reason=reason or DEFAULT_REFUSAL))

    def _waiting(self, user_code: str) -> Registration:
        found = next((each for each in self.all() if each.user_code == user_code), None)
        if found is None:
            raise UsageError(f"no such registration: {user_code!r}")
        status = found.status(self._now())
        if status is not RegistrationStatus.WAITING:
            raise UsageError(f"registration {user_code} is not waiting: {status}")
        return found

    def _decide(self, registration: Registration) -> Registration:
        self._by_device_code[registration.device_code] = registration
        return registration


def new_app(robot_name: str, agent_id: int) -> App:
    """Return an app with a robot in Stream mode, as a registration creates it."""
    key = f"ding{_random_letters(16).lower()}"
    return App(
        key=key,
        secret=secrets.token_urlsafe(48),
        agent_id=agent_id,
        robot_name=robot_name or DEFAULT_ROBOT_NAME,
        scopes=GRANTED_SCOPES,
    )


def _random_letters(count: int) -> str:
    return "".join(secrets.choice(USER_CODE_ALPHABET) for _ in range(count))
