"""Validation of addresses that DingTalk sends, so that a forged one cannot choose where a reply is sent."""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from bot.messengers.dingtalk.auth import DingTalkApp

DOMAIN = "dingtalk.com"
PORTS = {"http": 80, "https": 443}


def is_trusted_session_webhook(address: str, app: DingTalkApp) -> bool:
    """Return True for a host of DingTalk over TLS, or an API host of the settings."""
    return is_dingtalk_address(address, (app.openapi_base, app.oapi_base))


def is_dingtalk_address(address: str, bases: Sequence[str]) -> bool:
    """Return True for a host of DingTalk over TLS, or the host of one of its APIs in `bases`."""
    try:
        parts = urlsplit(address)
        origin = _origin(parts)
        configured = {_origin(urlsplit(base)) for base in bases}
    except ValueError:  # an invalid port, brackets
        return False
    ambiguous = "@" in parts.netloc or "\\" in address or not address.isprintable()
    if ambiguous:  # another parser may see another host
        return False
    scheme, host, port = origin
    official = host == DOMAIN or host.endswith(f".{DOMAIN}")
    return ((scheme, port) == ("https", 443) and official) or origin in configured


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
