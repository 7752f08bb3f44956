"""What little pictures say: emoji, kaomoji, and the names that WeChat and DingTalk send for their own ([微笑], [OK]).

Faces out of characters and names become the one emoji of the same mood, so that their letters are not read as words.
Where a text is nothing but pictures, they are its words: 👍 is 好, 🙏 谢谢. Beside words they stay what they are: a
face colours what is said, and says nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

_SAYS: Mapping[str, str] = {
    "👍👌🆗✅☑✔🙆💯👏💪🤝": "好",
    "👎❌✖🙅⛔": "不行",
    "🙏": "谢谢",
    "🙇": "对不起",
    "👋": "你好",
    "😊🙂☺😀😁😃😄😆😋🥰😍🤗🥳🎉": "开心",
    "😂🤣": "哈哈",
    "❤💕💖💗🧡💛💚💙💜🌹💐😘😚": "喜欢",
    "😡😠🤬💢👿😤": "生气",
    "😭😢😿☹🙁😞😔😩😫🥺💔": "难过",
    "😅😓😥😰": "尴尬",
    "😱😨😳": "吓到了",
    "🤔❓❔": "不明白",
    "😒🙄😑😐": "无语",
}
_NAMED: Mapping[str, str] = {
    "👍": "强 赞 点赞 牛 厉害 good",
    "👌": "ok 好的 okk",
    "👎": "弱 差 踩 no",
    "🙏": "合十 抱拳 谢谢 感谢 拜托 拜谢 祈祷",
    "👋": "再见 拜拜 hi 招手",
    "🤝": "握手 击掌 合作",
    "👏": "鼓掌 掌声",
    "🙂": "微笑 愉快 憨笑 呲牙 得意 调皮 可爱 偷笑 嘿哈 奸笑 机智 耶 旺柴 笑脸 开心 加油 色 害羞 悠闲",
    "😂": "捂脸 破涕为笑 笑哭 大笑 哈哈",
    "❤": "爱心 心 玫瑰 爱你 么么 亲亲 鲜花 比心 拥抱 抱抱",
    "😡": "发怒 怒 愤怒 生气 咒骂 抓狂 怒骂 菜刀 打脸 敲打 炸弹 狂怒 鄙视 左哼哼 右哼哼 哼",
    "😭": "流泪 大哭 哭 快哭了 委屈 难过 伤心 可怜 心碎 裂开 苦涩 叹气 凋谢 泪奔",
    "😅": "尴尬 汗 流汗 冷汗 擦汗 囧 衰",
    "😱": "惊恐 惊讶 吓 震惊",
    "🤔": "疑问 思考 疑惑 让我看看 问号",
    "🙄": "白眼 无语 翻白眼 撇嘴 傲慢 困 发呆 闭嘴 吐 嘘 晕 社会社会 吃瓜 天啊 皱眉",
}
_DRAWN: Mapping[str, str] = {
    "😡": "(╯°□°)╯ (╯‵□′)╯ (ノ°益°)ノ (ノಠ益ಠ)ノ (#`皿´) (`皿´) (╬￣皿￣) (▼皿▼#) 凸(艹皿艹) (ー`´ー) (`へ´) (╬◣д◢)",
    "😭": "T_T T^T TAT QAQ Q_Q ┭┮﹏┭┮ (╥﹏╥) (ಥ_ಥ) (ಥ﹏ಥ) (T_T) (;_;) (>_<) (>﹏<) (つД`) (´;ω;`) (。•́︿•̀。) (｡•́︿•̀｡)",
    "🙂": "^_^ ^-^ ^o^ (^_^) (^o^) (^_^)v (^▽^) (≧▽≦) (*^▽^*) (●'◡'●) (◕‿◕) (｡◕‿◕｡) (๑>◡<๑) (*￣︶￣) (´▽`) :-)",
    "🙏": "_(:з」∠)_",
    "🙄": r"-_-||| -_-|| -_-# -_-b (-_-) (￣_￣|||) (¬_¬) (→_→) →_→ ←_← ╮(╯▽╰)╭ ╮(╯_╰)╭ ¯\_(ツ)_/¯ =_= -_-",
    "😱": "(⊙o⊙) (⊙_⊙) Σ(っ°Д°;)っ (O_O) o_O O_o (゜ロ゜) (°ー°〃)",
    "❤": "(づ￣3￣)づ (*￣3￣)╭ (っ˘з(˘⌣˘)",
}
_TABLE = "(?:[(彡⌒ ]*┻━+┻)?"
"""What is thrown over, (╯°□°)╯︵ ┻━┻, of which the folded text has a bracket instead of the arc."""
_SKIN = "[\ufe0f\U0001f3fb-\U0001f3ff]*"


def _longest_first(found: Iterable[str]) -> list[str]:
    return sorted(found, key=lambda one: (-len(one), one))


@cache
def face(fold: Callable[[str], str]) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """A pattern for faces and names as `fold` leaves them, and the emoji for what its group `face` or `name` holds."""
    drawn = {"".join(map(fold, one)): emoji for emoji, listed in _DRAWN.items() for one in listed.split()}
    named = {name: emoji for emoji, listed in _NAMED.items() for name in listed.split()}
    parts = "|".join(_edged(one) for one in _longest_first(drawn))
    names = "|".join(map(re.escape, _longest_first(named)))
    return re.compile(rf"(?P<face>{parts}){_TABLE}|\[(?P<name>{names})\]"), drawn | named


def _edged(drawn: str) -> str:
    """A face that begins or ends with a letter or a stroke is none inside a word or a code."""
    before = "(?<![0-9a-z_])" if drawn[0].isascii() and drawn[0] not in "([" else ""
    after = "(?![0-9a-z_])" if drawn[-1].isascii() and drawn[-1] not in ")]" else ""
    return before + re.escape(drawn) + after


_WORDS = {emoji: said for listed, said in _SAYS.items() for emoji in listed}
EMOJI = re.compile(rf"(?<!\u200d)(?P<emoji>[{''.join(_WORDS)}]){_SKIN}(?:(?P=emoji){_SKIN})*(?!\u200d)")


def says(match: re.Match[str]) -> str:
    """The words for what `EMOJI` matched."""
    return _WORDS[match["emoji"]]
