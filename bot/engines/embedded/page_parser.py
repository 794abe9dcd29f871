"""Extracts the title of a foreign page. Pure, bounded, and linear in the length of the page.

The page may be hostile, so every step is linear in its length. Only real charsets are accepted: Python also
has codecs that are slow (punycode) or fail unexpectedly (undefined, idna).
"""

import codecs
import re
from collections.abc import Sequence
from html import unescape

from bot.foreign_text import printable

MAX_TITLE_LENGTH = 200
CHARSET_BYTES = 2048  # in which a page may name its charset, twice the limit of HTML
MAX_TAG_LENGTH = 1000  # characters of an opening tag
MAX_TITLE_SOURCE = 2000  # characters; html.unescape fails on references of more than 4,300 digits

_OPENING = re.compile(r"<title(?=[\s/>])", re.IGNORECASE | re.ASCII)
_CLOSING = re.compile(r"</title", re.IGNORECASE | re.ASCII)
_CHARSET = re.compile(rb"charset=[\"']?([\w-]{1,40})", re.IGNORECASE)

_LABELS = {  # Python's codec → what pages call it, https://encoding.spec.whatwg.org/#names-and-labels
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8",
    "utf-16-le": "utf-16 utf-16le unicode ucs-2",
    "utf-16-be": "utf-16be",
    "gb18030": "gb18030 gbk gb2312 gb_2312 gb_2312-80 x-gbk chinese csgb2312 iso-ir-58 cp936 ms936",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji csshiftjis ms932 windows-31j cp932",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
    "iso2022_jp": "iso-2022-jp csiso2022jp",
    "cp949": "euc-kr ks_c_5601-1987 korean ksc5601 windows-949 cseuckr cp949",
    "cp1252": "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 latin1 l1 us-ascii ascii cp819",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251",
    "cp1253": "windows-1253 cp1253 x-cp1253",
    "cp1254": "windows-1254 cp1254 x-cp1254 iso-8859-9 latin5",
    "cp1255": "windows-1255 cp1255 x-cp1255",
    "cp1256": "windows-1256 cp1256 x-cp1256",
    "cp1257": "windows-1257 cp1257 x-cp1257",
    "cp1258": "windows-1258 cp1258 x-cp1258",
    "cp874": "windows-874 tis-620 iso-8859-11 dos-874",
    "iso8859-2": "iso-8859-2 latin2 l2",
    "iso8859-3": "iso-8859-3 latin3",
    "iso8859-4": "iso-8859-4 latin4",
    "iso8859-5": "iso-8859-5 cyrillic",
    "iso8859-6": "iso-8859-6 arabic",
    "iso8859-7": "iso-8859-7 greek",
    "iso8859-8": "iso-8859-8 hebrew iso-8859-8-i logical visual",
    "iso8859-10": "iso-8859-10 latin6",
    "iso8859-13": "iso-8859-13",
    "iso8859-14": "iso-8859-14",
    "iso8859-15": "iso-8859-15 latin9 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "koi8-r koi8 koi",
    "koi8-u": "koi8-u koi8-ru",
    "cp866": "ibm866 cp866 866",
    "mac-roman": "macintosh mac x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
}  # fmt: skip
CODECS = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}


def parse_title(body: bytes, charset: str | None) -> str:
    """Extract the title of a page.

    The page is decoded by the charset of the server, else of the page, else as UTF-8, else as GBK.
    """
    text = _decoded(body, _candidate_codecs(body, charset))
    opening = _OPENING.search(text)
    end_of_tag = text.find(">", opening.end(), opening.end() + MAX_TAG_LENGTH) if opening else -1
    if end_of_tag < 0:
        return ""
    closing = _CLOSING.search(text, end_of_tag + 1)
    source = text[end_of_tag + 1 : closing.start() if closing else len(text)]
    words = unescape(source.lstrip()[:MAX_TITLE_SOURCE]).split()
    return printable(" ".join(words))[:MAX_TITLE_LENGTH]


def _candidate_codecs(body: bytes, charset: str | None) -> Sequence[str]:
    """Return the codecs to try, best first."""
    said = _CHARSET.search(body, 0, CHARSET_BYTES)
    labels = (charset or "", said.group(1).decode("ascii", "replace") if said else "")
    named = [CODECS[label] for label in map(_label, labels) if label in CODECS]
    return [*named, "utf-8", "gb18030"]


def _label(name: str) -> str:
    return name.strip().strip("\"'").lower()


def _decoded(body: bytes, names: Sequence[str]) -> str:
    """Decode by the first codec that accepts all of it. A character that is cut off at the end is dropped."""
    for name in names:
        try:
            return codecs.getincrementaldecoder(name)("strict").decode(body, final=False)
        except UnicodeError:
            continue
    return body.decode("utf-8", errors="replace")
