"""Why a task did not end well, in words for people: Chinese first, English beside it."""

REASONS = {
    "no_target": "计划里没有目标 / the schedule has no target",
    "no_name": "域名无法解析 / the name does not resolve",
    "refused": "连接被拒绝 / connection refused ({ports})",
    "no_answer": "连接超时 / no answer ({ports})",
    "unreachable": "无法到达 / unreachable ({ports})",
    "forbidden": "设置 engine.refuse 禁止扫描 / engine.refuse does not allow to scan {address}",
    "is_over_qps": "网段太大 / the network is too large ({most})",
    "too_long": "超过时间上限 / took longer than {seconds} s",
    "stuck": "超过 {hours} 小时没有结束，停在 {stage} / has not ended within {hours} h, last at {stage}",
    "failed_in_arl": "在 ARL 里执行失败 / failed in ARL {why}",
    "unsubmitted": "ARL 没有提交它，或已被删除 / ARL never submitted it, or it was deleted since",
    "all_gone": "这些任务都已从 ARL 里删除 / these tasks are all gone from ARL",
    "no_schedule": "ARL 里已经没有这个计划 / the schedule is gone from ARL",
    "refused_by_arl": "ARL 拒绝 / ARL refuses: {words}",
    "mistake": "程序出错，请看日志 / a mistake of the program, see the log",
}


def reason(key: str, **values: object) -> str:
    return REASONS[key].format(**values)
