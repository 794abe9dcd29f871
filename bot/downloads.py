"""Domain models of report downloads: links and the download log."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class DownloadLink:
    """Permission to download one report (下载链接), limited in time and number of downloads."""

    id: str
    run_id: str
    sha256: str  # digest of the report; the link serves no other file
    idempotency_key: str  # reason of the link, e.g. a job id; one link per key
    made_at: datetime
    expires_at: datetime
    max_downloads: int
    downloads: int = 0
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class IssuedLink:
    """Download URL sent to users. Anyone with the URL can download the report while the link is valid."""

    url: str = field(repr=False)
    expires_at: datetime
    max_downloads: int


@dataclass(frozen=True, kw_only=True)
class Download:
    """Entry of the download log (下载记录), stored before the first byte is sent."""

    link_id: str
    run_id: str
    at: datetime
    address: str  # IP address of the client
    agent: str  # User-Agent header
    id: str = ""
    finished: bool = False  # the last byte was sent, so it cannot be resumed
    resumes: int = 0  # number of times it was resumed after an interruption
