"""The words of the workbook, in both languages; ARL's sheets keep ARL's own."""

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "overview": "概览", "changes": "变化", "schedule": "计划", "run": "执行", "trigger": "触发",
        "asked_by": "发起人", "start": "开始（{zone}）", "end": "结束（{zone}）", "seconds": "用时（秒）",
        "total": "子任务", "done": "成功", "failed": "失败", "error": "出错", "stop": "停止",
        "missing": "丢失", "cron": "定时", "chat": "聊天命令", "card": "卡片按钮", "engine": "引擎",
        "found": "发现", "kind": "类别", "rows": "行数", "new": "新增", "gone": "消失", "changed": "变化",
        "failures": "失败明细", "target": "目标", "status": "状态", "reason": "原因", "task": "子任务编号",
        "more": "另有 {count} 个失败没有列出", "targets": "扫描目标", "tasks": "全部子任务编号",
        "message": "说明", "previous": "对比的执行", "previous_start": "对比的执行开始（{zone}）",
        "no_previous": "没有更早完成的执行，无可对比", "same": "和上一次相同，没有变化",
        "gone_note": "注意：有子任务失败，只由它们发现的资产会列为“消失”。",
        "order_note": "注意：{kind} 的数据不是按序给出的，它的变化可能不完整。",
        "history": "最近的执行（发现数含重复）", "chart_tasks": "最近的执行：子任务",
        "chart_found": "最近的执行：发现", "secrets": "密码和密钥",
        "hidden": "已隐藏（设置 reports.show_secrets）", "open": "未隐藏", "verdict": "变化",
        "name": "对象", "column": "字段", "before": "之前", "after": "现在",
    },
    "en": {
        "overview": "Overview", "changes": "Changes", "schedule": "Schedule", "run": "Run",
        "trigger": "Trigger", "asked_by": "Asked by", "start": "Start ({zone})", "end": "End ({zone})",
        "seconds": "Duration (s)", "total": "Tasks", "done": "Done", "failed": "Failed",
        "error": "In error", "stop": "Stopped", "missing": "Missing", "cron": "by time",
        "chat": "by command", "card": "by a button", "engine": "by the engine", "found": "Found",
        "kind": "Kind", "rows": "Rows", "new": "New", "gone": "Gone", "changed": "Changed",
        "failures": "Failures", "target": "Target", "status": "Status", "reason": "Reason",
        "task": "Task id", "more": "{count} more failures are not listed", "targets": "Targets",
        "tasks": "All task ids", "message": "Message", "previous": "Compared with run",
        "previous_start": "Which started ({zone})",
        "no_previous": "no finished run before it, nothing to compare",
        "same": "the same as the time before, no changes",
        "gone_note": "Note: some tasks failed; what only they would have found is listed as gone.",
        "order_note": "Note: {kind} did not come in order; its changes may be incomplete.",
        "history": "The last runs (repeats counted)", "chart_tasks": "The last runs: tasks",
        "chart_found": "The last runs: found", "secrets": "Passwords and keys",
        "hidden": "hidden (setting reports.show_secrets)", "open": "not hidden", "verdict": "Change",
        "name": "What", "column": "Column", "before": "Before", "after": "Now",
    },
}  # fmt: skip
