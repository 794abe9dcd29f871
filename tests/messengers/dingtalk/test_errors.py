"""DingTalk's words to what happens next."""

import pytest

from bot.errors import CardUndeliveredError, PermanentError, TemporaryError
from bot.messengers.dingtalk.errors import (
    NotBilled,
    QuotaExhausted,
    Throttled,
    TokenRefused,
    delivery_error,
    error_from_oapi,
    error_from_openapi,
)


@pytest.mark.parametrize(
    ("status", "code", "kind", "retry_after"),
    [
        (400, "InvalidAuthentication", TokenRefused, None),
        (401, "", TokenRefused, None),
        (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", PermanentError, None),
        (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", Throttled, 1),
        (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", QuotaExhausted, 1),
        (400, "send.too.fast", TemporaryError, 2),
        (400, "invalidParameter.robotCode.notExsit", PermanentError, None),
        (400, "param.templateNotExist", PermanentError, None),
        (400, "contain.notAllowed.text", PermanentError, None),
        (500, "system.busy", TemporaryError, 2),
        (500, "something.new", TemporaryError, None),
        (502, "", TemporaryError, None),
    ],
)
def test_the_new_api(status: int, code: str, kind: type[Exception], retry_after: float | None) -> None:
    error = error_from_openapi(status, {"code": code, "message": "说明"})
    assert isinstance(error, kind)
    assert getattr(error, "retry_after", None) == retry_after


@pytest.mark.parametrize(
    ("code", "kind", "retry_after"),
    [
        (40014, TokenRefused, None),
        (42001, TokenRefused, None),
        (-1, TemporaryError, 2),
        (90018, Throttled, 1),
        (130101, Throttled, 600),
        (410100, Throttled, 600),
        (90020, QuotaExhausted, 1),
        (90030, QuotaExhausted, 1),
        (310000, PermanentError, None),
        (300005, PermanentError, None),
        (430104, PermanentError, None),
        (460101, PermanentError, None),
        (99999999, TemporaryError, None),
    ],
)
def test_the_old_api(code: int, kind: type[Exception], retry_after: float | None) -> None:
    error = error_from_oapi({"errcode": code, "errmsg": "说明"})
    assert isinstance(error, kind)
    assert getattr(error, "retry_after", None) == retry_after


def test_a_success_is_none() -> None:
    assert error_from_openapi(200, {"code": "anything"}) is None
    assert error_from_oapi({"errcode": 0}) is None


def test_a_result_that_nobody_knows_may_have_been_sent() -> None:
    error = error_from_openapi(400, {"code": "unknown.send.result"})
    assert isinstance(error, TemporaryError)
    assert error.uncertain


def test_a_missing_scope_is_named() -> None:
    body = {
        "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        "message": "应用尚未开通所需的权限",
        "accessdenieddetail": {"requiredScopes": ["Card.Instance.Write"]},
    }
    error = error_from_openapi(403, body)
    assert isinstance(error, PermanentError)
    assert error.code == body["code"]
    assert "Card.Instance.Write" in str(error)


@pytest.mark.parametrize("body", [{}, {"status": 1111, "wait": 5}, {"errcode": None}])
def test_an_answer_without_a_verdict_is_tried_again(body: dict[str, object]) -> None:
    assert isinstance(error_from_oapi(body), TemporaryError)


def test_a_banned_address_waits_and_nothing_was_done() -> None:
    body = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u"}
    for error in (error_from_openapi(200, body), error_from_openapi(403, body), error_from_oapi(body)):
        assert isinstance(error, NotBilled)
        assert (error.retry_after, error.uncertain) == (300, False)


def test_an_answer_that_repeats_what_it_was_told_keeps_our_secrets() -> None:
    body = {
        "code": "miss.token",
        "message": "no such token: access_token=HIDDEN&x-acs-dingtalk-access-token: HIDDEN",
    }
    assert "HIDDEN" not in str(error_from_openapi(400, body))
    assert "HIDDEN" not in str(error_from_oapi({"errcode": 40014, "errmsg": "invalid access_token=HIDDEN"}))


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("invalidParameter.robotCode.notExsit", "robot_not_in_group"),
        ("invalid.openConversationId", "wrong_group"),
        ("staffId.notExisted", "wrong_person"),
        ("param.userIdNotExist", "wrong_person"),
        ("param.templateNotExist", ""),
    ],
)
def test_a_fault_of_set_up_is_told_from_other_refusals(code: str, fault: str) -> None:
    error = error_from_openapi(400, {"code": code})
    assert isinstance(error, PermanentError)
    assert error.setup_fault == fault


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("robot 不存在", "app_not_published"),
        ("错误描述: robot 不存在；解决方案:请确认 robotCode 是否正确；", "app_not_published"),
        ("机器人不存在", "app_not_published"),
        ("机器人不在群内", "robot_not_in_group"),
        ("", "robot_not_in_group"),
    ],
)
def test_a_robot_that_dingtalk_does_not_know_is_told_from_one_outside_the_group(
    words: str, fault: str
) -> None:
    error = error_from_openapi(400, {"code": "invalidParameter.robotCode.notExsit", "message": words})
    assert isinstance(error, PermanentError)
    assert error.setup_fault == fault


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("robot is not in the group", "robot_not_in_group"),
        ("invalidParameter.robotCode.notExsit", "robot_not_in_group"),
        ("机器人不在群内", "robot_not_in_group"),
        ("openConversationId is invalid", "wrong_group"),
        ("param.userIdNotExist", "wrong_person"),
        ("robotCode is invalid", "wrong_robot_code"),
    ],
)
def test_a_card_that_cannot_be_delivered_as_it_is_set_up_is_not_tried_again(words: str, fault: str) -> None:
    """It was tried 24 times, at one paid call each."""
    error = delivery_error(words)
    assert isinstance(error, PermanentError)
    assert error.setup_fault == fault


def test_a_card_that_dingtalk_fails_to_deliver_is_tried_again() -> None:
    assert isinstance(delivery_error("SYSTEM_ERROR"), CardUndeliveredError)
