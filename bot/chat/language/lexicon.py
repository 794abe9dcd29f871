"""The words of grammar, by what they do to a wish. The words of each command stand with its handler.

Words are folded (`bot/chat/language/normalize.py`): lower case, simplified, no space beside Chinese.
"""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """Effect of a word on a wish."""

    FILLER = "filler"  #: nothing
    PLEASE = "please"  #: makes a question a request: 能帮我, could you
    YOU = "you"  #: the one who is told to do something
    CHECK = "check"  #: asks to look, not to do
    ONCE = "once"  #: a measure that makes a common verb a command: 跑一下, run again
    TAKE = "take"  #: 把: what ends on 了 is a command
    ALL = "all"  #: everything, which is no name of a schedule
    EVERY = "every"  #: asks for a list
    DONT = "dont"  #: forbids
    NOT = "not"  #: says that something is not done
    PAST = "past"  #: says that something was done
    DID = "did"  #: asks whether something was or is being done
    WHETHER = "whether"  #: asks
    MAY = "may"  #: asks whether something should be done
    CAN = "can"  #: asks whether something can be done, or politely to do it
    WHO = "who"
    WHY = "why"
    WHEN = "when"
    HOW = "how"
    LATER = "later"  #: another time than now, or a condition
    ELSE = "else"  #: somebody else than DingRun, or that it is remembered
    AND = "and"  #: joins two wishes or two names
    OF = "of"
    SET = "set"  #: says to what something is changed
    NOUN = "noun"  #: makes a noun of a verb, or is one: the rerun of, runs
    NOTICE = "notice"  #: what DingRun sends by itself
    OFF = "off"  #: ends what goes on
    SMALLTALK = "smalltalk"


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a text. `_` stands for the space in a phrase."""
    return tuple(word.replace("_", " ") for word in text.split())


_GRAMMAR: Mapping[Role, str] = {
    Role.FILLER: """
        帮我 帮忙 帮 给我 替我 请 请问 麻烦 劳驾 辛苦 拜托 吧 呀 啊 哈 哦 呗 嘛 啦 呢 哎 喂 那个 这个 那
        这 它 个 计划 任务 目标 项目 现在 马上 立刻 立即 赶紧 尽快 快 快点 手动 我要 我想 我想要 我需要
        想 你 您 帮个忙 一份 一个 那份 这份 哪里 哪儿 在哪 在哪里 当前 目前 出来 出 看看 看下 看一下 看
        查看 查 查下 查一下 查询 告诉我 说说 说下 显示 展示 我看 我看看 看一看 一看 有 还有 是 在 到 只
        仅 里 里面 谢谢 谢谢啦 多谢 感谢 谢啦 老哥 大哥 兄弟 哥 亲 小助手 机器人 同学 行 给 将 下 又 还
        发群里 群里 到群里 到这里 这里 这次 上次 本次 最近 先 从头 那些 这些 过来 过去 来 时间 特别 人
        消息 立马 赶快 火速 速度 抓紧 瞅 瞅瞅 瞅一眼 瞧 瞧瞧 来份 来个 来一份 来一个 发份 发个 整份
        整一份 甩 丢 扔 掉 帮下 帮我下 能帮 您好 你好 嗨 哈喽 早 早上好 上午好 下午好 晚上好 在吗 在不在
        u asap quickly urgently hi hello help_me help_me_to help_to help_us thanks_a_lot where where's
        the a an it this that me my for us to go ahead now just kindly pls plz show give tell get see
        check i'd like hey dingrun bot thanks thx immediately right away some any task tasks job
        schedule run's one ones so far yet i_want i_want_to i_need i_need_to i_would_like i'd_like_to
        thank_you right_now there could_you would_you the_one in_there of_it to_me last you your
    """,
    Role.PLEASE: """
        please pls plz kindly can_you could_you would_you will_you can_u could_u would_u will_u
        do_you_mind would_you_mind 帮我 帮忙 帮 帮下 帮我下 帮个忙 麻烦 劳驾 拜托 给我 替我
    """,
    Role.YOU: "你 您 你们 您们 you u can_you could_you would_you will_you can_u could_u would_u will_u",
    Role.CHECK: """
        看看 看下 看一下 看 查看 查 查下 查一下 查询 问 问下 问一下 问问 请问 告诉我 说说 说下 我看 我看看
        看一看 一看 瞅 瞅瞅 瞅一眼 瞧 瞧瞧 check see know tell wonder wondering
    """,
    Role.ONCE: """
        一下 一次 一遍 一趟 一把 下子 再 再次 重新 一回 两下 一哈 哈子 一下子 一下下 again once_more
        one_more_time once_again
    """,
    Role.TAKE: "把",
    Role.ALL: """
        全部 所有 所有的 全都 一切 整个 任何 其他 其他的 其它 都给我 都 all everything every both others
        all_of_them all_schedules all_the_schedules
    """,
    Role.EVERY: """
        哪 哪些 有哪些 列表 列出 列一下 列 清单 什么 哪个 哪几个 几个 几次 多少 啥 list which what
        what's
    """,
    Role.DONT: """
        别 不要 不用 不必 不许 不准 不能 不可以 不想 不该 先别 先不要 先不 勿 请勿 切勿 千万别 千万不要
        无需 无须 不需要 没必要 没有必要 禁止 严禁 甭 莫 don't dont no_more never avoid shouldn't do_not
        no_need no_need_to need_not must_not should_not
    """,
    Role.NOT: """
        不 没 没有 未 不是 除了 除 not no cannot can't won't didn't doesn't isn't wasn't hasn't without
        except but
    """,
    Role.PAST: """
        了 过 过了 已经 已 刚才 刚刚 刚 曾经 曾 完了 上回 already just'd earlier was been were just_now
    """,
    Role.DID: """
        了吗 了么 了没 了没有 过吗 过没 过没有 没有吗 完了吗 有没有 是不是已经 did has have had does is
        are was were is_it are_we
    """,
    Role.WHETHER: "吗 么 嘛? 吧? ? 是否 是不是",
    Role.MAY: """
        了吧 是否 是不是 要不要 需不需要 该不该 应该 应不应该 用不用 要吗 会不会 会 要 得 该 需 需要
        should shall may might must should_i should_we shall_we may_i would_it_be_ok_to want need needs
    """,
    Role.CAN: """
        能 能不能 可以 可不可以 可否 能否 行不行 好不好 行吗 好吗 可以吗 成吗 可以不 行不 好不 ok吗 can
        could would can_i can_we could_we could_i
    """,
    Role.WHO: "谁 是谁 哪位 什么人 哪个人 是哪个 谁让 who whom who's",
    Role.WHY: """
        为什么 为啥 为何 干嘛 干吗 凭什么 怎么会 什么原因 啥原因 因为什么 因为啥 怎么又 why how_come
    """,
    Role.WHEN: "什么时候 啥时候 何时 几点 几时 哪天 多久以后 when what_time",
    Role.HOW: "怎么 如何 怎样 咋 区别 how how_do_i how_to how_can_i how_do_we how_does",
    Role.LATER: """
        明天 后天 明早 今晚 晚上 下午 上午 中午 凌晨 早上 等会 等会儿 等下 等一下 待会 待会儿 一会
        一会儿 稍后 回头 以后 之后 下周 改天 到时候 如果 要是 假如 万一 的话 就 一旦 除非 的时候 每次
        每天 算了 if unless until tomorrow tonight later after before whenever once soon next_week
        in_an_hour at_night
    """,
    Role.ELSE: """
        我 我来 我去 我们 咱们 他 她 他们 她们 人家 自己 让 叫 老板 同事 说 i we he she they them him
        her his their tell ask let i'll i_will we'll i_am i'm let's 忘 忘了 忘记 记得 forget remember
    """,
    Role.AND: "和 与 跟 及 以及 并 并且 然后 接着 再把 同时 顺便 还要 、 , ; + & and then also plus",
    Role.SET: "改成 改为 设成 设为 设置成 设置为 换成 调成 调整为 变成 set_to change_to changed_to",
    Role.NOUN: """
        a_job a_task a_schedule any_job any_task any_schedule the_rerun a_rerun the_stop runs executions
    """,
    Role.NOTICE: "notification notifying notified",
    Role.OFF: "关闭 屏蔽 turn_off turn_off_the switch_off disable",
    Role.OF: "的 之 of in from for on with about",
    Role.SMALLTALK: """
        谢谢 谢谢啦 谢谢哈 谢谢呀 谢谢啊 谢谢哦 谢了 谢咯 谢谢老哥 3q 多谢 多谢啦 好呀 好哦 好啊 好的呀
        好的哦 行吧 行呀 收到啦 知道啦 明白了 明白啦 可以的 thanks_a_lot thank_you_so_much many_thanks
        tks tnx cheers 感谢 谢谢你 谢谢您 谢谢大家 好 好的 好滴 好嘞 好吧 行 收到 了解 明白 知道 知道了
        懂了 哈哈 哈哈哈 呵呵 嘿嘿 嘻嘻 嗯 嗯嗯 哦 哦哦 噢 辛苦 辛苦了 辛苦啦 棒 真棒 太棒了 太好了
        麻烦了 麻烦你了 麻烦您了 nice_work good_work 厉害 牛 👍
        👌 🙏 不错 赞 给力 完美 可以 没事 没问题 再见 拜拜 晚安 哇 真好 爱你 对 对的 是的 是 不是 不
        取消 算了 抱歉 对不起 谢啦 好哒 不用了 不用 先不用 等等 等一下 666 6 ok okay k yes no yep nope
        thanks thx ty great nice cool good perfect awesome lol haha bye goodbye sure fine well done wow
        sorry thank_you got_it no_problem good_job well_done never_mind good_night
    """,
}

WORDS = {role: _words(text) for role, text in _GRAMMAR.items()}
"""Words by role. A word may have several roles."""

ACTED = {
    "rerun": _words("reran rerunning restarted retried ran triggered started launched executed"),
    "stop": _words("stopped stopping killed aborted cancelled canceled"),
}
"""Past forms of the English words of commands."""

FAILED_ONES = frozenset(
    _words("失败 失败的 失败项 失败任务 失败的任务 没成功 没成功的 没跑成功 没跑成功的 failed failures")
)
RUNNING_ONES = frozenset(_words("在跑 正在跑 还在跑 在执行 正在执行 运行中 执行中 running still_running"))
"""Words for what an act is about, where they ask nothing."""

ABOUT: Mapping[tuple[str, str], str] = {
    ("rerun", "failures"): "rerun failed",
    ("rerun failed", "failures"): "rerun failed",
    ("stop", "status"): "stop",
    ("regenerate", "last report"): "regenerate",
    ("revoke", "last report"): "revoke",
    ("resend", "last report"): "last report",
}
"""What a word of an acting command and one of a looking command mean together."""

RUN_NOUNS = frozenset(_words("执行 运行 扫描 run scan runs executions"))
"""Words that are nouns for runs as well as verbs."""

ABOUT_WORDS = {"failures": FAILED_ONES, "status": RUNNING_ONES}
"""The words of a looking command that are meant in `ABOUT`; of other commands any."""

WHY_ACTED = {
    "rerun": "started by",
    "rerun failed": "failures",
    "stop": "failures",
    "resend": "proof",
}
"""What answers why something was done, by the command that does it."""

UNDOES = "stop"
"""The command whose common words undo another that stands beside: 把重跑取消."""

NOT_AGAIN = {"rerun": "stop"}
"""What is meant, if a command is not to be done any more, as in 别再跑了."""

LISTED = {"last report": "reports"}
"""What answers a question for all, by the command that shows one."""

PRIORITY = (
    "started by",
    "next runs",
    "failures",
    "reports",
    "last report",
    "proof",
    "history",
    "quota",
    "status",
)
"""Which of several questions is answered; those that are not here come last."""

CONFUSED = _words("""
    跑泡炮抛刨袍咆 停挺亭廷 止只址纸指 在再 新心 行形 报抱暴 告吿高稿 状壮装 态太泰 历厉力 史使始
    计记纪 划画化 巡寻循询 检险捡俭 重从虫 发法 执直 扫少 据剧 败拜 监坚 控空 备被 份分 务物
""")
"""Characters that are typed for each other, because they sound or look alike."""
