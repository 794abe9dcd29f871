"""ARL's user endpoints. A user has one token, so an API login ends the web session."""

import hashlib
import secrets
from typing import Any

from aiohttp import web

from arl_sandbox.database import ArlDatabase
from arl_sandbox.responses import API_KEY, ArlState, envelope, read_payload, success

SALT = "arlsalt!@#"
ADMIN, FIRST_PASSWORD = "admin", "arlpass"
MISMATCH, EMPTY, WRONG = 301, 302, 303


def hash_password(password: str) -> str:
    return hashlib.md5(f"{SALT}{password}".encode(), usedforsecurity=False).hexdigest()


class UserCalls:
    """Log in, log out and change the password."""

    def __init__(self, arl: ArlState) -> None:
        self._database = arl.database
        user = {"username": ADMIN, "password": hash_password(FIRST_PASSWORD), "token": None}
        if not self._database.tables["user"]:
            self._database.insert("user", user)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/user/login", self._login),
            web.get("/api/user/logout", self._logout),
            web.post("/api/user/change_pass", self._change),
        ]

    async def _login(self, request: web.Request) -> web.Response:
        """Log in. A wrong password gets the message "success" with code 401."""
        asked = await read_payload(request, {"username": str, "password": str})
        digest = hash_password(asked["password"])
        for user in self._database.tables["user"].values():
            if (user["username"], user["password"]) == (asked["username"], digest):
                token = secrets.token_hex(16)
                self._database.change("user", user["_id"], token=token)
                return success({"username": user["username"], "token": token, "type": "login"})
        return envelope(401, "success")

    async def _logout(self, request: web.Request) -> web.Response:
        if user := find_user(self._database, read_token(request)):
            self._database.change("user", user["_id"], token=None)
        return success()

    async def _change(self, request: web.Request) -> web.Response:
        """Change the password. With the API key, the administrator's (assumed, as are the messages)."""
        asked = await read_payload(request, {"old_password": str, "new_password": str, "check_password": str})
        user = find_user(self._database, read_token(request)) or next(
            iter(self._database.tables["user"].values())
        )
        if asked["new_password"] != asked["check_password"]:
            return envelope(MISMATCH, "新密码和确认密码不一致")
        if not asked["new_password"]:
            return envelope(EMPTY, "新密码不能为空")
        if user["password"] != hash_password(asked["old_password"]):
            return envelope(WRONG, "旧密码错误")
        self._database.change("user", user["_id"], password=hash_password(asked["new_password"]), token=None)
        return success()


def read_token(request: web.Request) -> str:
    return request.headers.get("Token") or request.query.get("token", "")


def find_user(database: ArlDatabase, token: str) -> dict[str, Any] | None:
    """Find the user with a token."""
    users = database.tables["user"].values()
    return next((user for user in users if token and user["token"] == token), None)


def is_authenticated(arl: ArlState, request: web.Request) -> bool:
    """Return True if the request has the API key or a user's token, in the header or the query."""
    token = read_token(request)
    return arl.no_auth or token == API_KEY or find_user(arl.database, token) is not None
