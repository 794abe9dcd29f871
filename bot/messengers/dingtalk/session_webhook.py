"""The guard of session webhooks: whoever forges a message must not choose whom we write to. Pure."""

from urllib.parse import SplitResult, urlsplit

from bot.messengers.dingtalk.auth import DingTalkApp

DOMAIN = "dingtalk.com"
PORTS = {"http": 80, "https": 443}


def leads_to_dingtalk(address: str, app: DingTalkApp) -> bool:
    """Check a session webhook: a host of DingTalk by TLS, or one that the settings name."""
    try:
        parts = urlsplit(address)
        origin = _origin(parts)
        named = {_origin(urlsplit(base)) for base in (app.openapi_base, app.oapi_base)}
    except ValueError:  # a port that is no number, brackets
        return False
    if (
        "@" in parts.netloc or "\\" in address or not address.isprintable()
    ):  # another reader may see another host
        return False
    scheme, host, port = origin
    official = host == DOMAIN or host.endswith(f".{DOMAIN}")
    return ((scheme, port) == ("https", 443) and official) or origin in named


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
