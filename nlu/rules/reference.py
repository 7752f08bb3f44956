"""What points at something told before: 第二个, 最后一个, 倒数第二个, 上一个, 下一个, 刚才那个, 上面说的那个."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlu.rules.found import Found
from nlu.rules.numerals import NUMERAL, read_int

_ITEM = (
    r"(?:个(?!月|小时|钟头|星期|礼拜|工作日|季度|周|半)|条|款|种|件|家|项|张|笔|份|只(?![要有是能好会])|位|台|部(?!分|门)|本(?!来|身)"
    r"|套|双|单(?![独元])|辆|把|间|支|瓶|盒|箱|包(?!裹)|袋|行(?![李程业])|首|页|集|篇|样|道|块|批|排|套餐|选项|方案|订单|包裹|商品|快递|场(?!地)|趟|班(?!级))"
)
_ONE_ITEM = rf"(?:一?{_ITEM})"
_RANKED = re.compile(rf"(?P<back>倒数)第(?P<rank_back>{NUMERAL})(?:{_ITEM})?|第(?P<rank>{NUMERAL}){_ITEM}")
_LAST = re.compile(rf"最(?:后|末)(?:面|边)?(?:的?那|这|的)?{_ONE_ITEM}(?![天次步遍])")
_STEP = re.compile(
    rf"(?P<way>上|前|下|后)(?:一(?:{_ITEM}|[步题])|(?<=[上下])[个条款页首集](?![月周季星礼]|小时|钟头|工作日|学期|世纪|年|阶段|版本|赛季|部|[一二三四五六日天]))"
)
_SAME = re.compile(
    rf"(?:刚才|刚刚|刚|上面|前面|之前|上述|先前|方才|上边|前边)(?:我|你|你们|咱们?)?(?:所?(?:说|提|讲|问|发|看|选|推荐|介绍)(?:过|到|及|给我)?的?|的)?"
    rf"(?:那|这)(?:一?{_ITEM})|同一{_ITEM}|(?:还是|就是?|就要)那{_ITEM}"
)
_BEFORE_STEP = re.compile(
    r"(?:[以马早晚路网身线楼地床车手]|差不多|世界|桌|班|考|往|向|关|穿|戴|盖|加|装|遇|碰|赶|贴|换|买|送|配|带)$"
)
_WAYS = {"上": -1, "前": -1, "下": 1, "后": 1}


def references(text: str) -> Iterator[Found]:
    """Value: {"index"} from 1, from the end -1, -2…; {"step": -1 or 1}; {"same": true}."""
    if not any(char in text for char in "第最上前下后刚之先方同那"):
        return
    for match in _RANKED.finditer(text):
        rank = read_int(match["rank_back"] or match["rank"])
        if rank is not None and rank > 0:
            yield Found("reference", *match.span(), {"index": -rank if match["back"] else rank})
    for match in _LAST.finditer(text):
        yield Found("reference", *match.span(), {"index": -1})
    for match in _STEP.finditer(text):
        if not _BEFORE_STEP.search(text, 0, match.start()):
            yield Found("reference", *match.span(), {"step": _WAYS[match["way"]]})
    for match in _SAME.finditer(text):
        yield Found("reference", *match.span(), {"same": True})
