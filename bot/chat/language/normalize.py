"""Fold a text for comparison: width, case, traditional characters, invisible characters, mentions. Pure."""

import re
import unicodedata
from dataclasses import dataclass

MAX_CHARS = 240  # of a text that is understood; what is longer is no command

_TRADITIONAL = (
    "執执行行報报導导檢检歷历狀状態态計计劃划嗎吗誰谁為为爲为麼么觸触發发時时終终幫帮請请額额調调鏈链結结現现別别說说還还沒没過过掃扫運运"
    "啟启動动開开後后給给個个這这裡里裏里證证據据點点錯错誤误敗败這这們们來来會会問问題题幾几歲岁遠远週周剛刚關关閉闭務务單单"
    "記记錄录應应該该讓让謝谢鍾钟鐘钟進进獲获條条號号項项舊旧圖图表表無无須须麻麻煩烦試试畢毕毀毁撤撤銷销僅仅圍围資资產产庫库網网絡络"
)
_SIMPLIFIED = dict(zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True))
_SAME = {"’": "'", "‘": "'", "`": "'", "–": "-", "—": "-", "−": "-"}
_MENTION = re.compile(r"(?<![\w.])@[^\s@]+")
_TELL = re.compile(
    r"(?:请|让|叫|找|喊|派|麻烦|劳驾|拜托|\b(?:ask|tell|let|have|get|please|pls))\s*@", re.IGNORECASE
)
_ROBOT = re.compile(r"机器人|助手|bot|dingrun", re.IGNORECASE)
_ROOM = 4  # spaces, mentions and signs that disappear, for each character that is kept


@dataclass(frozen=True, kw_only=True)
class Said:
    """A folded text, and how it was written."""

    text: str
    spoken: str  # as it was written, in half width and without mentions
    positions: tuple[int, ...]  # in `spoken`, of each character of `text`
    mentions: bool = False  # somebody is mentioned, who may be DingRun
    addresses: bool = False  # it starts with a mention of somebody else
    tells: bool = False  # somebody who is mentioned is told to do something, as in 让 @张三
    cut: bool = False  # it was too long

    def written(self, start: int, end: int | None = None) -> str:
        """Return a part of the folded text as it was written, to the end without `end`."""
        if start >= len(self.positions):
            return ""
        stop = None if end is None else self.positions[end - 1] + 1
        return self.spoken[self.positions[start] : stop]


def fold(text: str) -> str:
    """Return a name or a text for comparison. See `read`."""
    return read(text).text


def read(text: str) -> Said:
    """Fold a text to half width, lower case and simplified characters.

    Mentions and invisible characters are removed. A space stays only between two words of letters: Chinese
    is written with and without.
    """
    plain = normalize_display(text[: MAX_CHARS * _ROOM])
    spoken = " ".join(_MENTION.sub(" ", plain).split()).removeprefix("/").strip()
    mention = _MENTION.search(plain)
    kept = [
        (_fold_char(char), position)
        for position, char in enumerate(spoken)
        if char != " " or not (_is_han(spoken[position - 1]) or _is_han(spoken[position + 1]))
    ]
    return Said(
        text="".join(folded for folded, _ in kept[:MAX_CHARS]),
        spoken=spoken,
        positions=tuple(position for _, position in kept[:MAX_CHARS]),
        mentions=bool(mention),
        addresses=bool(mention and not mention.start() and not _ROBOT.search(mention[0])),
        tells=bool(_TELL.search(plain)),
        cut=len(kept) > MAX_CHARS or len(text) > MAX_CHARS * _ROOM,
    )


def normalize_display(text: str) -> str:
    """Return a text in half width, with single spaces and without invisible characters."""
    folded = unicodedata.normalize("NFKC", text)
    return " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())


def is_word_char(text: str, position: int) -> bool:
    """Return whether the character is part of a word of letters or digits, as in `re-run` and `11-28`."""
    if not 0 <= position < len(text):
        return False
    if _is_letter(text[position]) or text[position] == "_":
        return True
    inside = 0 < position < len(text) - 1 and text[position] in "-'./:@"
    return inside and _is_letter(text[position - 1]) and _is_letter(text[position + 1])


def _is_letter(char: str) -> bool:
    return char.isalnum() and not _is_han(char)


def _is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or "\U00020000" <= char <= "\U0003ffff"


def _fold_char(char: str) -> str:
    char = _SAME.get(char, char)
    folded = _SIMPLIFIED.get(char, char).casefold()
    return folded if len(folded) == 1 else char
