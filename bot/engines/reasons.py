"""Reasons why a task failed, for people: Chinese first, English beside it."""

REASONS = {
    "no_target": "计划没有目标 / the schedule has no targets",
    "no_name": "域名无法解析 / the name does not resolve",
    "refused": "连接被拒绝 / connection refused ({ports})",
    "no_answer": "连接超时 / no answer ({ports})",
    "unreachable": "无法到达 / unreachable ({ports})",
    "forbidden": "被 engine.refuse 禁止扫描：{address} / engine.refuse forbids scanning {address}",
    "too_large": "网段太大，最多 {max_hosts} 台 / the network is too large, at most {max_hosts} hosts",
    "too_long": "超时 / took longer than {seconds} s",
    "stuck": "超过 {hours} 小时没有结束，停在 {stage} / has not ended within {hours} h, last at {stage}",
    "failed_in_arl": "在 ARL 里执行失败 / failed in ARL {why}",
    "unsubmitted": "ARL 没有创建这个子任务，或已删除 / ARL never created this task, or it was deleted",
    "all_gone": "这些子任务都已从 ARL 里删除 / all of these tasks were deleted in ARL",
    "no_schedule": "ARL 里已没有这个计划 / the schedule was deleted in ARL",
    "refused_by_arl": "ARL 拒绝 / ARL refused: {words}",
    "internal_error": "内部错误，请看日志 / internal error, see the log",
}


def reason(key: str, **values: object) -> str:
    """Fill in a reason."""
    return REASONS[key].format(**values)
