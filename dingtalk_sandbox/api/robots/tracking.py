"""Recall messages of a robot ("0723" to "0725") and tell who has read them ("0720" to "0722")."""

from collections.abc import Callable
from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call
from dingtalk_sandbox.api.robots.addresses import (
    INVALID_CODE,
    QUERYING,
    RECALLING,
    RECALLING_FROM_PEOPLE,
    find_conversation,
    robot_code,
    robot_endpoint,
)
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation import robots as rules

DIRECT_MESSAGE_LIFE = timedelta(hours=24)
"""One-to-one messages can be recalled and queried for this long."""
MAX_READERS = 200
"""Maximum `maxResults` of a page of readers."""
MISSING_KEY_CODE = "invalidParameter.processQueryKey.missing"
UNKNOWN_KEY_CODE = "invalid.processQueryKey"

Handler = Callable[[SandboxState, Call], Json]


def _parse_keys(call: Call) -> list[str]:
    given = call.body.get("processQueryKeys")
    if not given:
        raise api_error(MISSING_KEY_CODE, "缺少processQueryKeys")
    if isinstance(given, list) and len(given) > rules.MAX_QUERY_KEYS:
        raise api_error("invalidParameter.processQueryKeys.overMax", "processQueryKeys超过20个")
    keys = rules.parse_strings(given, rules.MAX_QUERY_KEYS)
    if keys is None:
        raise api_error(INVALID_CODE, "processQueryKeys")
    return keys


def _recall(state: SandboxState, call: Call, conversation: str) -> Json:
    """Recall messages by processQueryKey.

    With an empty `conversation`, recall one-to-one messages, which is possible for a day. A message that
    cannot be recalled has a code in `failedResult`: one of the page, as the page has no list of them.
    """
    done: list[str] = []
    failed: dict[str, str] = {}
    for key in _parse_keys(call):
        messages = state.conversations.find_by_query_key(key)
        problem = _why_not_recalled(state, call, messages, conversation)
        if problem:
            failed[key] = problem
            continue
        done.append(key)
        for message in messages:
            state.conversations.recall(message)
    return {"successResult": done, "failedResult": failed}


def _why_not_recalled(state: SandboxState, call: Call, messages: list[Message], conversation: str) -> str:
    if not messages or any(conversation and m.conversation != conversation for m in messages):
        return UNKNOWN_KEY_CODE
    if messages[0].robot != call.app.robot:
        return "not.allowed.robotCode"
    if not conversation and state.clock.now() - messages[0].at > DIRECT_MESSAGE_LIFE:
        return "robot.processQueryKey.expired"
    return ""


def _recall_there(*, private: bool) -> Handler:
    def recall(state: SandboxState, call: Call) -> Json:
        robot_code(call, RECALLING)
        return _recall(state, call, find_conversation(state, call, RECALLING, private=private).id)

    return recall


def recall_from_people(state: SandboxState, call: Call) -> Json:
    robot_code(call, RECALLING_FROM_PEOPLE)
    return _recall(state, call, "")


def _sent_messages(state: SandboxState, call: Call, key: object) -> list[Message]:
    if not key:
        raise api_error(MISSING_KEY_CODE, "缺少processQueryKey")
    messages = state.conversations.find_by_query_key(key) if isinstance(key, str) else []
    mine = [m for m in messages if m.robot == call.app.robot]
    if not mine:
        raise api_error(UNKNOWN_KEY_CODE, "无效的processQueryKey")
    return mine


def _status(message: Message) -> str:
    return "RECALLED" if message.recalled else "SUCCESS"


def _readers(*, private: bool) -> Handler:
    def query(state: SandboxState, call: Call) -> Json:
        """Return a page of those who have read a message."""
        robot_code(call, QUERYING)
        conversation = find_conversation(state, call, QUERYING, private=private)
        start, size = _parse_page(call)
        message = _sent_messages(state, call, call.body.get("processQueryKey"))[0]
        if message.conversation != conversation.id:
            raise api_error("invalid.openConversationId")
        readers = sorted(message.read_by)
        more = len(readers) > start + size
        page = {"sendStatus": _status(message), "readUserIds": readers[start : start + size]}
        return page | {"nextToken": str(start + size) if more else "", "hasMore": more}

    return query


def _parse_page(call: Call) -> tuple[int, int]:
    """Return the offset and the size of a page. The default size is not documented: the maximum."""
    size, token = call.body.get("maxResults"), call.body.get("nextToken") or ""
    if size is not None and (type(size) is not int or not 0 < size <= MAX_READERS):
        raise api_error("invalidParameter.pageSize.invalid", "maxResults超出上限200")
    if not isinstance(token, str) or (token and not (token.isascii() and token.isdigit())):
        raise api_error("invalidParameter.cursor.invalid", "无效的nextToken")
    return int(token[:9] or 0), size or MAX_READERS


def direct_read_status(state: SandboxState, call: Call) -> Json:
    """Return who has read a one-to-one message ("0720")."""
    robot_code(call, QUERYING)
    messages = _sent_messages(state, call, call.query.get("processQueryKey"))
    if state.clock.now() - messages[0].at > DIRECT_MESSAGE_LIFE:
        raise api_error("processQueryKey.expireTime", "processQueryKey已过期")
    people = [(m, p) for m in messages for p in state.members(m.conversation)]
    infos = [
        {"name": p.name, "userId": p.id, "readStatus": "READ" if p.id in m.read_by else "UNREAD"}
        for m, p in people
    ]
    return {"sendStatus": _status(messages[0]), "messageReadInfoList": infos}


ENDPOINTS = (
    robot_endpoint("groupMessages/recall", _recall_there(private=False)),
    robot_endpoint("otoMessages/batchRecall", recall_from_people),
    robot_endpoint("privateChatMessages/batchRecall", _recall_there(private=True)),
    robot_endpoint("groupMessages/query", _readers(private=False)),
    robot_endpoint("privateChatMessages/query", _readers(private=True)),
    robot_endpoint("oToMessages/readStatus", direct_read_status, method="GET"),
)
