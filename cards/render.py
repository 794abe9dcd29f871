"""Runs, answers and presses as cards and messages: pure, once the templates are read."""

from collections.abc import Collection, Iterator, Sequence

from bot.downloads import IssuedLink
from bot.models import MarkdownMessage, RenderedCard, Report, Run
from cards.buttons import ButtonDesign, draw_buttons
from cards.card_template import BUTTONS, CardTemplate
from cards.digest import LINES, digest_values
from cards.environment import load
from cards.escaping import Markup, cut_bytes
from cards.summary import DETAIL_LEVELS, NO_STATE, CardState, SummaryView

TITLE_BYTES = 200
TIPS_BYTES = 900  # under the documented 1 KB of a variable, 0004-data of the card pages
MARKDOWN_BYTES = 3_000
"""Of a card's body. The documented figure is 1 KB per value and 100 KB per card; longer markdown is sent in
practice by every published connector."""
DIGEST_BYTES = 8_000  # of a digest's body: each run has its line
ANSWER_BYTES = 18_000  # of an answer in the chat; DingTalk refuses 20,000 around it
LIST_TITLE_BYTES = 90  # of a message's title, which only the list of chats shows

_CUT_HERE = "…"


class Cards:
    """What people see, in one language, for one card template. Raises `ConfigError` for settings that are
    wrong."""

    def __init__(
        self,
        *,
        lang: str = "zh-CN",
        zone: str = "Asia/Shanghai",
        template: CardTemplate = BUTTONS,
        buttons: Sequence[ButtonDesign] = (),
    ) -> None:
        self.lang = lang
        self._dialects = load(lang, zone)
        self._template = template
        self._buttons = buttons

    def summary(
        self,
        run: Run,
        report: Report | None,
        *,
        news: CardState = NO_STATE,
        mention: Sequence[str] = (),
    ) -> RenderedCard:
        """The one card of an ended run: `news` is what has become of it since, it rings for `mention`."""
        ended = SummaryView(run=run, report=report, state=news)
        title = self._title(ended)
        bodies = (self._dialects.card_env.page("body.md", ended.values(detail)) for detail in DETAIL_LEVELS)
        tips = self._dialects.message_env.page("tips.md", ended.values(DETAIL_LEVELS[-1]))
        params = self._template.params(
            title=title,
            markdown=_fitting(bodies, MARKDOWN_BYTES) or title,
            tips=cut_bytes(_one_line(tips), TIPS_BYTES),
            buttons=draw_buttons(self._buttons, ended, self.lang),
        )
        return RenderedCard(
            template_id=self._template.id, params=params, headline=title, mention=tuple(mention)
        )

    def summary_message(
        self,
        run: Run,
        report: Report | None,
        *,
        limit: int,
        news: CardState = NO_STATE,
        mention: Sequence[str] = (),
    ) -> MarkdownMessage:
        """The same as a message of at most `limit` bytes, with words to type instead of buttons."""
        ended = SummaryView(run=run, report=report, state=news)
        title = self._title(ended)
        texts = (self._dialects.message_env.page("note.md", ended.values(detail)) for detail in DETAIL_LEVELS)
        text = _fitting(texts, limit) or cut_bytes(title, limit)
        return MarkdownMessage(title=title, text=text, mention=tuple(mention))

    def digest(self, runs: Sequence[Run], unconfirmed: Collection[str] = ()) -> RenderedCard:
        """Many ended runs in one card, a line each; `unconfirmed` are the runs whose file may be lost."""
        title = self._digest_title(runs)
        pages = (
            self._dialects.card_env.page("digest.md", digest_values(runs, lines, unconfirmed))
            for lines in LINES
        )
        markdown = _fitting(pages, DIGEST_BYTES)
        params = self._template.params(title=title, markdown=markdown, tips="", buttons=[])
        return RenderedCard(template_id=self._template.id, params=params, headline=title)

    def digest_message(self, runs: Sequence[Run], *, limit: int) -> MarkdownMessage:
        """The same as a message of at most `limit` bytes."""
        title = self._digest_title(runs)
        pages = (self._dialects.message_env.page("digest.md", digest_values(runs, lines)) for lines in LINES)
        room = limit - len(title.encode()) - 16
        return MarkdownMessage(title=title, text=f"### {title}\n\n{_fitting(pages, room)}")

    def _digest_title(self, runs: Sequence[Run]) -> str:
        title = self._dialects.message_env.page("digest.md", digest_values(runs, None))
        return cut_bytes(_one_line(title), TITLE_BYTES)

    def reply(self, phrase: str, /, **values: object) -> MarkdownMessage:
        """An answer in the chat. Raises `KeyError` for a phrase that does not exist."""
        whole = self._dialects.message_env.phrase(phrase, values)
        text = _fitting(iter([whole]), ANSWER_BYTES) or cut_bytes(whole.replace("**", ""), ANSWER_BYTES)
        title = text.partition("\n")[0].replace("**", "").lstrip("# ")
        return MarkdownMessage(title=cut_bytes(title, LIST_TITLE_BYTES), text=text)

    def link_message(self, report: Report, link: IssuedLink) -> MarkdownMessage:
        """A link to a report, with all that people want to know before they use it."""
        return self.reply("report_link", report=report, link=link, url=Markup(link.url))

    def tap_feedback(self, phrase: str, /, **values: object) -> dict[str, str]:
        """The card's variables that only the person who pressed sees (0007-event-callback-card)."""
        tips = _one_line(self._dialects.message_env.phrase(phrase, values))
        return self._template.private(cut_bytes(tips, TIPS_BYTES))

    def _title(self, ended: SummaryView) -> str:
        title = self._dialects.message_env.page("title.md", ended.values(DETAIL_LEVELS[-1]))
        return cut_bytes(_one_line(title), TITLE_BYTES)


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
