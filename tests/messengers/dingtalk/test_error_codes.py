"""Every status, code and errcode that DingTalk documents has its verdict: what happens next."""

from collections.abc import Mapping

import pytest

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.errors import (
    QuotaExhausted,
    Throttled,
    TokenRefused,
    error_from_oapi,
    error_from_openapi,
)
from bot.messengers.dingtalk.work_notification import error_from_send_result

NEW: Mapping[type[DingRunError], str] = {
    TokenRefused: "InvalidAuthentication",
    Throttled: """
        Forbidden.AccessDenied.QpsLimitForAppkeyAndApi Forbidden.AccessDenied.QpmLimitForAppkeyAndApi
        Forbidden.AccessDenied.QpsLimitForApi""",
    QuotaExhausted: "Forbidden.AccessDenied.ApiCountLimitForOrg",
    TemporaryError: """
        server.error system.error system.busy systemBusy unknown.send.result unknownError
        send.too.fast send.byToken.tooFast too.many.group too.many.people""",
    PermanentError: """
        invalidClientIdOrSecret invalid.client unsupported.grant.type unauthorized.client
        Forbidden.AccessDenied.AccessTokenPermissionDenied Forbidden.AccessDenied.IpNotInWhiteList
        invalidParameter.robotCode.empty invalidParameter.robotCode.missing invalidParameter.robotCode.invalid
        invalidParameter.robotCode.notExsit invalidParameter.robotCode.auth
        invalidParameter.msgKey.empty invalidParameter.msgKey.invalid
        invalidParameter.msgParam.invalid invalidParameter.msgParam.tooLong
        invalidParameter.msg.unsupport invalidParameter.param.invalid
        invalidParameter.userIds.empty invalidParameter.userIds.overMax staffId.notExisted
        miss.openConversationId invalid.openConversationId group.disbanded conversation.org.notMatch
        bot.stopped template.stopped bot.forbidden.sendMessage send.forbidden chatbotId.notAllow.sendOTO
        robot.oto.notExist contain.unsafe.url contain.notAllowed.text contain.notAllowed.picture
        contain.notAllowed.content miss.param.file miss.param.video miss.param.audio miss.param.text
        miss.param.markdownTotext resource.not.found resource.unavailable unauthorized auth.error
        template.not.existed session.expired session.notExisted invalideChatId permession.checkFailed
        param.empty param.outTrackIdEmpty param.openSpaceIdEmpty param.openSpaceIdInvalid
        param.openDeliverModelEmpty param.openDeliverModelError param.spaceDeliverModelEmpty
        param.cardTemplateIdEmpty param.cardPublicDataEmpty param.userIdEmpty param.userIdNotExist
        param.contentUnsafe param.openSpaceModelInvalid param.cardNotExist param.cardAlreadyExist
        param.templateNotExist param.templateUnpublished param.invalid
        param.cardDataAndPrivateDataBothEmpty""",
}
OLD: Mapping[type[DingRunError], str] = {
    TokenRefused: "40014 42001 41001",
    Throttled: "90018 90002 410100 130101",
    QuotaExhausted: "90020 90030",
    TemporaryError: "-1 15 88 41046 41047 41048",
    PermanentError: """
        33001 33012 34016 40004 40005 40006 40007 40013 40035 40078 40089 41005 41029 41044 41045 41049 41101
        43002 43004 43008 44001 45001 60011 300001 300005 310000 400002 400013 400101 400102 400105 400106
        401102 430101 430102 430103 430104""",
}
AUDIT = "contain.notAllowed.text contain.unsafe.url param.contentUnsafe 430101 430102 430103 430104 41049"


def rows(table: Mapping[type[DingRunError], str]) -> list[tuple[str, type[DingRunError]]]:
    return [(code, kind) for kind, codes in table.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "kind"), rows(NEW))
def test_the_new_api(code: str, kind: type[DingRunError]) -> None:
    assert type(error_from_openapi(400, {"code": code, "message": "说明", "requestid": "A1"})) is kind


@pytest.mark.parametrize(("code", "kind"), rows(OLD))
def test_the_old_api(code: str, kind: type[DingRunError]) -> None:
    assert type(error_from_oapi({"errcode": int(code), "errmsg": "说明"})) is kind


@pytest.mark.parametrize("code", AUDIT.split())
def test_what_the_audit_refuses_is_the_content_and_not_the_way(code: str) -> None:
    error = error_from_openapi(400, {"code": code})
    assert isinstance(error, PermanentError)
    assert error.content


def test_a_refused_template_is_no_matter_of_content() -> None:
    error = error_from_openapi(400, {"code": "param.templateNotExist"})
    assert isinstance(error, PermanentError)
    assert not error.content


@pytest.mark.parametrize(
    ("sub_code", "kind"), [("40014", TokenRefused), ("60011", PermanentError), ("", TemporaryError)]
)
def test_why_of_a_refused_authorisation_stands_in_its_sub_code(
    sub_code: str, kind: type[DingRunError]
) -> None:
    assert type(error_from_oapi({"errcode": 88, "errmsg": "ding talk error", "sub_code": sub_code})) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (143103, TemporaryError),
        (143104, TemporaryError),
        (143105, PermanentError),
        (143106, type(None)),
        (1430000, PermanentError),
        (1430002, PermanentError),
        (1430003, PermanentError),
        (1430004, PermanentError),
    ],
)
def test_what_became_of_a_work_notification(code: int, kind: type[object]) -> None:
    result = {"forbidden_list": [{"code": str(code), "count": 1, "userid": "user01"}]}
    assert type(error_from_send_result(result, "user01")) is kind
