"""Read and write the payload and the result of a delivery job.

Both are JSON in the store. Only this module knows their keys. `version` tells how to read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bot.delivery.routing import Route
from bot.jobs.queue import Claim
from bot.models import Destination, Job, MarkdownMessage
from bot.ports import TextRepeat

VERSION = 1  # jobs without a version are of version 1 too


class Obstacle(StrEnum):
    """Reason why nothing was sent, or a message instead of a card. `cards/words/errors.yaml` has texts."""

    QUOTA_LOW = "the monthly quota is running out"
    CARDS_REJECTED = "cards are rejected here"
    NO_CARDS = "the channel has no cards"
    NO_SLOT = "there are too many cards this minute"
    UNCHANGED = "nothing has changed"
    MUTED = "the schedule is muted"
    SILENT = "the schedule is silent now"
    RUN_ENDED = "the run has ended"
    RAN_AGAIN = "the schedule has run again"
    NOTHING_FAILED = "nothing failed"
    ACKNOWLEDGED = "somebody takes care"
    NO_SUMMARY = "the summary was not sent"
    NO_REPORT = "there is no report"
    AFTER_QUIET_HOURS = "files of quiet hours are sent on request"
    LATER_UPDATE = "a later update follows"
    NO_MEMBERS = "no summary joined"
    LINK_REVOKED = "its link was revoked"
    HAS_HAPPENED = "it has happened since"
    NOBODY_TOLD = "nobody was told of it"


@dataclass(frozen=True, kw_only=True)
class DeliveryPayload:
    """The purpose of a delivery, and the decisions of its attempts so far."""

    destination: Destination
    asked: bool = False  # requested by a person, not caused by the end of a run
    resend_of: str = ""  # the job that this one replaces
    by: str = ""  # the person who requested the resend
    cause: str = ""  # the message or card tap of that request
    part: int | None = None  # number of the part of a report that is sent in parts, from 1
    route: Route | None = None
    digest: str = ""  # id of the digest that it is part of
    quiet: bool = False  # the digest is sent when quiet hours end
    via: Destination | None = None  # the fallback webhook that it is sent by
    withheld: bool = False  # without any text from outside, because it was rejected
    words: tuple[str, str] | None = None  # title and text of a message that is repeated word for word
    card_created: bool = False  # by an attempt that did not deliver it
    card_content: str | None = None  # fingerprint of the content that the card was created with
    template: str = ""  # id of the card template of the first attempt, or of the one after a refusal
    template_error: str = ""  # why another template was refused

    @classmethod
    def of(cls, job: Job) -> "DeliveryPayload":
        """Read the payload of a job of kind `card`, `note`, `file` or `update`."""
        kept: Mapping[str, Any] = job.payload
        via, route, words = kept.get("via"), kept.get("way"), kept.get("words")
        return cls(
            destination=Destination.parse(kept["destination"]),
            asked=bool(kept.get("asked")),
            resend_of=kept.get("again", ""),
            by=kept.get("by", ""),
            cause=kept.get("cause", ""),
            part=kept.get("part"),
            route=Route(route) if route else None,
            digest=kept.get("digest", ""),
            quiet=bool(kept.get("quiet")),
            via=Destination.parse(via) if via else None,
            withheld=bool(kept.get("bare")),
            words=(words[0], words[1]) if words else None,
            card_created=bool(kept.get("card_created")),
            card_content=kept.get("card_content"),
            template=kept.get("template", ""),
            template_error=kept.get("template_error", ""),
        )

    def as_json(self) -> dict[str, object]:
        """Return the JSON to store, without the fields that are not set."""
        values: dict[str, object] = {
            "asked": self.asked,
            "again": self.resend_of,
            "by": self.by,
            "cause": self.cause,
            "part": self.part,
            "way": self.route.value if self.route else "",
            "digest": self.digest,
            "quiet": self.quiet,
            "via": str(self.via or ""),
            "bare": self.withheld,
            "words": list(self.words or ()),
            "card_created": self.card_created,
            "card_content": self.card_content,
            "template": self.template,
            "template_error": self.template_error,
        }
        given = {key: value for key, value in values.items() if value}
        return {"version": VERSION, "destination": str(self.destination), **given}

    @property
    def target(self) -> Destination:
        """Return where it is sent: to its destination, or by the fallback webhook of it."""
        return self.via or self.destination

    @property
    def requested_by_person(self) -> bool:
        """Return whether a person requested it."""
        return self.asked or bool(self.resend_of)

    def is_resend_for(self, cause: str) -> bool:
        """Return whether this message or card tap requested it."""
        return bool(self.resend_of) and self.cause == cause

    def for_resend(self, job_id: str, by: str, cause: str = "") -> "DeliveryPayload":
        """Return the payload of a resend. Its route is chosen anew."""
        return DeliveryPayload(
            destination=self.destination,
            asked=self.asked,
            part=self.part,
            card_created=self.card_created,
            card_content=self.card_content,
            template=self.template,
            resend_of=job_id,
            by=by,
            cause=cause,
        )


@dataclass(frozen=True, kw_only=True)
class DeliveryResult:
    """The outcome of a delivery."""

    message_id: str = ""
    silent: bool = False  # only logged
    card_id: str = ""
    exports: tuple[str, ...] | None = None  # exports that had ended when the card was rendered
    digest: str = ""  # id of the digest that it was sent in
    fallback_reason: str = ""  # why a message is sent instead of the card
    skipped: str = ""  # why nothing was sent
    parts: int = 0  # number of parts, each sent by a job of its own
    link: bool = False  # a link was sent instead of the file
    template: str = ""  # id of the card template that the card was made with

    @classmethod
    def of(cls, job: Job) -> "DeliveryResult":
        """Read the result of a job of kind `card`, `note`, `file`, `update` or `digest`."""
        kept: Mapping[str, Any] = job.result
        exports = kept.get("exports")
        return cls(
            message_id=kept.get("message_id") or "",
            silent=bool(kept.get("silent")),
            card_id=kept.get("card_id") or "",
            exports=None if exports is None else tuple(exports),
            digest=kept.get("digest") or "",
            fallback_reason=kept.get("fell") or "",
            skipped=kept.get("skipped") or "",
            parts=kept.get("parts") or 0,
            link=bool(kept.get("link")),
            template=kept.get("template") or "",
        )

    def as_json(self) -> dict[str, object]:
        """Return the JSON to store, without the fields that are not set."""
        values: dict[str, object] = {
            "message_id": self.message_id,
            "silent": self.silent,
            "card_id": self.card_id,
            "digest": self.digest,
            "fell": self.fallback_reason,
            "skipped": self.skipped,
            "parts": self.parts,
            "link": self.link,
            "template": self.template,
        }
        given = {key: value for key, value in values.items() if value}
        return given | ({} if self.exports is None else {"exports": list(self.exports)})


def destination_of(job: Job) -> Destination:
    """Return the destination of a delivery job."""
    return DeliveryPayload.of(job).destination


async def update_payload(claim: Claim, **changes: Any) -> DeliveryPayload:
    """Store a decision in the payload before it is acted on. `changes` are fields of `DeliveryPayload`."""
    payload = DeliveryPayload.of(claim.job)
    changed = replace(payload, **changes)
    if changed != payload:
        await claim.update_payload(changed.as_json(), without=payload.as_json())
    return changed


async def keep_words(claim: Claim, message: MarkdownMessage, repeat: TextRepeat) -> MarkdownMessage:
    """Return the message as the first attempt wrote it, where other words would be a second message.

    A work notification with the same text is delivered once a day (0769), so its words are stored.
    """
    words = DeliveryPayload.of(claim.job).words
    if words:
        return replace(message, title=words[0], text=words[1])
    if repeat is TextRepeat.BY_WORDS:
        await update_payload(claim, words=(message.title, message.text))
    return message


def was_sent_alone(summary: Job) -> bool:
    """Return whether a card or message was sent, by itself and without being asked for again."""
    result, payload = DeliveryResult.of(summary), DeliveryPayload.of(summary)
    return not (
        result.silent or result.skipped or result.digest or result.fallback_reason or payload.resend_of
    )
