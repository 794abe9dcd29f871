"""ARL's errors. The codes are ARL's own. Unknown messages are assumed."""

from typing import Any

MESSAGES = {
    102: "没有找到celery_id", 103: "没有找到任务", 104: "任务正在运行", 105: "任务已经完成",
    500: "系统异常", 601: "没有找到资产组", 700: "任务间隔不能小于6小时", 706: "任务目标为空",
    1001: "结果集不存在", 1003: "PoC目标为空", 1100: "策略ID不存在", 1502: "cron表达式错误",
    1601: "计划任务类型错误", 1602: "日期格式错误", 1603: "任务标签错误", 1604: "日期不能早于现在",
    1605: "没有找到计划任务",
}  # fmt: skip
CUSTOM_CODE = 999  # code for an error with a custom message


class ArlError(Exception):
    """An error response with code and message. Text values of `data`, except ids, extend the message."""

    def __init__(self, code: int, base: str = "", **data: Any) -> None:
        shown = [f" {key}:{text}" for key, text in data.items() if isinstance(text, str) and key[-2:] != "id"]
        self.code = code
        self.words = (base or MESSAGES[code]) + "".join(shown)
        self.data = data
        super().__init__(self.words)


class PayloadError(Exception):
    """An invalid payload, with an error message by field."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


class InternalError(Exception):
    """An error that ARL does not handle, such as a malformed id: HTTP 500."""
