"""Errors, named by what happens next.

    DingRunError
    ├── ConfigError    the operator mends the setting it names; the service does not start
    ├── UserError      said to the person who asked; never tried again
    ├── Temporary      tried again, later
    │   ├── Held       our own pace or budget holds it back: waiting, and no failure
    │   └── CardUndeliveredError   a card was created and not delivered: the next attempt only delivers
    └── Permanent      never tried again; the next channel, or the operator, takes over

Adapters translate at their border: above them nobody knows HTTP, SQL or a vendor's exception. A message
never holds
a secret, and an error without one says its class docstring.
"""


class DingRunError(Exception):
    """Something went wrong in DingRun"""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").partition("\n")[0])


class ConfigError(DingRunError):
    """A setting is wrong: name its key, what it got and what it takes"""


def missing_extra(what: str, extra: str) -> ConfigError:
    """Tell how to install an optional dependency. DingRun is not on PyPI, so its checkout is named."""
    return ConfigError(f"{what} needs an extra: run  pip install '.[{extra}]'  in the checkout of DingRun")


class UserError(DingRunError):
    """That cannot be done as asked

    `phrase` and `values` choose the words of the answer (`cards/phrases/`).
    """

    def __init__(self, phrase: str, **values: object) -> None:
        super().__init__(phrase)
        self.phrase = phrase
        self.values = values


class TemporaryError(DingRunError):
    """The other side cannot do it now

    `retry_after`: seconds that the other side asks for, or None for our own backoff.
    `uncertain`: the request went out and no clear answer came back, so it may have been done all the same.
    """

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, uncertain: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.uncertain = uncertain


class RateLimited(TemporaryError):
    """Our own pace or budget holds it back; nothing was asked of the other side

    `retry_after` is when it may go, in seconds.
    """


class CardUndeliveredError(TemporaryError):
    """The card was created but not delivered

    Whoever sends it keeps that with the job: creating it again would change nothing.
    """


class PermanentError(DingRunError):
    """The other side refuses it for good

    `code`: the other side's own word for it, e.g. `param.templateNotExist`.
    `content`: it is the words of this one message that are refused; the way itself is open.
    `setup_fault`: what somebody has to set right before anything reaches that destination, by whatever
    kind of message, e.g. `robot_not_in_group`; the words for it are in `cards/phrases/`.
    """

    def __init__(
        self, message: str = "", *, code: str = "", content: bool = False, setup_fault: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.content = content
        self.setup_fault = setup_fault
