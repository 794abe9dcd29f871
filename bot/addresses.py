"""Addresses that may hold a name and a password: how they are shown, and what in them never is."""

from urllib.parse import parse_qsl, unquote

STARS = "***"
SECRET_OPTIONS = ("password", "properties")  # as in `tlsCertificateKeyFilePassword`


def shown(address: str) -> str:
    """The address with stars for whoever it names and for its options."""
    scheme, mark, rest = address.partition("://")
    who, at, where = rest.rpartition("@")
    place, question, _ = where.partition("?")
    return f"{scheme}{mark}{STARS if who else ''}{at}{place}{question}{STARS if question else ''}"


def secrets_in(address: str) -> set[str]:
    """What must never be written anywhere, as it stands there and as it is meant."""
    rest = address.partition("://")[2]
    who, _, where = rest.rpartition("@")
    options = parse_qsl(where.partition("?")[2])
    held = [value for name, value in options if name.lower().endswith(SECRET_OPTIONS)]
    password = who.partition(":")[2]
    return {word for word in (password, unquote(password), *held) if word}
