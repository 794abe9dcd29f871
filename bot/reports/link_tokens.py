"""Sign and read the tokens of download links, and decide when a link is invalid. Pure.

A token is the id of a link with its signature. The limits of the link are in the store, so that downloads can
be counted and links revoked.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, Signer

from bot.downloads import DownloadLink
from bot.models import Report, deterministic_id

URL_PATH = "/reports/"
MAX_TOKEN_CHARACTERS = 100  # longer ones are rejected unread
EXHAUSTED = "exhausted"
KEY_BYTES = 32

_SALT = "dingrun.report-link"


def generate_key() -> str:
    """Return a new random signing key."""
    return secrets.token_hex(KEY_BYTES)


def sign_token(link_id: str, key: str) -> str:
    return _signer(key).sign(link_id).decode()


def read_token(token: str, key: str) -> str | None:
    """Return the link id of a token with a valid signature, or None."""
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        link_id = _signer(key).unsign(token).decode()
    except BadSignature:
        return None
    # the last character of a signature has two unused bits: accept only the canonical spelling
    return link_id if hmac.compare_digest(sign_token(link_id, key), token) else None


@dataclass(frozen=True, kw_only=True)
class LinkPolicy:
    """Limits of new links. Without `public_url` no links are issued."""

    public_url: str = ""
    ttl: timedelta = timedelta(days=1)
    max_downloads: int = 20  # 1 makes a one-time link


def new_link(
    report: Report, cause: str, policy: LinkPolicy, now: datetime, *, number: int = 0
) -> DownloadLink:
    """Build a link to this version of a report. Deterministic, so issuing it twice yields the same link.

    `number` is the number of links that this cause had before.
    """
    parts = (report.run_id, report.sha256, cause, str(number))
    return DownloadLink(
        id=deterministic_id("l", *parts, length=20),
        run_id=report.run_id,
        sha256=report.sha256,
        idempotency_key=cause,
        made_at=now,
        expires_at=now + policy.ttl,
        max_downloads=policy.max_downloads,
    )


def rejection_reason(link: DownloadLink | None, now: datetime) -> str:
    """Return why a link is invalid, as one word for logs and metrics, or "" while it is valid."""
    if link is None:
        return "unknown"
    if link.revoked_at:
        return "revoked"
    if now >= link.expires_at:
        return "expired"
    return EXHAUSTED if link.downloads >= link.max_downloads else ""


def _signer(key: str) -> Signer:
    return Signer(key, salt=_SALT, digest_method=hashlib.sha256, key_derivation="hmac")
