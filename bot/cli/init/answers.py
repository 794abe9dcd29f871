"""Answers that come as options of the command line instead of being typed."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Answers:
    """An answer for each question. None or empty: it is asked."""

    lang: str | None = None
    new_app: bool = False
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    group: str | None = None
    admins: tuple[str, ...] = ()
    targets: str | None = None
    name: str | None = None
    cron: str | None = None
    arl_url: str | None = None
    arl_key: str | None = field(default=None, repr=False)
    arl_fingerprint: str | None = None
    job: str | None = None
    secrets: str | None = None  # file or env
    sandbox: str | None = None  # base of both APIs
    card: bool = True
    wait_seconds: float = 600.0  # for the number in the group
