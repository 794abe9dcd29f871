"""Runs, answers and presses as cards and messages: pure, once the templates are read."""

from collections.abc import Iterator

from bot.models import CardView, Note, Report, Run
from cards.dialects import load
from cards.neutral import cut_bytes
from cards.summary import DETAILS, Ended
from cards.template import BUTTONS, CardButton, CardTemplate

TITLE_BYTES = 200
TIPS_BYTES = 900  # under the documented 1 KB of a variable, 0004-data of the card pages
MARKDOWN_BYTES = 3_000
"""Of a card's body. The documented figure is 1 KB per value and 100 KB per card; longer markdown is sent in
practice by every published connector."""
ANSWER_BYTES = 18_000  # of an answer in the chat; DingTalk refuses 20,000 around it
LIST_TITLE_BYTES = 90  # of a message's title, which only the list of chats shows

_CUT_HERE = "…"


class Cards:
    """What people see, in one language, for one card template. Raises `ConfigError` for settings that are
    wrong."""

    def __init__(
        self, *, lang: str = "zh-CN", zone: str = "Asia/Shanghai", template: CardTemplate = BUTTONS
    ) -> None:
        self._dialects = load(lang, zone)
        self._template = template

    def summary(
        self, run: Run, report: Report | None, *, rerun_by: str = "", unconfirmed: bool = False
    ) -> CardView:
        """The one card of an ended run.

        `rerun_by`: somebody has started it again; the button is gone and the tips say who.
        `unconfirmed`: something of it may not have arrived; a button sends it again.
        """
        ended = Ended(run=run, report=report, rerun_by=rerun_by, unconfirmed=unconfirmed)
        title = self._title(ended)
        bodies = (self._dialects.card.page("body.md", ended.values(detail)) for detail in DETAILS)
        tips = self._dialects.message.page("tips.md", ended.values(DETAILS[-1]))
        params = self._template.params(
            title=title,
            markdown=_fitting(bodies, MARKDOWN_BYTES) or title,
            tips=cut_bytes(_one_line(tips), TIPS_BYTES),
            buttons=self._buttons(ended),
        )
        return CardView(template_id=self._template.id, params=params, headline=title)

    def summary_note(self, run: Run, report: Report | None, *, limit: int) -> Note:
        """The same as a message of at most `limit` bytes, with words to type instead of buttons."""
        ended = Ended(run=run, report=report)
        title = self._title(ended)
        texts = (self._dialects.message.page("note.md", ended.values(detail)) for detail in DETAILS)
        return Note(title=title, text=_fitting(texts, limit) or cut_bytes(title, limit))

    def say(self, phrase: str, /, **values: object) -> Note:
        """An answer in the chat. Raises `KeyError` for a phrase that does not exist."""
        whole = self._dialects.message.phrase(phrase, values)
        text = _fitting(iter([whole]), ANSWER_BYTES) or cut_bytes(whole.replace("**", ""), ANSWER_BYTES)
        title = text.partition("\n")[0].replace("**", "").lstrip("# ")
        return Note(title=cut_bytes(title, LIST_TITLE_BYTES), text=text)

    def tapped(self, phrase: str, /, **values: object) -> dict[str, str]:
        """The card's variables that only the person who pressed sees (0007-event-callback-card)."""
        tips = _one_line(self._dialects.message.phrase(phrase, values))
        return self._template.private(cut_bytes(tips, TIPS_BYTES))

    def _title(self, ended: Ended) -> str:
        title = self._dialects.message.page("title.md", ended.values(DETAILS[-1]))
        return cut_bytes(_one_line(title), TITLE_BYTES)

    def _buttons(self, ended: Ended) -> list[CardButton]:
        shown = []
        if not ended.rerun_by:
            shown.append(CardButton(id="rerun", text=self._word("button_rerun"), color="blue"))
        if ended.report is not None:
            shown.append(CardButton(id="report", text=self._word("button_report"), color="gray"))
        if ended.unconfirmed:
            shown.append(CardButton(id="resend", text=self._word("button_resend"), color="red"))
        return shown

    def _word(self, phrase: str) -> str:
        return self._dialects.message.phrase(phrase, {})


def _fitting(texts: Iterator[str], limit: int) -> str:
    """The first text of at most `limit` bytes; when there is none, the lines of the last that fit."""
    tried = []
    for text in texts:
        if len(text.encode()) <= limit:
            return text
        tried.append(text)
    return _whole_lines(tried[-1], limit)


def _whole_lines(text: str, limit: int) -> str:
    """The first lines of a text that fit; a construct of ours never spans two lines, so none is cut."""
    room = limit - len(f"\n\n{_CUT_HERE}".encode())
    kept: list[str] = []
    for line in text.split("\n"):
        room -= len(line.encode()) + 1
        if room < -1:
            break
        kept.append(line)
    body = "\n".join(kept).rstrip()
    return f"{body}\n\n{_CUT_HERE}" if body else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
