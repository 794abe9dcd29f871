"""Work notifications: send, progress, result, status bar and recall ("0769" to "0774")."""

import json
import secrets
from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, is_true, oapi_answer
from dingtalk_sandbox.conversations import Message, Rendering, Sender, new_id
from dingtalk_sandbox.errors import Json, new_request_id, oapi_error
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.state import SandboxState, WorkNotificationTask
from dingtalk_sandbox.validation import work_notifications as rules

BASE_PATH = "/topapi/message/corpconversation"
RESULT_LIFE = timedelta(hours=24)
STATUS_LIFE = timedelta(days=7)
MAX_ID_DIGITS = 19
DUPLICATE_CODE, DAILY_LIMIT_CODE = "143106", "143105"


def _check_agent(call: Call, code: int = 400002) -> None:
    if str(call.body.get("agent_id", "")) != str(call.app.agent_id):
        raise oapi_error(code, "无效的agentId")


def send(state: SandboxState, call: Call) -> Json:
    """Accept a work notification. Duplicates of the same day are dropped without an error."""
    _check_agent(call)
    msg = rules.parse_msg(call.body.get("msg"))
    rendering = rules.render_msg(msg)
    if rendering.media_id:
        _check_media(state, rendering.media_id)
    if "statusBar" in rendering.content:
        _check_status_receivers(call)
    return _accept(state, call, rendering, str(msg["msgtype"]))


def _check_media(state: SandboxState, media_id: str) -> None:
    if media_id not in state.media:
        raise oapi_error(40007, "不合法的媒体文件id")
    if len(state.media[media_id].data) > rules.MAX_FILE_BYTES:
        raise oapi_error(40006, "不合法的文件大小")


def _check_status_receivers(call: Call) -> None:
    """A notification with a status bar goes to at most five people, and to no department ("0775")."""
    everyone = is_true(call.body.get("to_all_user"))
    users = rules.parse_ids(call.body.get("userid_list"), rules.MAX_USERS)
    if everyone or call.body.get("dept_id_list") or len(users) > rules.MAX_STATUS_RECEIVERS:
        raise oapi_error(40035, "status_bar 只支持不超过5个 userid")


def _accept(state: SandboxState, call: Call, rendering: Rendering, kind: str) -> Json:
    people, invalid = _recipients(state, call)
    if not people:
        raise oapi_error(33012, "无效的USERID")
    task = WorkNotificationTask(
        id=secrets.randbelow(10**12), app=call.app, at=state.clock.now(), invalid=invalid, forbidden=[],
        sent=[], kind=kind,
    )  # fmt: skip
    state.work_notifications[task.id] = task
    for person in people:
        _notify(state, call, task, person, rendering)
    return {"errcode": 0, "task_id": task.id, "request_id": new_request_id().lower()}


def send_by_template(state: SandboxState, call: Call) -> Json:
    """Send a notification whose words are those of a template of the scene (`notice_templates`)."""
    _check_agent(call)
    given = call.body.get("template_id")
    template = next((t for t in state.scenario.notice_templates if t.id == given), None)
    if template is None:
        raise oapi_error(885001, "消息模板不存在")
    if not template.enabled:
        raise oapi_error(885006, "消息模板不可用")
    data = rules.parse_data(call.body.get("data"))
    content = {"msgtype": "markdown", "title": template.title, "text": rules.fill(template.text, data)}
    answer = _accept(state, call, Rendering(kind="work_notice", content=content), "template")
    return {"errmsg": "ok"} | answer


def update_status(state: SandboxState, call: Call) -> Json:
    """Change the status bar of an OA notification, for a week ("0771")."""
    _check_agent(call, 40056)
    status = rules.parse_status(call.body, required=True)
    given = str(call.body.get("task_id", ""))
    task = _task_with_id(state, call, given)
    if task is None or task.kind != "oa" or state.clock.now() - task.at > STATUS_LIFE:
        raise oapi_error(40035, "不合法的参数 task_id")
    for message in state.conversations.find_by_task(task.id):
        message.content = message.content | {"statusBar": status}
        message.record(call.exchange)
        state.conversations.publish_change(message)
    return oapi_answer()


def _recipients(state: SandboxState, call: Call) -> tuple[list[Person], list[str]]:
    """Return the recipients and the unknown ids. Any department stands for everyone."""
    everyone = [p for p in state.scenario.people if p.is_internal]
    if is_true(call.body.get("to_all_user")):
        if (
            state.work_notification_counts[state.clock.today(), call.app.key, "all"]
            >= rules.MAX_TO_ALL_PER_DAY
        ):
            raise oapi_error(41045, "全员消息每天最多3次")
        state.work_notification_counts[state.clock.today(), call.app.key, "all"] += 1
        return everyone, []
    users = rules.parse_ids(call.body.get("userid_list"), rules.MAX_USERS)
    departments = rules.parse_ids(call.body.get("dept_id_list"), 20)
    if not users and not departments:
        raise oapi_error(40035, "不合法的参数 userid_list/dept_id_list/to_all_user")
    named = {user: state.scenario.colleague(user) for user in users}
    found = [p for p in named.values() if p] + (everyone if departments else [])
    return list(dict.fromkeys(found)), [user for user, person in named.items() if person is None]


def _notify(
    state: SandboxState, call: Call, task: WorkNotificationTask, person: Person, rendering: Rendering
) -> None:
    day, app = state.clock.today(), task.app
    same = (day, app.key, person.id, json.dumps([rendering.content, rendering.media_id], sort_keys=True))
    if state.work_notification_counts[same]:
        task.forbidden.append({"code": DUPLICATE_CODE, "count": 1, "userid": person.id})
        return
    if state.work_notification_counts[day, app.key, person.id] >= rules.MAX_PER_PERSON_PER_DAY:
        task.forbidden.append({"code": DAILY_LIMIT_CODE, "count": 1, "userid": person.id})
        return
    state.work_notification_counts[same] += 1
    state.work_notification_counts[day, app.key, person.id] += 1
    task.sent.append(person.id)
    upload = state.media.get(rendering.media_id)
    message = Message(
        id=new_id("msg"), conversation=person.work_conversation, kind="work_notice",
        sender=Sender(id=app.robot, name=app.robot_name, robot=True), at=task.at, content=rendering.content,
        media_id=rendering.media_id, file_name=upload.name if upload else "", task_id=task.id,
        exchange=call.exchange,
    )  # fmt: skip
    state.conversations.add(message)


def _task_with_id(state: SandboxState, call: Call, given: str) -> WorkNotificationTask | None:
    is_number = given.isascii() and given.isdigit() and len(given) <= MAX_ID_DIGITS
    task = state.work_notifications.get(int(given)) if is_number else None
    return task if task and task.app.key == call.app.key else None


def _find_task(
    state: SandboxState, call: Call, field: str = "task_id", *, code: int = 400002
) -> WorkNotificationTask:
    """Return the task of a call, for a day. Raises `ApiError` with the code of the page."""
    _check_agent(call, code)
    task = _task_with_id(state, call, str(call.body.get(field, "")))
    if task is None:
        raise oapi_error(code, f"无效的{field}")
    if state.clock.now() - task.at > RESULT_LIFE:
        raise oapi_error(code, f"{field} 已过期")
    return task


def result(state: SandboxState, call: Call) -> Json:
    """Return the result of a work notification. It is available for a day."""
    task = _find_task(state, call)
    read = sorted({user for m in state.conversations.find_by_task(task.id) for user in m.read_by})
    lists = {
        "invalid_user_id_list": task.invalid,
        "forbidden_user_id_list": [row["userid"] for row in task.forbidden],
        "failed_user_id_list": [],
        "read_user_id_list": read,
        "unread_user_id_list": [user for user in task.sent if user not in read],
        "invalid_dept_id_list": [],
        "forbidden_list": task.forbidden,
    }
    return oapi_answer(send_result=lists)


def progress(state: SandboxState, call: Call) -> Json:
    _find_task(state, call, code=40035)
    done = {"progress_in_percent": 100, "status": 2}
    return oapi_answer(progress=done)


def recall(state: SandboxState, call: Call) -> Json:
    task = _find_task(state, call, "msg_task_id")
    task.recalled = True
    for message in state.conversations.find_by_task(task.id):
        state.conversations.recall(message)
    return oapi_answer()


def _msg_size(call: Call) -> int:
    return rules.msg_size(call.body["msg"]) if "msg" in call.body else 0


ENDPOINTS = tuple(
    Endpoint(
        method="POST", path=f"{BASE_PATH}/{name}", handler=act, family=Family.OLD, scope="qyapi_base",
        size_limit=rules.MAX_MSG_BYTES if name == "asyncsend_v2" else 0, measure_size=_msg_size,
    )
    for name, act in (
        ("asyncsend_v2", send), ("getsendresult", result), ("getsendprogress", progress), ("recall", recall),
        ("status_bar/update", update_status), ("sendbytemplate", send_by_template),
    )
)  # fmt: skip
