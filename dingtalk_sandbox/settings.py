"""Settings of the sandbox, which a scene or a control call changes."""

from dataclasses import dataclass

DOCUMENTED = "documented"
"""The value of a setting that holds calls to the page where practice is wider."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the sandbox. Times are in seconds. A limit of 0 means no limit."""

    bad_token_status: int = 400  # some clients expect 401
    token_life: float = 7200
    ticket_life: float = 90
    session_life: float = 5400
    ping_every: float = 20
    disconnect_grace: float = 10
    redeliver: bool = True
    redeliver_after: float = 60
    redeliver_limit: int = 3
    card_deadline: float = 2
    http_deadline: float = 2.5  # of a bot that receives by HTTP; in real time
    download_code_life: float = 86_400  # not documented
    download_link_life: float = 3600  # not documented
    registration_life: float = 7200  # of a device code
    registration_interval: float = 5  # between polls
    repeated_card: str = "refuse"  # or "ignore"; DingTalk documents both
    card_value_limit: int = 0  # bytes per value; documented as 1 KB, not enforced in practice
    qps: int = 20
    api_limit: int = 5000
    stream_limit: int = 3000
    webhook_per_minute: int = 20
    webhook_silence: float = 600
    webhook_throttle_code: int = 410100  # 130101 has been observed as well
    webhook_wording: str = "today"  # error text of 310000: "today", or "old" as documented
    paid_dings: bool = False  # DINGs by SMS and call are bought
    file_types: str = "any"  # of uploads and file messages: "any" as in practice, or "documented"
    keep_messages: int = 10_000  # with cards, files and keys that belong to messages; 0 = all
    keep_calls: int = 2_000  # shown by the inspector; 0 = all
