"""Why a task did not end well, in words for people: Chinese first, English beside it."""

REASONS = {
    "no_target": "计划里没有目标 / the schedule has no target",
    "no_name": "域名无法解析 / the name does not resolve",
    "refused": "连接被拒绝 / connection refused ({ports})",
    "no_answer": "连接超时 / no answer ({ports})",
    "unreachable": "无法到达 / unreachable ({ports})",
    "too_many": "网段太大 / the network is too large ({most})",
    "too_long": "超过时间上限 / took longer than {seconds} s",
    "mistake": "程序出错，请看日志 / a mistake of the program, see the log",
}


def reason(key: str, **values: object) -> str:
    return REASONS[key].format(**values)
