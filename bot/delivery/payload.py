"""Read and write the payload and the result of a delivery job.

Both are JSON in the store. Their keys are known here and nowhere else; `version` tells how to read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.delivery.routing import Route
from bot.models import Destination, Job

VERSION = 1  # jobs that name none are of version 1 too


@dataclass(frozen=True, kw_only=True)
class DeliveryPayload:
    """What a delivery is for, and what its attempts have decided so far."""

    destination: Destination
    asked: bool = False  # a person wants it now, and not the end of a run
    resend_of: str = ""  # the job that it stands for
    by: str = ""  # who asked to send it again
    cause: str = ""  # the message or press by which they did
    part: int | None = None  # of a report that goes in several files, from 1
    rerun_by: str = ""  # an update tells who has started the run again
    route: Route | None = None
    digest: str = ""  # the digest that it shares
    via: Destination | None = None  # where it goes instead
    withheld: bool = False  # without words from outside: the audit refuses them
    words: tuple[str, str] | None = None  # title and text of a message that is repeated word for word
    card_created: bool = False  # by an attempt that did not deliver it
    card_content: str | None = None  # fingerprint of the content that it was created with

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
            rerun_by=kept.get("rerun_by", ""),
            route=Route(route) if route else None,
            digest=kept.get("digest", ""),
            via=Destination.parse(via) if via else None,
            withheld=bool(kept.get("bare")),
            words=(words[0], words[1]) if words else None,
            card_created=bool(kept.get("card_created")),
            card_content=kept.get("card_content"),
        )

    def as_json(self) -> dict[str, object]:
        """Return what is stored; what is not set is left out."""
        values: dict[str, object] = {
            "asked": self.asked,
            "again": self.resend_of,
            "by": self.by,
            "cause": self.cause,
            "part": self.part,
            "rerun_by": self.rerun_by,
            "way": self.route.value if self.route else "",
            "digest": self.digest,
            "via": str(self.via or ""),
            "bare": self.withheld,
            "words": list(self.words or ()),
            "card_created": self.card_created,
            "card_content": self.card_content,
        }
        given = {key: value for key, value in values.items() if value}
        return {"version": VERSION, "destination": str(self.destination), **given}

    @property
    def target(self) -> Destination:
        """Return where it goes, which may be the fallback webhook of its destination."""
        return self.via or self.destination

    @property
    def wanted_by_person(self) -> bool:
        """Return whether a person asked for it, and not the end of a run."""
        return self.asked or bool(self.resend_of)

    def is_resend_for(self, cause: str) -> bool:
        """Tell whether this message or press has asked for it."""
        return bool(self.resend_of) and self.cause == cause

    def for_resend(self, job_id: str, by: str, cause: str = "") -> "DeliveryPayload":
        """Return the payload of another attempt: for the same, with everything decided anew."""
        return DeliveryPayload(
            destination=self.destination,
            asked=self.asked,
            part=self.part,
            rerun_by=self.rerun_by,
            card_created=self.card_created,
            card_content=self.card_content,
            resend_of=job_id,
            by=by,
            cause=cause,
        )


@dataclass(frozen=True, kw_only=True)
class DeliveryResult:
    """What came of a delivery."""

    message_id: str = ""
    silent: bool = False  # only logged
    card_id: str = ""
    exports: tuple[str, ...] | None = None  # exports that had ended when the card was rendered
    digest: str = ""  # the digest in which it was shown
    fallback_reason: str = ""  # why a message goes instead of the card
    skipped: str = ""  # why it was left out
    parts: int = 0  # files that go in place of this one, each by a job of its own
    link: bool = False  # a link went instead of the file

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
        )

    def as_json(self) -> dict[str, object]:
        """Return what is stored; what is not set is left out."""
        values: dict[str, object] = {
            "message_id": self.message_id,
            "silent": self.silent,
            "card_id": self.card_id,
            "digest": self.digest,
            "fell": self.fallback_reason,
            "skipped": self.skipped,
            "parts": self.parts,
            "link": self.link,
        }
        given = {key: value for key, value in values.items() if value}
        return given | ({} if self.exports is None else {"exports": list(self.exports)})
