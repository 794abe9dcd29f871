"""Render runs, answers and tap feedback as cards and messages. Pure, once the templates are read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace

from bot.downloads import IssuedLink
from bot.models import CardFallback, CardSearch, Clock, MarkdownMessage, RenderedCard, Report, Run
from bot.runtime import utc_now
from cards.buttons import ButtonDesign, draw_buttons
from cards.card_template import BUTTONS, CardTemplate
from cards.digest import LINE_DETAILS, digest_values
from cards.environment import load
from cards.escaping import Markup, cut, cut_bytes
from cards.fitting import first_fitting, one_line
from cards.rich_card import MAX_TIPS_BYTES, RichCard
from cards.summary import DETAIL_LEVELS, NO_STATE, CardState, SummaryView

MAX_TITLE_BYTES = 200
MAX_MARKDOWN_BYTES = 3_000
"""Of a card's body. Documented are 1 KB per value and 100 KB per card. In practice, longer markdown is
accepted: every published connector sends it."""
MAX_DIGEST_BYTES = 8_000  # of a digest's body, which has a line for each run
MAX_ANSWER_BYTES = 18_000  # of an answer in the chat; DingTalk rejects about 20,000
MAX_LIST_TITLE_BYTES = 90  # of a message's title, shown only in the list of chats
MAX_SEARCH_CHARACTERS = 200  # of what the search of DingTalk shows, 0783-create-and-deliver-cards
SEARCH_KIND: Mapping[str, str] = {"zh_CN": "执行结果", "en_US": "Run result"}


class Cards:
    """Everything that people see, in one language, for one card template.

    Raises:
        ConfigError: The language, the time zone or the card template is unknown.
    """

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
        self._rich = RichCard(self._dialects, lang, buttons)
        self._clock = utc_now

    def with_clock(self, clock: Clock) -> "Cards":
        """Return the same cards with another clock. It decides which day is 今天 in an answer."""
        cards = copy(self)
        cards._clock = clock
        return cards

    def summary(
        self,
        run: Run,
        report: Report | None,
        *,
        state: CardState = NO_STATE,
        mention: Sequence[str] = (),
    ) -> RenderedCard:
        """Return the card of an ended run. `state` is what happened since; `mention` notifies people."""
        view = SummaryView(run=run, report=report, state=state)
        card = RenderedCard(
            template_id=self._template.id,
            params=self._params(self._template, view),
            headline=self._title(view),
            mention=tuple(mention),
            alert=self._line("alert.md", view.values(DETAIL_LEVELS[-1])),
            search=self._search("search.md", view.values(DETAIL_LEVELS[0])),
        )
        return self._with_fallback(card, lambda: self._params(BUTTONS, view))

    @property
    def shows_history(self) -> bool:
        """Return whether cards show the last runs of a schedule, so that they must be read."""
        return self._template.rich

    def _params(self, template: CardTemplate, view: SummaryView) -> Mapping[str, str]:
        title = self._title(view)
        if template.rich:
            return self._rich.summary(view, title)
        bodies = (self._dialects.card_env.page("body.md", view.values(detail)) for detail in DETAIL_LEVELS)
        tips = self._dialects.message_env.page("tips.md", view.values(DETAIL_LEVELS[-1]))
        return template.params(
            title=title,
            markdown=first_fitting(bodies, MAX_MARKDOWN_BYTES) or title,
            tips=cut_bytes(one_line(tips), MAX_TIPS_BYTES),
            buttons=draw_buttons(self._buttons, view, self.lang),
        )

    def _with_fallback(self, card: RenderedCard, params: Callable[[], Mapping[str, str]]) -> RenderedCard:
        """Add the content for the public template, unless the card is by a public template already."""
        if self._template.is_public:
            return card
        return replace(card, fallback=CardFallback(template_id=BUTTONS.id, params=params()))

    def summary_message(
        self,
        run: Run,
        report: Report | None,
        *,
        limit: int,
        state: CardState = NO_STATE,
        mention: Sequence[str] = (),
    ) -> MarkdownMessage:
        """Return the summary as a message of at most `limit` bytes, with commands instead of buttons."""
        view = SummaryView(run=run, report=report, state=state)
        title = self._title(view)
        texts = (self._dialects.message_env.page("note.md", view.values(detail)) for detail in DETAIL_LEVELS)
        text = first_fitting(texts, limit) or cut_bytes(title, limit)
        return MarkdownMessage(title=title, text=text, mention=tuple(mention))

    def digest(
        self, runs: Sequence[Run], unconfirmed: Collection[str] = (), *, quiet: bool = False
    ) -> RenderedCard:
        """Return one card for many runs, a line each. `unconfirmed` are runs whose file may be lost.

        `quiet`: the runs waited for the end of quiet hours.
        """
        title = self._digest_title(runs)
        pages = (
            self._dialects.card_env.page("digest.md", digest_values(runs, detail, unconfirmed, quiet=quiet))
            for detail in LINE_DETAILS
        )
        card = self.text_card(title, first_fitting(pages, MAX_DIGEST_BYTES))
        return replace(card, search=self._search("digest_search.md", digest_values(runs, LINE_DETAILS[-1])))

    def text_card(self, title: str, markdown: str) -> RenderedCard:
        """Return a card with a title and a text, and no buttons."""

        def params(template: CardTemplate) -> Mapping[str, str]:
            if template.rich:
                return self._rich.text(title, markdown)
            return template.params(title=title, markdown=markdown, tips="", buttons=[])

        own = self._template
        card = RenderedCard(template_id=own.id, params=params(own), headline=title, alert=title)
        return self._with_fallback(card, lambda: params(BUTTONS))

    def digest_message(self, runs: Sequence[Run], *, limit: int, quiet: bool = False) -> MarkdownMessage:
        """Return the digest as a message of at most `limit` bytes."""
        title = self._digest_title(runs)
        pages = (
            self._dialects.message_env.page("digest.md", digest_values(runs, detail, quiet=quiet))
            for detail in LINE_DETAILS
        )
        max_bytes = limit - len(title.encode()) - 16
        return MarkdownMessage(title=title, text=f"### {title}\n\n{first_fitting(pages, max_bytes)}")

    def _digest_title(self, runs: Sequence[Run]) -> str:
        return self._line("digest.md", digest_values(runs, None))

    def reply(self, phrase: str, /, **values: object) -> MarkdownMessage:
        """Return an answer in the chat.

        Raises:
            KeyError: There is no such phrase.
        """
        whole = self._phrase(phrase, values)
        text = first_fitting([whole], MAX_ANSWER_BYTES) or cut_bytes(
            whole.replace("**", ""), MAX_ANSWER_BYTES
        )
        title = text.partition("\n")[0].replace("**", "").lstrip("# ")
        return MarkdownMessage(title=cut_bytes(title, MAX_LIST_TITLE_BYTES), text=text)

    def link_message(self, report: Report, link: IssuedLink) -> MarkdownMessage:
        """Return a message with a download link, its expiry and the details of the report."""
        return self.reply("report_link", report=report, link=link, url=Markup(link.url))

    def tap_feedback(self, phrase: str, /, **values: object) -> dict[str, str]:
        """Return the card variables that only the person who tapped sees (0007-event-callback-card)."""
        tips = one_line(self._phrase(phrase, values))
        return self._template.private(cut_bytes(tips, MAX_TIPS_BYTES))

    def _phrase(self, key: str, values: Mapping[str, object]) -> str:
        return self._dialects.message_env.phrase(key, {"now": self._clock(), **values})

    def _title(self, view: SummaryView) -> str:
        return self._line("title.md", view.values(DETAIL_LEVELS[-1]))

    def _line(self, template: str, values: Mapping[str, object]) -> str:
        return cut_bytes(one_line(self._dialects.message_env.page(template, values)), MAX_TITLE_BYTES)

    def _search(self, template: str, values: Mapping[str, object]) -> CardSearch:
        found = self._dialects.message_env.page(template, values)
        return CardSearch(description=cut(one_line(found), MAX_SEARCH_CHARACTERS), kind=SEARCH_KIND)
