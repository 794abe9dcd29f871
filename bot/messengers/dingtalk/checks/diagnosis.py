"""Tell the cause of an error of DingTalk, and the page of its console where it is put right.

The texts are in `cards/words/causes.yaml` and `cures.yaml`. Codes: 0013, 0714, 0716, 0717, 0722, 0745, 0769,
0783. The pages of the console are those that DingTalk's documentation links to; the one of a scope is in its
own error messages.
"""

import re

from bot.errors import DingRunError, PermanentError
from bot.messengers.dingtalk.errors import (
    MONTH_CODES,
    SETUP_FAULTS,
    BanInForce,
    Banned,
    NotBilled,
    QuotaExhausted,
    SecurityFault,
    Throttled,
    TokenRefused,
    security_fault,
)
from bot.ports import CheckResult, CheckStatus

APPS = "https://open-dev.dingtalk.com/fe/app#/corp/app"
CARDS = "https://open-dev.dingtalk.com/fe/card"
SCOPE = "https://open-dev.dingtalk.com/appscope/apply?content={app}%23{scope}"
STAFF = "https://oa.dingtalk.com/"
PRICES = (
    "https://open.dingtalk.com/document/development/dingtalk-application-development-platform-billing-model"
)
ROBOT_SECURITY = "https://open.dingtalk.com/document/dingstart/customize-robot-security-settings"
ROBOT_CREATION = "https://open.dingtalk.com/document/dingstart/custom-bot-creation-and-installation"
LIMITS = "https://open.dingtalk.com/document/development/call-frequency-limit"

LINKS = {  # by cause; a robot is added to a group in the group itself
    "wrong_keys": APPS,
    "stream_off": APPS,
    "scope_missing": APPS,
    "ip_not_allowed": APPS,
    "app_not_published": APPS,
    "robot_stopped": APPS,
    "wrong_robot_code": APPS,
    "wrong_agent": APPS,
    "template_unpublished": CARDS,
    "template_unknown": CARDS,
    "template_lacks_variables": CARDS,
    "wrong_person": STAFF,
    "quota_used_up": PRICES,
    "address_banned": LIMITS,
    "wrong_webhook": ROBOT_CREATION,
    "webhook_signature": ROBOT_SECURITY,
    "webhook_keyword": ROBOT_SECURITY,
    "webhook_clock": ROBOT_SECURITY,
    "webhook_address": ROBOT_SECURITY,
}
CODES = {
    "wrong_keys": "invalidClientIdOrSecret authFailed invalid.client unauthorized.client 40013 40089",
    "scope_missing": "Forbidden.AccessDenied.AccessTokenPermissionDenied 60011",
    "ip_not_allowed": "Forbidden.AccessDenied.IpNotInWhiteList 60020",
    "quota_used_up": " ".join(sorted(MONTH_CODES)),
    "app_not_published": "resource.not.found robot.oto.notExist",
    "robot_stopped": "resource.unavailable template.stopped",
    "template_unpublished": "param.templateUnpublished",
    "template_unknown": "param.templateNotExist",
    "group_of_another_organization": "conversation.org.notMatch conversation.org.dismatch",
    "wrong_agent": "400002",
}
CAUSES = SETUP_FAULTS | {code: cause for cause, codes in CODES.items() for code in codes.split()}
SECURITY_CAUSES = {
    SecurityFault.KEYWORD: "webhook_keyword",
    SecurityFault.SIGNATURE: "webhook_signature",
    SecurityFault.TIMESTAMP: "webhook_clock",
    SecurityFault.ADDRESS: "webhook_address",
}
KINDS = (  # causes of errors without a code that is known; the first that fits counts
    (Banned | BanInForce, "address_banned"),
    (QuotaExhausted, "quota_used_up"),
    (TokenRefused | Throttled, "dingtalk_fails"),
    (NotBilled, "dingtalk_unreachable"),
)
_SCOPE = re.compile(r"(?<![\w.])(?:qyapi_\w{1,40}|(?:Card|Robot)\.[\w.]{1,60})")


def diagnose(error: DingRunError, app_key: str = "") -> CheckResult:
    """Return the cause of an error. An unknown one is `dingtalk_fails`, with DingTalk's own words."""
    cause = _cause(error)
    link = LINKS.get(cause, "")
    if cause == "scope_missing" and app_key and (scope := _SCOPE.search(str(error))):
        link = SCOPE.format(app=app_key, scope=scope[0])
    return CheckResult(status=CheckStatus.FAIL, detail=str(error), cause=cause, link=link)


def _cause(error: DingRunError) -> str:
    origin = error.__cause__
    fault = security_fault(str(origin)) if isinstance(origin, DingRunError) else None
    by_setup = error.setup_fault if isinstance(error, PermanentError) else ""
    if by_setup == "app_not_published":  # its code alone tells of two causes
        return by_setup
    return (
        (SECURITY_CAUSES[fault] if fault else "")
        or CAUSES.get(error.code, "")
        or by_setup
        or next((cause for kind, cause in KINDS if isinstance(error, kind)), "dingtalk_fails")
    )
