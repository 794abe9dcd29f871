"""Render the pages, in the language of the visitor.

Every value is cleaned of invisible characters and escaped. Pages load nothing but our own style and script,
whose addresses contain a digest of their content.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.foreign_text import printable
from bot.models import Clock
from cards.catalogue import load_words
from cards.environment import LANGUAGES, TEMPLATES, read_yaml
from cards.filters import Filters

FOLDER = Path(__file__).parent
STATIC_PATH = "/status/static/"
STATIC_TYPES = {
    "app.css": "text/css",
    "app.js": "text/javascript",
    "login.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
MAX_VALUE_CHARACTERS = 2_000  # of one value on a page
MAX_LOG_CHARACTERS = 20_000  # of the end of a log
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer the page's own form would have no Origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}

_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_LIST_ITEM = re.compile(r"(?:[-+]|\d{1,3}[.)]) (.*)")


class Pages:
    """The templates in every language."""

    def __init__(self, *, zone: ZoneInfo, clock: Clock) -> None:
        self._clock = clock
        self._environments = {lang: _environment(lang, zone) for lang in LANGUAGES}

    def show(
        self, name: str, lang: str, values: Mapping[str, object], *, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        """Render a page as a response."""
        environment = self._environments[lang]
        html = environment.get_template(f"{name}.html").render({"now": self._clock(), "lang": lang, **values})
        return web.Response(text=html, status=status, content_type="text/html", headers=HEADERS)


def _environment(lang: str, zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    words = read_yaml(TEMPLATES / lang / "words.yaml")
    environment.filters.update(Filters(words, zone).table, answer=answer_html, log=log_html)
    environment.globals.update({name: words[name] for name in ("states", "outcomes", "channels", "modes")})
    environment.globals["kinds_of_steps"] = words["steps"]
    texts = load_words("web", lang)
    environment.globals.update(
        field=partial(_field, texts), t=partial(_text, texts), static=static_url, new_key=new_key
    )
    return environment


def new_key() -> str:
    """Return a key for a form, so that sending it twice is asking once."""
    return secrets.token_urlsafe(12)


def _text(words: Mapping[str, str], key: str, /, **values: object) -> str:
    """Return a text of the pages with its values. It is escaped as a whole."""
    return words[key].format_map(values)


def _field(words: Mapping[str, str], name: str) -> str:
    """Return the name of a field of an asset. Fields of other systems keep theirs."""
    return words.get(f"field_{name}", name)


def _shown(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return "" if value is None else visible(str(value))


def visible(text: str) -> str:
    """Return a text without characters that cannot be seen, or that turn the text around them."""
    return _cleaned(text[:MAX_VALUE_CHARACTERS])


def log_html(text: str) -> Markup:
    """Return the end of a log as HTML."""
    return Markup.escape(_cleaned(text[-MAX_LOG_CHARACTERS:]))


def _cleaned(text: str) -> str:
    return _INVISIBLE.sub("", printable(text))


def answer_html(text: str) -> Markup:
    """Return an answer of the chat, which is markdown with escaped values, as HTML."""
    html: list[str] = []
    in_list = False
    for line in filter(None, map(str.strip, text.split("\n"))):
        item = _LIST_ITEM.fullmatch(line)
        if bool(item) is not in_list:
            html.append("<ul>" if item else "</ul>")
            in_list = bool(item)
        shown = _emphasized(item[1] if item else line.lstrip("#> "))
        html.append(f"<li>{shown}</li>" if item else f"<p>{shown}</p>")
    if in_list:
        html.append("</ul>")
    return Markup("\n").join(map(Markup, html))


def _emphasized(text: str) -> str:
    return _STRONG.sub(r"<strong>\1</strong>", str(Markup.escape(visible(text))))


@cache
def _static(name: str) -> tuple[bytes, str]:
    """Return a file of ours, and a digest of it."""
    content = (FOLDER / "static" / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


def static_url(name: str) -> str:
    """Return the address of one of our files, which changes with its content."""
    return f"{STATIC_PATH}{_static(name)[1]}/{name}"


async def serve_static(request: web.Request) -> web.Response:
    """Serve the style or the script. They contain nothing that needs a login."""
    name = request.match_info["name"]
    if name not in STATIC_TYPES:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    content, _ = _static(name)
    return web.Response(body=content, content_type=STATIC_TYPES[name], charset="utf-8", headers=headers)
