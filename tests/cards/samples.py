"""Sample runs, reports and phrase values for the golden files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.delivery.audit_trail import Attempt
from bot.downloads import IssuedLink
from bot.external.models import RunEvent
from bot.models import (
    EXTERNAL,
    Acknowledgement,
    AuditChannel,
    AuditOutcome,
    ExportStatus,
    Failure,
    Findings,
    KindSummary,
    Mute,
    Person,
    PreviousRun,
    PushStatus,
    Report,
    Run,
    RunStatus,
    TaskCounts,
    TaskStatus,
    Trend,
    Trigger,
)
from bot.quota.budget import Forecast
from bot.reasons import reason
from cards.environment import load_phrases
from cards.escaping import Markup
from cards.summary import CardState, Stamp, Withheld
from tests.factories import (
    NOW,
    make_audit_entry,
    make_download,
    make_link,
    make_report,
    make_run,
    make_schedule,
)

HOSTILE = (
    "[点我](http://evil.example/) @all **x** <a atId=1>#h ${title} `c` \u202etxt\n# h | https://e.example"
)

FAILURES = (
    Failure(task_id="t1", target="192.0.2.0/28", status=TaskStatus.STOP, reason=""),
    Failure(
        task_id="t2",
        target="https://shop.example.com:8443/login_page",
        status=TaskStatus.ERROR,
        reason="连接 shop.example.com:8443 超时（10 秒）",
    ),
    Failure(task_id="t3", target="example.org", status=TaskStatus.MISSING, reason=""),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A run, its report, and the options of its card."""

    run: Run
    report: Report | None = None
    options: Mapping[str, Any]


def ended(**changes: Any) -> Run:
    """Return a run of three targets that all succeeded."""
    defaults: dict[str, Any] = {
        "id": "rabcdefghij",
        "status": RunStatus.FINISHED,
        "end_time": NOW + timedelta(minutes=12, seconds=35),
        "task_ids": ("t1", "t2", "t3"),
        "task_counts": TaskCounts(
            total=3, done=3, found={"site": 12, "ip": 8, "domain": 3, "cert": 4, "service": 0}
        ),
        "export_status": ExportStatus.SUCCESS,
    }
    return make_run(**(defaults | changes))


def report(**changes: Any) -> Report:
    return make_report(**({"run_id": "rabcdefghij", "size": 23_961, "rows": 1_234} | changes))


def sample(given: Report | None = None, options: Mapping[str, Any] | None = None, **changes: Any) -> Sample:
    return Sample(run=ended(**changes), report=given, options=options or {})


def failed(**changes: Any) -> Run:
    """Return a run of twelve targets, nine of which succeeded."""
    counts = TaskCounts(total=12, done=9, error=1, missing=1, stop=1, found={"site": 1_200})
    many = tuple(f"6742f0c1e1b2a3d4e5f6a7{number:02}" for number in range(12))
    return ended(**({"task_counts": counts, "failures": FAILURES, "task_ids": many} | changes))


_URL = "https://run.example.com/reports/lq2x.c2lnbmF0dXJl_-x"


def findings(*, new: int = 0, compared: bool = True) -> Findings:
    """Return three vulnerabilities, one of them a weak password, and two leaks."""
    return Findings(
        rows=1_234,
        compared=compared,
        kinds=(
            KindSummary(kind="vuln", total=3, new=new),
            KindSummary(kind="fileleak", total=2),
            KindSummary(kind="site", total=1_200, new=new, gone=2, changed=5),
            KindSummary(kind="ip", total=8),
            KindSummary(kind="service", total=10, gone=1),
            KindSummary(kind="domain", total=0),
        ),
        highlights=(
            KindSummary(kind="vuln", total=3, new=new),
            KindSummary(kind="weak_password", total=1, new=new),
            KindSummary(kind="fileleak", total=2),
        ),
    )


QUIET = Findings(
    rows=1_234,
    compared=True,
    kinds=(
        KindSummary(kind="site", total=12, new=1),
        KindSummary(kind="ip", total=8),
        KindSummary(kind="service", total=10),
        KindSummary(kind="domain", total=3, gone=2),
        KindSummary(kind="cert", total=4),
    ),
)

STAMP = Stamp(
    by="张三",
    at=NOW + timedelta(hours=2),
    run=make_run(
        id="rnewnewnewn",
        trigger=Trigger.CARD,
        asked_by=Person(id="u1", name="张三"),
        approved_by=Person(id="u2", name="李四"),
        ordinal=12,
    ),
)

PREVIOUS = PreviousRun(
    id="rbefore",
    start_time=NOW - timedelta(days=1),
    seconds=547,
    complete=True,
    found={"site": 9, "vuln": 1, "ip": 8},
)
TURNED_RED = Trend(was_well=True, previous=PREVIOUS)
RECOVERED = Trend(was_well=False, previous=PREVIOUS)
THIRD_FAILURE = Trend(was_well=False, streak=3, previous=PREVIOUS)

MANY_FAILURES = (
    *(
        Failure(
            task_id=name,
            target=f"{name}.example",
            status=TaskStatus.ERROR,
            reason=reason("connection_refused", ports=port),
        )
        for name, port in (("a", 80), ("b", 80), ("c", 8080))
    ),
    Failure(
        task_id="d",
        target="d.example",
        status=TaskStatus.ERROR,
        reason=reason("connection_timeout", ports=443),
    ),
)

BACKUP = make_schedule(id="x:backup", name="数据库备份", engine=EXTERNAL, export=False)

SAMPLES = {
    "streak": sample(
        report(),
        findings=QUIET,
        trend=THIRD_FAILURE,
        failures=MANY_FAILURES,
        task_counts=TaskCounts(total=10, done=6, error=4),
    ),
    "turned_red": Sample(run=failed(trend=TURNED_RED), report=report(), options={}),
    "recovered": sample(schedule=make_schedule(export=False), trend=RECOVERED),
    "unchanged": sample(
        report(),
        findings=Findings(rows=12, compared=True, kinds=(KindSummary(kind="site", total=12),)),
        trend=Trend(was_well=True, streak=9, previous=replace(PREVIOUS, seconds=755)),
    ),
    "longer": sample(
        schedule=make_schedule(export=False),
        trend=Trend(was_well=True, previous=PREVIOUS),
        task_counts=TaskCounts(total=3, done=3, found={"site": 12, "ip": 8}),
    ),
    "well": sample(report(), findings=QUIET),
    "found_new": sample(report(), findings=findings(new=1)),
    "found_known": sample(report(), findings=findings()),
    "found_first": sample(report(), findings=findings(compared=False)),
    "found_uncounted": sample(
        schedule=make_schedule(export=False),
        task_counts=TaskCounts(total=3, done=3, found={"site": 14, "vuln": 2, "service": 3, "fileleak": 3}),
    ),
    "partial": Sample(run=failed(findings=findings(new=1)), report=report(), options={}),
    "after_a_mute": sample(report(), findings=QUIET, muted_before=3),
    "retried": sample(
        report(),
        findings=QUIET,
        idempotency_key="retry:rbefore:msg1",
        task_ids=("t1",),
        task_counts=TaskCounts(total=1, done=1),
    ),
    "failed": Sample(run=failed(), report=report(), options={}),
    "rerun": Sample(run=failed(), report=report(), options={"state": CardState(stamp=STAMP)}),
    "acknowledged": Sample(
        run=failed(),
        report=report(),
        options={
            "state": CardState(
                acknowledged=Acknowledgement(
                    by=Person(id="u1", name="张三"), at=NOW, until=NOW, run_id="rabcdefghij"
                )
            )
        },
    ),
    "stopped": sample(
        stopped_by=Person(id="u2", name="李四"),
        stopped_at=NOW,
        stop_approved_by=Person(id="u3", name="王五"),
        task_counts=TaskCounts(total=3, stop=3),
        failures=FAILURES[:1],
        export_status=ExportStatus.SKIPPED,
    ),
    "error": sample(
        status=RunStatus.ERROR,
        task_ids=(),
        task_counts=None,
        error_msg="没有一个有效的目标：999.1.1.1 不是地址",
        export_status=ExportStatus.SKIPPED,
        end_time=NOW + timedelta(milliseconds=300),
    ),
    "report_coming": sample(
        export_status=ExportStatus.RUNNING,
        trigger=Trigger.CHAT,
        asked_by=Person(id="u1", name="张三"),
        approved_by=Person(id="u2", name="李四"),
    ),
    "report_failed": sample(
        export_status=ExportStatus.ERROR, export_error="磁盘满了", trigger=Trigger.CARD, task_ids=("t1",)
    ),
    "unconfirmed": Sample(run=failed(), report=report(), options={"state": CardState(unconfirmed=True)}),
    "link_instead": Sample(
        run=failed(),
        report=report(),
        options={
            "state": CardState(
                withheld=Withheld.QUOTA,
                linked=True,
                link=IssuedLink(url=_URL, expires_at=NOW, max_downloads=20),
            )
        },
    ),
    "withheld": Sample(run=failed(), report=report(), options={"state": CardState(withheld=Withheld.QUOTA)}),
    "on_request": Sample(
        run=failed(), report=report(), options={"state": CardState(withheld=Withheld.ON_REQUEST)}
    ),
    "kept_out": Sample(run=failed(), report=report(), options={"state": CardState(withheld=Withheld.NEVER)}),
    "linked": Sample(run=failed(), report=report(), options={"state": CardState(linked=True)}),
    "report_gone": sample(end_time=NOW + timedelta(days=1, hours=2)),
    "report_unwanted": sample(schedule=make_schedule(export=False)),
    "reported": sample(schedule=BACKUP, task_counts=TaskCounts(total=1, done=1), task_ids=("t1",)),
    "reported_failed": sample(
        schedule=BACKUP,
        task_counts=TaskCounts(total=1, error=1),
        task_ids=("t1",),
        failures=(Failure(task_id="t1", target="backup", status=TaskStatus.ERROR, reason="磁盘满了"),),
    ),
    "reported_counts": sample(
        schedule=BACKUP, task_counts=TaskCounts(total=1, done=1, found={"rows": 1_200}), task_ids=("t1",)
    ),
    "running": sample(
        status=RunStatus.RUNNING, end_time=None, task_counts=None, export_status=ExportStatus.PENDING
    ),
    "hostile": Sample(
        run=failed(
            schedule=make_schedule(name=HOSTILE),
            trigger=Trigger.CHAT,
            asked_by=Person(id="u1", name=HOSTILE),
            task_counts=TaskCounts(total=1, error=1, found={HOSTILE: 2}),
            failures=(Failure(task_id="t", target=HOSTILE, status=TaskStatus.ERROR, reason=HOSTILE),),
            task_ids=(HOSTILE,),
        ),
        report=report(name=HOSTILE),
        options={"state": CardState(stamp=replace(STAMP, by=HOSTILE))},
    ),
}

COMMANDS = [
    {"words": ("重跑", "rerun"), "usage": "[计划]", "summary": "重新执行一个计划"},
    {"words": ("最近报告", "last report", "报告"), "usage": "[计划]", "summary": "把最近一份报告发到这里"},
    {"words": ("帮助", "help", "?"), "usage": "", "summary": "显示这些命令"},
]

_RUNNING = {"schedule": "每日巡检", "run": "r1", "ended": 3, "total": 12, "since": NOW}
_ENDED = {
    "schedule": "每日巡检",
    "run": "r2",
    "mark": "✅",
    "done": 12,
    "failed": 0,
    "stopped": 0,
    "total": 12,
    "ended_at": NOW,
}
_PAST = {
    **{"schedule": "每日巡检", "run": "r2", "mark": "✅", "since": NOW, "running": False},
    **{"took": timedelta(seconds=754), "done": 12, "failed": 0, "stopped": 0, "total": 12},
}
_ITEM = {"name": "每日巡检", "when": "0 3 * * *", "next": NOW, "targets": 4, "notify": True, "last": NOW}

_STEP = {
    "kind": "card",
    "to": "group:cidA",
    "state": "done",
    "asked_at": NOW,
    "ended_at": NOW,
    "message_id": "4v+AzU",
    "why": "",
    "by": "",
    "tries": (),
}
_TRIES = (Attempt(at=NOW, said="DingTalk cannot be reached"),)
_AGAIN = {
    "kind": "file",
    "state": "unconfirmed",
    "message_id": "",
    "why": "answer lost",
    "by": "user01",
    "tries": _TRIES,
}
_TAP = {**_STEP, "kind": "tap", "to": "report", "message_id": "", "by": "张三"}
_ENTRY = make_audit_entry(id="message:1")
_REFUSED_TAP = make_audit_entry(
    id="tap:2",
    channel=AuditChannel.TAP,
    actor=Person(id=""),
    place="cidA",
    place_name="",
    said="重跑",
    command="rerun",
    run_id="r1",
    allowed=False,
    rule="no_staff_id",
    outcome=AuditOutcome.REFUSED,
)
_DOWNLOADED = make_audit_entry(
    id="web:3",
    channel=AuditChannel.WEB,
    actor=Person(id=""),
    organization="",
    place="",
    place_name="",
    said="每日巡检_r1.xlsx",
    command="download",
    run_id="r1",
    rule="link l1a2b3c4",
    detail="curl/8.5.0",
    address="192.0.2.7",
)
_REFUSED_DOWNLOAD = replace(
    _DOWNLOADED,
    id="web:4",
    said="",
    schedule_id="",
    schedule_name="",
    allowed=False,
    rule="link expired",
    outcome=AuditOutcome.REFUSED,
)
_FORECAST = Forecast(at_end=7_200, lasts_until=NOW + timedelta(days=3))
_API = {
    "kind": "api",
    "used": 4_100,
    "limit": 5_000,
    "left": 900,
    "percent": 82,
    "refused": False,
    "forecast": _FORECAST,
}
_STREAM = {
    "kind": "stream_webhook",
    "used": 12,
    "limit": 0,
    "left": None,
    "percent": 0,
    "refused": False,
    "forecast": None,
}
_LAPSE = {
    "schedule": "每日巡检",
    "typed": "每日巡检",
    "startable": True,
    "run": "rabcdefghij",
    "since": NOW,
    "end": NOW + timedelta(hours=6, minutes=4),
    "took": timedelta(hours=6, minutes=4),
    "allowed": timedelta(minutes=5),
    "usual": timedelta(minutes=48),
    "missed": 4,
    "mark": "⚠️",
}
_DOWNLOAD = make_download(make_link(), agent="Mozilla/5.0 (X11; Linux) [x](http://evil.example)")

_RECIPIENT = {
    **{"kind": "group", "name": "运维群", "here": False, "mode": "", "mentions": [], "only_failed": False},
    "file": "always",
}
_NOTIFICATION = {
    **{"name": "每日巡检", "mode": "finished", "own_mode": "finished", "changed": False, "by": ""},
    **{"at": None, "muted": False, "until": None, "unreachable": False},
}
_CHANGED = {
    **_NOTIFICATION,
    **{"mode": "failed", "changed": True, "by": "张三", "at": NOW, "muted": True, "until": NOW},
}

PERMISSIONS = ("view", "operate", "admin", "identify")

CHOICES = [
    {"name": "每日巡检", "id": "sabcdefghij", "next": NOW},
    {"name": "www.example.com", "id": "65f0c0ffee65f0c0ffee65f0", "next": None},
]

ANSWERS: dict[str, list[dict[str, Any]]] = {
    "help": [
        {
            "role": "operator",
            "sections": [{"permission": each, "commands": COMMANDS} for each in PERMISSIONS],
        },
        {"role": "none", "sections": [{"permission": "identify", "commands": COMMANDS[-1:]}]},
    ],
    "greeting": [{"name": "李雷", "words": ["状态", "重跑"]}, {"name": "", "words": ["我是谁"]}],
    "no_text": [{"kind": kind} for kind in ("audio", "picture", "file", "video", "other")],
    "whoami": [
        {
            "name": "李雷",
            "staff_id": "user01",
            "organization": "dingcorp",
            "group": True,
            "title": "安全运营群",
            "conversation": "cid6EUabc==",
            "destination": "group:cid6EUabc==",
            "role": "operator",
            "is_open": True,
            "viewers_listed": False,
            "grants": [
                {"role": "operator", "source": "access.rules[0]", "schedules": ("备份*", "每日巡检")},
                {"role": "viewer", "source": "member", "schedules": ()},
            ],
            "missing": Markup("access: {operators: [user01]}"),
        },
        *(
            {
                "name": "李雷",
                "staff_id": "user01",
                "organization": "",
                "group": False,
                "title": "",
                "conversation": "cid7XYZ==",
                "destination": "user:user01",
                "role": role,
                "is_open": is_open,
                "viewers_listed": True,
                "grants": [],
                "missing": Markup("access: {operators: [user01]}"),
            }
            for role, is_open in (("none", True), ("viewer", True), ("none", False))
        ),
    ],
    "unknown": [
        {"text": "重炮", "nearest": "重跑"},
        {"text": "你好", "nearest": ""},
        {"text": "", "nearest": ""},
    ],
    "outsider": [{}, {"name": "外部顾问"}],
    "conversation_unknown": [{"conversation": "cid6EUabc=="}],
    "access_line": [{"missing": Markup("access: {rules: [{people: [user03], role: viewer}]}")}],
    "no_schedules_here": [{}],
    "needs_viewer": [
        {"name": name, "staff_id": "user03", "setting": setting}
        for name in ("张三", "")
        for setting in ("rules", "viewers")
    ],
    "needs_operator": [
        {"name": name, "staff_id": "user03", "views": views}
        for name in ("张三", "")
        for views in (True, False)
    ],
    "needs_admin": [{"name": name, "staff_id": "user03"} for name in ("张三", "")],
    "failed": [{"id": "msgrK2+x/A=="}, {}],
    "late": [{"why": "ARL does not answer: https://arl.example"}],
    "given_up": [{"why": "ARL does not answer: https://arl.example"}],
    "lapse_missed": [
        {**_LAPSE, "run": "", "end": NOW + timedelta(minutes=5), "startable": startable}
        for startable in (True, False)
    ],
    "rerun_elsewhere": [{"schedule": "每日巡检"}],
    "lapse_missed_over": [{**_LAPSE, "run": ""}, {**_LAPSE, "run": "", "missed": 1}],
    "lapse_late": [_LAPSE],
    "lapse_late_over": [_LAPSE],
    "lapse_overdue": [{**_LAPSE, "allowed": timedelta(hours=6), "usual": None}],
    "lapse_overdue_over": [_LAPSE],
    "lapse_withheld": [{"id": "rabcdefghij"}],
    "recovered": [
        {"schedule": "每日巡检", "run": "rabcdefghij", "end": NOW, "failures": failures}
        for failures in (1, 3)
    ],
    "rerun_accepted": [
        {"schedule": "每日巡检", "run": "r1"},
        {"schedule": "每日巡检", "run": "r1", "told": False},
        {"schedule": "每日巡检", "run": "r1", "page": True},
    ],
    "rerun_running": [_RUNNING, {**_RUNNING, "total": 0, "ended": 0}],
    "tap_superseded": [{"schedule": "每日巡检", "ordinal": 12, "run": "rabcdefghij"}],
    "tap_stop": [{"schedule": "每日巡检"}],
    "rerun_task_pressed": [{}],
    "rerun_targets_pressed": [{}],
    "tap_no_such_task": [{}],
    "tap_no_such_target": [{"target": "evil.example", "schedule": "每日巡检"}],
    "tap_choose_targets": [{"most": 50}],
    "card_expired": [{"schedule": "每日巡检"}],
    "stop_confirm": [{"schedule": "每日巡检", "since": NOW, "run": "rabcdefghij"}],
    "confirm_protected": [{"schedule": "每日巡检"}],
    "tap_protected": [{"schedule": "每日巡检"}],
    "approval_waits": [
        {"schedule": "备份库", "by": "张三", "act": act, "until": NOW} for act in ("start", "stop")
    ],
    "tap_approve": [{"schedule": "备份库", "by": "张三", "act": act} for act in ("start", "stop")],
    "approve_self": [{"schedule": "备份库"}],
    "nothing_to_approve": [{"schedule": "备份库"}, {"schedule": ""}],
    "approved": [
        {"schedule": "备份库", "by": "张三", "act": act, "run": "rabcdefghij"} for act in ("start", "stop")
    ],
    "rerun_started": [
        {"by": "李四", "at": NOW, "run": "rabcdefghij", "ordinal": 12, "wait": 0},
        {"by": "李四", "at": NOW, "run": "rabcdefghij", "ordinal": 12, "wait": 17},
        {"by": "", "at": NOW, "run": "", "ordinal": 0, "wait": 0},
    ],
    "which_schedule": [{"schedules": CHOICES, "more": more} for more in (0, 27)],
    "one_schedule_at_a_time": [{"schedules": CHOICES, "more": more} for more in (0, 27)],
    "no_such_schedule": [
        {"name": "每曰", "nearest": "每日巡检", "names": ["每日巡检"], "more": 0},
        {"name": "x", "nearest": "", "names": ["每日巡检", "www.example.com"], "more": 0},
        {"name": "x", "nearest": "", "names": ["每日巡检", "www.example.com"], "more": 27},
        {"name": "x", "nearest": "", "names": [], "more": 0},
    ],
    "status": [
        {"trouble": "", "running": [], "recent": []},
        {
            "trouble": "ARL does not answer (A_B)",
            "running": [{**_RUNNING, "ended": None}],
            "recent": [],
        },
        {
            "trouble": "",
            "missed": [{"schedule": "每周扫描", "since": NOW}],
            "running": [
                {**_RUNNING, "overtime": "overdue"},
                {**_RUNNING, "overtime": "late"},
                {**_RUNNING, "total": 0},
            ],
            "recent": [
                {**_ENDED, "push": "success", "export": "success"},
                {**_ENDED, "mark": "⚠️", "done": 10, "failed": 2, "push": "error", "export": "error"},
                {**_ENDED, "mark": "⚠️", "done": 10, "failed": 2, "push": "success", "handled_by": "张三"}
                | {"handled_until": NOW},
                {**_ENDED, "mark": "⚪", "done": 9, "stopped": 3, "push": "success", "export": "success"},
                {**_ENDED, "ended_at": None, "push": "pending", "export": "pending"},
                {**_ENDED, "push": "pending", "export": "running", "export_rows": 5_000},
                {**_ENDED, "push": "skipped", "export": "success", "muted": True},
            ],
            "muted": [{"schedule": "每日巡检", "until": until, "by": "张三"} for until in (NOW, None)],
        },
    ],
    "history": [
        {
            "schedule": "",
            "runs": [
                {**_PAST, "mark": "⏳", "running": True, "took": None, "done": 0, "total": 0},
                _PAST,
                {**_PAST, "mark": "⚠️", "done": 9, "failed": 2, "stopped": 1},
                {**_PAST, "mark": "⚪", "done": 0, "stopped": 12},
                {**_PAST, "mark": "❌", "done": 0, "total": 0},
            ],
        },
        {"schedule": "每日巡检", "runs": [_PAST]},
        {"schedule": "每日巡检", "runs": []},
        {"schedule": "", "runs": []},
    ],
    "schedules": [
        {"items": [_ITEM]},
        {
            "items": [
                {**_ITEM, "when": "*/10 * * * *", "notify": False, "last": None},
                {**_ITEM, "when": "5 * * * *", "targets": 1},
                {**_ITEM, "when": "30 9 * * 1"},
                {**_ITEM, "when": "0 2 15 * *"},
                {**_ITEM, "when": "0 9-18/3 * * 1-5"},
                {**_ITEM, "when": "", "at": NOW},
                {**_ITEM, "when": "", "at": None, "next": None},
                {**_ITEM, "when": "", "at": None, "next": None, "state": "stopped"},
                {**_ITEM, "when": "", "at": None, "next": None, "state": "over"},
            ],
            "total": 40,
        },
    ],
    "schedule": [
        {
            "item": {**_ITEM, "id": "sabcdefghij", "at": None, "state": "active", "export": True},
            "protection": "two_person",
            "times": [NOW, NOW + timedelta(days=1)],
            "targets": ["example.com", "192.0.2.0/28"],
            "target_count": 12,
            "notification": _CHANGED,
            "recipients": [
                {**_RECIPIENT, "here": True},
                {**_RECIPIENT, "kind": "user", "name": "张三", "mode": "failed", "file": "ask"},
                {**_RECIPIENT, "kind": "webhook", "name": "ops", "mentions": ["all"], "only_failed": True},
            ],
            "recipient_count": 4,
            "runs": [_PAST, {**_PAST, "mark": "⚠️", "done": 9, "failed": 2, "stopped": 1}],
        },
        {
            "item": {**_ITEM, "when": "", "id": "s1", "at": None, "state": "stopped", "export": False},
            "protection": "confirm",
            "times": [],
            "targets": [],
            "target_count": 0,
            "notification": {**_NOTIFICATION, "mode": "off"},
            "recipients": [],
            "recipient_count": 0,
            "runs": [],
        },
    ],
    "no_report": [
        {"schedule": "每日巡检", "why": why}
        for why in ("never_ran", "disabled", "running", "exporting", "failed", "expired", "磁盘满了")
    ],
    "report_on_its_way": [{"name": "每日巡检_20261124.xlsx", "size": 23_961, "made_at": NOW}],
    "reports": [
        {"schedule": "", "reports": [report(), report(run_id="r2", rows=1)]},
        {"schedule": "每日巡检", "reports": [report()]},
        {"schedule": "每日巡检", "reports": []},
        {"schedule": "", "reports": []},
    ],
    "report_link": [
        {
            "report": report(rows=rows),
            "link": IssuedLink(url=_URL, expires_at=NOW, max_downloads=most),
            "url": Markup(_URL),
        }
        for most, rows in ((20, 1_234), (1, 1))
    ],
    "login_no_pages": [{}],
    "login_in_private": [{}],
    "setup_card": [{"watched": "每日巡检、backup"}, {"watched": ""}],
    "login_link": [{"url": Markup("https://run.example.com/status/login/0a1b"), "until": NOW}],
    "logout_done": [{"count": count} for count in (0, 1, 2)],
    "regenerate_accepted": [{"schedule": "每日巡检", "run": "r1"}],
    "report_is_there": [{"run": "r1"}],
    "nothing_to_report": [{"running": True}, {"running": False}],
    "revoke_accepted": [{"schedule": "每日巡检", "run": "r1", "count": count} for count in (1, 3)],
    "report_not_here": [{"schedule": "每日巡检"}],
    "report_expired": [{"schedule": "每日巡检"}],
    "report_sent_lately": [{"schedule": "每日巡检", "asked_at": NOW}],
    "asked_too_often": [{"most": 20, "free_at": NOW}],
    "stop_accepted": [
        {"schedule": "每日巡检", "run": "r1", "stopped": 3, "before": 2, "left": []},
        {"schedule": "每日巡检", "run": "r1", "stopped": 0, "before": 2, "left": []},
        {
            "schedule": "每日巡检",
            "run": "r1",
            "stopped": 1,
            "before": 0,
            "left": [{"target": "a.example", "why": "没有找到celery_id"}, {"target": "b.example", "why": ""}],
        },
    ],
    "retry_accepted": [
        {"schedule": "每日巡检", "run": "r1", "count": 2, "told": told} for told in (True, False)
    ]
    + [{"schedule": "每日巡检", "run": "r1", "count": 2, "told": True, "page": True}],
    "nothing_failed": [{"schedule": "每日巡检"}, {"schedule": ""}],
    "too_many_schedules": [{"limit": 1000}],
    "late_reports": [
        {"count": count, "why": "waits for a worker: none is free, or none runs"} for count in (1, 3)
    ],
    "stream_down": [{"name": name, "why": ""} for name in ("", "second")],
    "stream_up": [{"name": ""}, {"name": "second"}],
    "key_refused": [{"name": name, "why": "无效的appKey或appSecret"} for name in ("", "second")],
    "key_accepted": [{"name": ""}, {"name": "second"}],
    "store_out": [{"why": "the store does not answer in time"}],
    "store_back": [{}],
    "disk_full": [{"name": "", "folder": "/data/reports", "free_mb": 812, "percent": 4, "why": "…"}],
    "disk_freed": [{"name": ""}],
    "quota_short": [
        {"name": kind, "day": "2026-11-27", "used": 3_100, "limit": 5_000, "at_end": 6_210, "why": "…"}
        for kind in ("api", "stream_webhook")
    ],
    "quota_enough": [{"name": "api"}, {"name": "stream_webhook"}],
    "broker_out": [{"name": "", "why": "exporter.broker_url: the broker does not answer in time"}],
    "broker_back": [{"name": ""}],
    "no_worker": [{"name": "", "why": "no worker is alive; start one: dingrun worker"}],
    "worker_back": [{"name": ""}],
    "engine_out": [{"name": name, "why": "ARL does not answer"} for name in ("", "arl")],
    "engine_back": [{"name": ""}, {"name": "arl"}],
    "arl_pushes": [{"names": ["每日巡检", "www.example.com"]}],
    "which_run": [
        {
            "runs": [
                {"schedule": "每日巡检", "since": NOW, "run": "rabcdefghij"},
                {"schedule": "www.example.com", "since": NOW, "run": "rabcdzzzzzz"},
            ],
            "word": word,
        }
        for word in ("stop", "")
    ],
    "no_such_run": [{"run": "r0"}],
    "resend_accepted": [{"schedule": "每日巡检", "run": "r1", "count": 2}],
    "proof": [
        {
            "run": failed(idempotency_key="cron:s1:now"),
            "chain": [
                _STEP,
                {**_STEP, **_AGAIN},
                _TAP,
                {**_STEP, "kind": "export", "to": "", "by": "user02"},
            ],
            "events": [
                RunEvent(at=NOW, kind="start"),
                RunEvent(at=NOW, kind="failed", detail="exit 3 no space left", accepted=False),
            ],
            "log": ["copying…", HOSTILE],
            "unlisted": 0,
            "seen": ["张三"],
            "downloads": [_DOWNLOAD, replace(_DOWNLOAD, address="2001:db8::1", agent="")],
        },
        {
            "run": failed(
                idempotency_key="cron:s1:now",
                end_time=None,
                push_status=PushStatus.SKIPPED,
                muted=Mute(by=Person(id="u1", name="张三"), at=NOW, until=NOW),
            ),
            "chain": [],
            "events": [],
            "log": [],
            "unlisted": 3,
            "seen": [],
            "downloads": [],
        },
    ],
    "notification": [
        {"item": _NOTIFICATION},
        {"item": _CHANGED},
        {"item": {**_CHANGED, "unreachable": True}},
    ],
    "notification_changed": [
        *({"item": {**_CHANGED, "mode": "off", "until": until}} for until in (NOW, None)),
        {"item": _NOTIFICATION},
        {"item": {**_NOTIFICATION, "unreachable": True}},
    ],
    "notifications": [{"items": [_NOTIFICATION, _CHANGED], "total": total} for total in (2, 40)],
    "acknowledged": [{"schedule": "每日巡检", "run": "r1", "until": NOW}],
    "acknowledge_too_long": [{"days": 30}],
    "nothing_to_acknowledge": [{"name": "每日巡检"}, {"name": ""}],
    "already_acknowledged": [{"by": "张三", "until": NOW}],
    "reminder": [
        {"schedule": "每日巡检", "run": "r1", "ended_at": NOW, "failed": count, "total": total}
        for count, total in ((2, 12), (0, 0))
    ],
    "mute_accepted": [{"schedule": "每日巡检", "until": until} for until in (NOW, None)],
    "mute_how_long": [{"schedule": "每日巡检"}],
    "mute_too_long": [{"days": 30}],
    "unmute_accepted": [{"schedule": "每日巡检"}],
    "not_muted": [{"schedule": "每日巡检"}, {"schedule": ""}],
    "already_muted": [{"schedule": "每日巡检", "until": until} for until in (NOW, None)],
    "audit": [
        {
            "name": "",
            "words": {"停止": "stop"},
            "entries": [
                _ENTRY,
                _REFUSED_TAP,
                _DOWNLOADED,
                _REFUSED_DOWNLOAD,
                replace(_ENTRY, said="2", command="停止"),
            ],
        },
        {"name": "李雷", "words": {}, "entries": [replace(_ENTRY, outcome=each) for each in AuditOutcome]},
        {"name": "", "words": {}, "entries": []},
    ],
    "audit_entry": [
        {"entry": each, "words": {}} for each in (_ENTRY, _REFUSED_TAP, _DOWNLOADED, _REFUSED_DOWNLOAD)
    ],
    "confirm_command": [{"word": "重跑", "name": "每日巡检"}, {"word": "rerun", "name": ""}],
    "no_such_number": [{"number": 7}],
    "smalltalk": [{"thanked": thanked} for thanked in (True, False)],
    "never_ran": [{"schedule": "每日巡检"}],
    "no_run_that_day": [{"day": NOW.date(), "schedule": "每日巡检"}, {"day": NOW.date(), "schedule": ""}],
    "failures": [
        {"run": failed(), "total": 12, "failed": 2, "stopped": 1, "failures": FAILURES, "more": 9},
        {"run": failed(), "total": 1, "failed": 0, "stopped": 1, "failures": FAILURES[:1], "more": 0},
        {"run": ended(), "total": 3, "failed": 0, "stopped": 0, "failures": (), "more": 0},
        {"run": ended(end_time=None), "total": 3, "failed": 0, "stopped": 0, "failures": (), "more": 0},
        {"run": ended(error_msg="engine"), "total": 0, "failed": 0, "stopped": 0, "failures": (), "more": 0},
    ],
    "started_by": [
        {"run": ended(), "who": who, "by": by.value, "stopped_by": ""}
        for by in Trigger
        for who in ("", "张三")
    ]
    + [
        {"run": ended(idempotency_key="retry:rbefore:msg1"), "who": "张三", "by": "chat", "stopped_by": ""},
        {"run": ended(stopped_at=NOW), "who": "", "by": "cron", "stopped_by": "李四"},
    ],
    "next_runs": [
        {
            "items": [
                {"name": "每日巡检", "next": NOW, "state": "active"},
                {"name": "Weekly", "next": None, "state": "stopped"},
                {"name": "Once", "next": None, "state": "over"},
                {"name": "nightly", "next": None, "state": "active"},
            ],
            "total": 12,
        }
    ],
    "summary_withheld": [{"run": "rabcdefghij"}],
    "channel_fell": [
        {"destination": "group:cid6EU==", "step": "card", "why": "DingTalk answered param.templateNotExist"},
        {"destination": "user:user01", "step": "message", "why": "staffId.notExisted"},
    ],
    "destination_unreachable": [
        {"destination": "group:cid6EU==", "fault": fault, "why": "invalidParameter.robotCode.notExsit"}
        for fault in (
            *("robot_not_in_group", "wrong_group", "wrong_person", "wrong_robot_code"),
            *("robot_stopped", "app_not_published", "wrong_webhook", "webhook_security"),
        )
    ],
    "template_refused": [{"template": "0a1b.schema", "why": "DingTalk answered param.templateUnpublished"}],
    "template_accepted": [{"template": "0a1b.schema"}],
    "channel_healed": [
        {"destination": "group:cid6EU==", "step": step} for step in ("card", "message", "destination")
    ],
    "quota_warning": [
        {"bucket": "api", "percent": 80, "used": 4_000, "limit": 5_000},
        {"bucket": "stream_webhook", "percent": 95, "used": 2_860, "limit": 3_000},
    ],
    "quota": [
        {"month": "2026-11", "rows": [_API, _STREAM], "price": 3, "start_price": 1, "level": level}
        for level in range(6)
    ]
    + [
        {
            "month": "2026-11",
            "rows": [{**_API, "forecast": None, "refused": True}],
            "price": 3,
            "start_price": 1,
            "level": 5,
        }
    ],
}
ANSWERS |= {phrase: [{}] for phrase in load_phrases() if phrase not in ANSWERS}
"""Sample values of every phrase. A phrase without variables needs no entry."""

TAPPED = (
    "needs_viewer", "needs_operator", "needs_admin", "not_here", "card_forwarded", "outsider", "not_met",
    "card_unknown", "busy", "failed",
    "rerun_running", "rerun_started", "rerun_elsewhere", "rerun_pressed",
    "retry_pressed", "tap_superseded", "tap_stop",
    "rerun_task_pressed", "rerun_targets_pressed",
    "tap_no_such_task", "tap_no_such_target", "tap_choose_targets",
    "card_expired", "tap_protected", "approval_waits", "tap_approve",
    "stop_pressed", "stop_taken", "rerun_taken",
    "no_such_schedule", "regenerate_pressed", "regenerate_running", "regenerate_unwanted", "report_is_there",
    "assets_deleted",
    "nothing_to_report", "revoke_pressed", "revoke_taken", "no_links",
    "report_pressed", "report_expired", "report_taken", "no_such_run",
    "report_not_here", "report_sent_lately", "asked_too_often", "calls_run_out",
    "nothing_to_resend", "resend_pressed", "resend_taken",
    "already_muted", "mute_pressed", "mute_taken",
    "already_acknowledged", "acknowledge_pressed", "acknowledge_taken",
)  # fmt: skip
"""The phrases that may answer a tap."""
