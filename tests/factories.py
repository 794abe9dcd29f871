"""Models with defaults. A test sets only the fields it is about."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bot.downloads import Download, DownloadLink
from bot.messengers.dingtalk.auth import DingTalkApp
from bot.models import (
    AuditChannel,
    AuditEntry,
    AuditOutcome,
    CustomRobot,
    Destination,
    Job,
    Lapse,
    LapseKind,
    Message,
    Person,
    Report,
    Run,
    RunStatus,
    Schedule,
    ScheduleOverride,
    Task,
    TaskCounts,
    Trigger,
    deterministic_id,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

_numbers = count(1)


def make_schedule(**changes: Any) -> Schedule:
    defaults: dict[str, Any] = {
        "id": "s1",
        "name": "每日巡检",
        "cron": "0 3 * * *",
        "targets": ("127.0.0.1",),
    }
    return Schedule(**(defaults | changes))


def make_run(**changes: Any) -> Run:
    cause = f"test:{next(_numbers)}"
    defaults: dict[str, Any] = {
        "id": deterministic_id("r", cause),
        "idempotency_key": cause,
        "schedule": make_schedule(),
        "trigger": Trigger.CRON,
        "start_time": NOW,
    }
    return Run(**(defaults | changes))


def make_ended_run(status: RunStatus = RunStatus.FINISHED, error: int = 0, **schedule: object) -> Run:
    """Make a run with three tasks, `error` of which failed, whose schedule notifies a group."""
    defaults: dict[str, object] = {"notify_enable": True, "send_to": (Destination.parse("group:cidA"),)}
    return make_run(
        schedule=make_schedule(**(defaults | schedule)),
        status=status,
        task_counts=make_counts(error=error),
        end_time=NOW,
    )


def make_counts(total: int = 3, error: int = 0, stop: int = 0, **found: int) -> TaskCounts:
    """Make the counts of ended tasks, all of which succeeded but those given, and of what they found."""
    return TaskCounts(total=total, done=total - error - stop, error=error, stop=stop, found=found)


def make_job(**changes: Any) -> Job:
    defaults: dict[str, Any] = {
        "id": f"job:{next(_numbers)}",
        "kind": "card",
        "created_at": NOW,
        "due_at": NOW,
    }
    return Job(**(defaults | changes))


def make_task(**changes: Any) -> Task:
    defaults: dict[str, Any] = {"id": f"t{next(_numbers)}", "run_id": "r1", "target": "127.0.0.1"}
    return Task(**(defaults | changes))


def make_report(**changes: Any) -> Report:
    run_id = changes.get("run_id", "r1")
    defaults: dict[str, Any] = {
        "run_id": run_id,
        "schedule_id": "s1",
        "schedule_name": "每日巡检",
        "path": f"2026-11-24/{run_id}.xlsx",
        "name": f"每日巡检_{run_id}.xlsx",
        "size": 4096,
        "sha256": "0" * 64,
        "made_at": NOW,
        "rows": 3,
    }
    return Report(**(defaults | changes))


def make_link(**changes: Any) -> DownloadLink:
    defaults: dict[str, Any] = {
        "id": f"l{next(_numbers)}",
        "run_id": "r1",
        "sha256": "0" * 64,
        "idempotency_key": "test",
        "made_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "max_downloads": 3,
    }
    return DownloadLink(**(defaults | changes))


def make_download(link: DownloadLink, **changes: Any) -> Download:
    defaults: dict[str, Any] = {
        "link_id": link.id,
        "run_id": link.run_id,
        "at": NOW,
        "address": "192.0.2.7",
        "agent": "curl/8.5.0",
    }
    return Download(**(defaults | changes))


def make_audit_entry(**changes: Any) -> AuditEntry:
    """Make the entry of a message that was accepted."""
    defaults: dict[str, Any] = {
        "id": f"message:{next(_numbers)}",
        "at": NOW,
        "channel": AuditChannel.MESSAGE,
        "actor": Person(id="user01", name="李雷"),
        "organization": "dingcorp",
        "place": "group:cidA",
        "place_name": "运维群",
        "said": "重跑 每日巡检",
        "command": "重跑",
        "schedule_id": "s1",
        "schedule_name": "每日巡检",
        "rule": "access.operators",
        "outcome": AuditOutcome.ACCEPTED,
    }
    return AuditEntry(**(defaults | changes))


def make_override(**changes: Any) -> ScheduleOverride:
    return ScheduleOverride(**({"schedule_id": "s1"} | changes))


def make_lapse(**changes: Any) -> Lapse:
    """Make the lapse of a schedule that did not start at a scheduled time."""
    defaults: dict[str, Any] = {
        "id": f"missed:s1:{next(_numbers)}",
        "kind": LapseKind.MISSED,
        "schedule": make_schedule(),
        "since": NOW,
        "found_at": NOW + timedelta(minutes=5),
        "allowed": timedelta(minutes=5),
    }
    return Lapse(**(defaults | changes))


def make_sandbox_app(url: str) -> DingTalkApp:
    """Return the app of the default scenario of the sandbox."""
    return DingTalkApp(
        app_key="dingsandboxapp",
        app_secret="sandbox-app-secret",  # noqa: S106 - the sandbox's own
        robot_code="dingsandboxapp",
        agent_id=3001,
        openapi_base=url,
        oapi_base=url,
    )


def make_message(text: str = "帮助", **changes: Any) -> Message:
    defaults: dict[str, Any] = {
        "id": f"msg{next(_numbers)}",
        "robot_code": "dingsandboxapp",
        "conversation_id": "cidA",
        "group": True,
        "sender": Person(id="user01", name="李雷"),
        "text": text,
    }
    return Message(**(defaults | changes))


def make_robot(
    token: str = "sandbox-webhook-token",  # noqa: S107 - the sandbox's own
    secret: str = "SECsandbox0123456789",  # noqa: S107
    keyword: str = "",
) -> CustomRobot:
    """Return the custom robot of the default scenario of the sandbox."""
    return CustomRobot(access_token=token, secret=secret, keyword=keyword)
