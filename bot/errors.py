"""Errors, classified by what happens next.

    DingRunError
    ├── ConfigError                  an operator fixes the setting; the service does not start
    ├── UserError                    shown to the user who asked; never retried
    │   ├── ConfirmationNeeded       asked of the user; done when the user confirms
    │   └── Refused                  the user may not do this
    ├── TemporaryError               retried later
    │   ├── RateLimited              delayed by a rate limit or the quota; not a failed attempt
    │   └── CardUndeliveredError     the card was created; the retry only delivers it
    └── PermanentError               never retried; another channel or an operator takes over

Adapters translate the errors of HTTP, SQL and vendors' libraries to these. A message never contains a secret.
An error without a message uses the first line of its class docstring.
"""


class DingRunError(Exception):
    """Internal error of DingRun.

    `code`: error code of the other system, for example `param.templateNotExist`, or "".
    """

    code = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").partition("\n")[0].removesuffix("."))


class ConfigError(DingRunError):
    """A setting is invalid: name its key, its value and what is accepted."""


def missing_extra(what: str, extra: str) -> ConfigError:
    """Return the error for a missing optional dependency, with the command that installs it."""
    return ConfigError(f"{what} needs an extra: run  pip install '.[{extra}]'  in the checkout of DingRun")


class UserError(DingRunError):
    """The request cannot be fulfilled.

    `phrase` and `values` select the text of the reply (`cards/phrases/`).
    """

    def __init__(self, phrase: str, **values: object) -> None:
        super().__init__(phrase)
        self.phrase = phrase
        self.values = values


class ConfirmationNeeded(UserError):
    """The request is carried out once the person confirms it, by a reply such as 1 or 确认.

    - `phrase` and `values` select the question (`cards/phrases/`), which says how to confirm.
    - `argument`: the argument of the confirmed command, such as the id of a run, so that exactly what was
      asked about is carried out. None repeats the argument as it was.
    """

    def __init__(self, phrase: str, *, argument: str | None = None, **values: object) -> None:
        super().__init__(phrase, **values)
        self.argument = argument


class Refused(UserError):
    """The user may not do this here.

    - `rule`: short stable text for the log and the audit, for example `unknown_conversation`.
    - `missing`: line of config.yaml that would allow it, or "". Only messages have room for it.
    """

    def __init__(self, phrase: str, *, rule: str, missing: str = "", **values: object) -> None:
        super().__init__(phrase, **values)
        self.rule = rule
        self.missing = missing


class TemporaryError(DingRunError):
    """The other system is temporarily unavailable.

    - `retry_after`: delay in seconds that the other system asks for, or None for our own backoff.
    - `uncertain`: the request may have been executed, because its answer was lost.
    """

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, uncertain: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.uncertain = uncertain


class RateLimited(TemporaryError):
    """A rate limit or the monthly quota is reached, so no request was sent.

    `retry_after`: delay in seconds until the next attempt.
    """


class CardUndeliveredError(TemporaryError):
    """The card was created but not delivered.

    The job stores this, because creating the card again would have no effect.
    """


class PermanentError(DingRunError):
    """The other system rejected the request permanently.

    - `content`: True if the content of this message was rejected. Other messages may succeed.
    - `template`: True if the card template was refused. The same card may succeed with another one.
    - `setup_fault`: what an operator has to fix before any message reaches the destination, for example
      `robot_not_in_group`. The texts are in `cards/phrases/`.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        content: bool = False,
        template: bool = False,
        setup_fault: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.content = content
        self.template = template
        self.setup_fault = setup_fault
