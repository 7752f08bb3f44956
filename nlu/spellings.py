"""Spellings of the net, of dialects and of Hong Kong and Taiwan, and what they are in the standard language.

Only what can hardly be meant otherwise in a customer's text: 童鞋 (schoolmate) may be shoes for children, 稀饭 (to
like) is porridge, 886 (goodbye) a number; those stay. In simplified script and lower case, as `normalize` has them by
then. On the sample shop's sentences in such spellings this gives back the two points of accuracy that they cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_STANDARD = """
咋整=怎么办 咋办=怎么办 咋样=怎么样 咋回事=怎么回事 咋个=怎么 咋地=怎么 咋的=怎么 咋=怎么 肿么=怎么 肿木=怎么
怎么肥事=怎么回事 怎么肥四=怎么回事 啥子=什么 啥=什么 神马=什么 干哈=干什么 嘎哈=干什么 为啥=为什么
木有=没有 有木有=有没有 莫得=没有 灰常=非常 酱紫=这样子 酿紫=那样子 介个=这个 素不素=是不是 系不系=是不是
布吉岛=不知道 乃们=你们 偶们=我们 俺们=我们 俺=我 侬=你 晓得=知道 蓝瘦=难受 好滴=好的 好哒=好的 好嘞=好的
好叭=好吧 好趴=好吧 阔以=可以 欧克=ok 辣鸡=垃圾 8错=不错 8好意思=不好意思 4不4=是不是
唔该=谢谢 多谢晒=谢谢 唔使=不用 唔要=不要 唔系=不是 唔想=不想 唔知=不知道 唔得=不行 唔好=不要 唔见=不见
唔到=不到 唔识=不会 系咪=是不是 有冇=有没有 冇=没有 点解=为什么 点样=怎么样 几多=多少 边度=哪里 边个=谁
乜嘢=什么 做乜=做什么 咩嘢=什么 而家=现在 嘅=的 嚟=来 佢哋=他们 佢=他 我哋=我们 你哋=你们 咁=这么 畀=给
攞=拿 睇=看 嘢=东西 咗=了
登入=登录 登出=退出登录 宅配=快递 折价券=优惠券 折价卷=优惠券 优惠卷=优惠券 信用咭=信用卡 质素=质量 雪柜=冰箱
账密=账号密码
"""
_LATIN = """
3q=谢谢 3ku=谢谢 thx=谢谢 plz=请 pls=请 u1s1=有一说一 yyds=很好 xswl=很好笑 dbq=对不起 tql=太厉害了 gkd=快点
zfb=支付宝 vx=微信 wx=微信
"""
_FOLLOWED: Mapping[str, str] = {
    "咋": "[舌呼唬]",
    "酱紫": "色",
    "俺": "娘",
    "好滴": "滴",
    "点解": "[释决放开除密冻锁绑散说答]",
    "而家": "[里人庭长具电务]",
}
"""What makes another word of it: 咋舌, 酱紫色, 有点解释不清."""
_PRECEDED: Mapping[str, str] = {
    "木有": "[树草花积红实原檀乌松柚榆灌乔]",
    "质素": "[物]",
    "介个": "[中简]",
    "而家": "[然因从反进]",
    "登出": "[刊]",
}
"""The same before it: 积木有货吗, 中介个人."""


def _pairs(listed: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in listed.split())


def _guarded(wording: str) -> str:
    before = f"(?<!{_PRECEDED[wording]})" if wording in _PRECEDED else ""
    after = f"(?!{_FOLLOWED[wording]})" if wording in _FOLLOWED else ""
    # 8错 is none in 18错
    return ("(?<![0-9a-z.])" if wording[0].isascii() else before) + re.escape(wording) + after


_MEANS = _pairs(_STANDARD) | _pairs(_LATIN)
_HAN = sorted(_pairs(_STANDARD), key=lambda wording: (-len(wording), wording))
_NET = sorted(_pairs(_LATIN), key=lambda wording: (-len(wording), wording))
# the first character alone rules out most places
SPELLING = re.compile(
    rf"(?=[{''.join(sorted({wording[0] for wording in _HAN}))}])(?:{'|'.join(map(_guarded, _HAN))})"
    rf"|(?<![0-9a-z_.@/:=&?#-])(?:{'|'.join(_NET)})(?![0-9a-z_.@/:=&?#-])"
)


STARTS = frozenset(wording[0] for wording in _MEANS)
"""The first characters of all spellings: a text without one of them has none."""


def standard(match: re.Match[str]) -> str:
    """What a match of `SPELLING` is in the standard language."""
    return _MEANS[match[0]]


LONG_DRAWN = re.compile(r"([啊吧吗呢呀哦噢哈嘿嗯喂哇呜唉诶哎嘻呵哼好快急求对行是滚晕烦])\1{2,}")
"""What is said again and again for its force: 好好好好, 哈哈哈哈. 下下下周 is another week than 下下周."""


def shortened(match: re.Match[str]) -> str:
    """Twice is how it is said."""
    return match[1] * 2
