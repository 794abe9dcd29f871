"""Keys of other systems: hashed in memory, compared in constant time. Pure."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

KEY_BYTES = 32
PING_PREFIX, TOKEN_PREFIX = "drp_", "drt_"


class KeyKind(StrEnum):
    """Place of a key in a request."""

    PING = "ping"  #: in the URL
    TOKEN = "token"  #: in the header `Authorization: Bearer …`  # noqa: S105 - no secret


class Scope(StrEnum):
    """Permission of a key."""

    REPORT = "report"  #: report runs and change schedules
    READ = "read"  #: read runs and schedules
    ACT = "act"  #: start and stop runs


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key, without the key itself."""

    name: str
    kind: KeyKind
    digest: bytes
    slugs: tuple[str, ...] = ("*",)
    scopes: frozenset[Scope] = frozenset({Scope.REPORT})
    secret: bytes = b""  # signs webhooks; "" = they are not signed

    def reaches(self, slug: str) -> bool:
        """Return whether the key may be used for a schedule."""
        return any(fnmatchcase(slug, pattern) for pattern in self.slugs)


class KeyRing:
    """All keys. An unknown one takes as long as a known one."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = tuple(keys)

    def find(self, text: str, kind: KeyKind) -> ApiKey | None:
        """Return the key with this text, or None."""
        digest, found = digest_key(text), None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest) and key.kind is kind:
                found = key
        return found


def digest_key(text: str) -> bytes:
    """Return the hash under which a key is kept. Keys are random, so it needs no salt."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def new_key(kind: KeyKind) -> str:
    """Return a new random key."""
    prefix = PING_PREFIX if kind is KeyKind.PING else TOKEN_PREFIX
    return prefix + secrets.token_urlsafe(KEY_BYTES)
