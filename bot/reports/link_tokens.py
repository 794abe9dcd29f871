"""Links to reports: what their tokens say, and when they are over. Pure.

A token is a link's id and a signature of it; what it allows stands in the store, so that it can be counted
and revoked.
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
MAX_TOKEN_CHARACTERS = 100  # characters; what is longer is not even looked at
KEY_BYTES = 32

_SALT = "dingrun.report-link"


def generate_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(KEY_BYTES)


def sign_token(link_id: str, key: str) -> str:
    return _signer(key).sign(link_id).decode()


def read_token(token: str, key: str) -> str | None:
    """The link that a token of ours names; None for anything else."""
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        link_id = _signer(key).unsign(token).decode()
    except BadSignature:
        return None
    # the last letter of a signature has two bits that say nothing: only the one spelling counts
    return link_id if hmac.compare_digest(sign_token(link_id, key), token) else None


@dataclass(frozen=True, kw_only=True)
class LinkPolicy:
    """What every new link allows. Without a public address there are no links."""

    public_url: str = ""
    ttl: timedelta = timedelta(days=1)
    max_downloads: int = 20  # downloads; 1 is a one-time link


def new_link(
    report: Report, cause: str, terms: LinkPolicy, now: datetime, *, number: int = 0
) -> DownloadLink:
    """A link to this report as it is now; `number` tells how many this cause had before. Pure, so that
    asking twice is asking once."""
    parts = (report.run_id, report.sha256, cause, str(number))
    return DownloadLink(
        id=deterministic_id("l", *parts, length=20),
        run_id=report.run_id,
        sha256=report.sha256,
        idempotency_key=cause,
        made_at=now,
        expires_at=now + terms.ttl,
        max_downloads=terms.max_downloads,
    )


def rejection_reason(grant: DownloadLink | None, now: datetime) -> str:
    """Why a link leads nowhere, in one word for logs and counters; "" while it leads to its report."""
    if grant is None:
        return "unknown"
    if grant.revoked_at:
        return "revoked"
    if now >= grant.expires_at:
        return "expired"
    return "is_exhausted" if grant.downloads >= grant.max_downloads else ""


def _signer(key: str) -> Signer:
    return Signer(key, salt=_SALT, digest_method=hashlib.sha256, key_derivation="hmac")
