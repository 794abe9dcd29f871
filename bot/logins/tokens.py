"""Make and read the tokens of login links and sessions. Pure.

The store has only digests. A session token is signed, so that a guesser causes no query.
"""

import hashlib
import hmac
import secrets

from itsdangerous import BadSignature, Signer

MAX_TOKEN_CHARACTERS = 200  # longer ones are rejected unread
TOKEN_BYTES = 24

_LOGIN_SALT = "dingrun.login"
_SESSION_SALT = "dingrun.session"
_FORM_SALT = "dingrun.form"


def login_token(cause: str, key: str) -> str:
    """Return the token of a login link. The same cause gives the same token, which only `key` can tell."""
    return hmac.new(key.encode(), f"{_LOGIN_SALT}:{cause}".encode(), hashlib.sha256).hexdigest()


def new_session_token(key: str) -> str:
    """Return a new random token with its signature."""
    return _signer(key).sign(secrets.token_urlsafe(TOKEN_BYTES)).decode()


def is_signed(token: str, key: str) -> bool:
    """Return whether a session token was made with this key."""
    if not token or len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        return False
    try:
        _signer(key).unsign(token)
    except BadSignature:
        return False
    return True


def form_token(session_token: str, key: str) -> str:
    """Return what the forms of a session contain, so that no other site can send one."""
    return hmac.new(key.encode(), f"{_FORM_SALT}:{session_token}".encode(), hashlib.sha256).hexdigest()


def digest(token: str) -> str:
    """Return the id under which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def _signer(key: str) -> Signer:
    return Signer(key, salt=_SESSION_SALT, digest_method=hashlib.sha256, key_derivation="hmac")
