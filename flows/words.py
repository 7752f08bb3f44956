"""The words that mean the same to every bot: cancelling, confirming, repeating, asking for a human.

Whole utterances are matched, after `plain`: a sentence that merely contains such a word means something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from adapters.message import Button

AGREES_CHARACTERS = 16
"""Nobody says yes or no in more."""
_EDGES = " \t\r\n，。！？!?,.~～…、；;：:\"'“”‘’"
_CLAUSE = re.compile(r"[\s，。！？!?,;；…~～]+|(?:然后|另外|顺便|还有|再就是)")
_MORE = re.compile(r"(?:[\s，。！？!?,;；…~～、]|然后|另外|顺便|还有|以及|对了|再就是)+$")
_TAIL = r"(?:[,，]?(?:吧|啊|呀|哦|噢|啦|哈|呢|了|的|嘛|谢谢你?|多谢|辛苦了))*+"
# possessive quantifiers: 「嗯嗯嗯嗯…」 would else be tried in every way that it can be cut into words


def plain(text: str) -> str:
    """Half width, lower case, without blanks and without punctuation at the ends."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower().strip(_EDGES)


def clauses(text: str) -> list[str]:
    return [part for part in _CLAUSE.split(unicodedata.normalize("NFKC", text)) if part and part.strip(_EDGES)]


def trimmed(text: str) -> str:
    """Without the signs around it, and without words at its end that announce something more."""
    found = _MORE.search(text)
    return text[: found.start() if found else None].lstrip(_EDGES)


_YES = (
    r"是的|是啊|是|对的|对呀|对啊|对头|对|好的|好呀|好吧|好|行的|行|可以的|可以|嗯嗯|嗯呢|嗯|恩恩|恩|ok|okay|yes|y|确认|確認|确定|確定|没错|沒錯"
    r"|没问题|沒問題|同意|要的|需要|要|当然|必须的|成|中|妥|就这样|就这个|提交|继续|办理|麻烦了|得嘞|可|對|没毛病"
)
_NO = (
    r"不是的|不是|不对|不對|不用了|不用|不要了|不要|不行|不可以|不确认|不确定|不了|不需要|不同意|不想|不继续|不提交|不办理|不|否|没有|没|no|n"
    r"|先不[\w]{0,3}|暂时不[\w]{0,2}|再?想想|再考虑(?:一下|下)?|考虑一下|别|还是不"
)
_AFFIRM = re.compile(rf"(?:(?:{_YES}){_TAIL}[,，。!！]*)++")
_DENY = re.compile(rf"(?:还是|那|嗯|呃|额|我)?(?:(?:{_NO}){_TAIL}[,，。!！]*)++")

_WAIT = re.compile(
    r"(?:你|您|先|再|请|麻烦)*(?:等等|等一?下下?|等会儿?|稍等(?:一?下|片刻)?|等一等|慢点|别急)(?:我|啊|哈|哦|呀|吧)*"
)
_YES_AND = re.compile(rf"(?:(?:{_YES})[,，]?(?:我|就|要|那|请|帮我|给我)*)+(?P<rest>.{{1,6}}?)(?:吧|啊|了|掉|呀|的)*")
_NO_AND = re.compile(
    r"(?:那|还是|我|先|算了|[,，])*(?:先不|不要|不想|不用|不|别)(?:再|用)?(?P<rest>.{1,6}?)(?:吧|啊|了|掉|呀)*"
)

_ACTS = r"(?:查|退|换|改|充|办|弄|搞|催|投诉|开|说|问|看|申请|退款|退货|换货|充值|开票)"
_STOP = (
    rf"算了|罢了|取消掉|取消这个|取消|不想?{_ACTS}(?:款|货|票|址|值|单)?了|别{_ACTS}(?:款|货|票)?了"
    r"|停止|停|退出|放弃|不弄了|当我没说"
)
_LEAD = r"(?:那就?|还是|先|哎|唉|嗯|好吧|额|呃|我|就)*+"
_CANCEL = re.compile(rf"{_LEAD}(?:(?:我?(?:还是|先)?(?:{_STOP})|我?不想?[要用买]了|不用了|不要了){_TAIL}[,，。!！]*)++")
_CANCEL_STRICT = re.compile(
    rf"{_LEAD}(?:(?:我?(?:还是|先)?(?:{_STOP})){_TAIL}[,，。!！]*)(?:(?:{_STOP}|不想?[要用]了){_TAIL})*+"
)

_REPEAT = re.compile(
    r"(?:请|麻烦)?(?:你)?(?:再|重新|重)(?:说|讲|发|重复|问)(?:一?遍|一下|一次|下)?|(?:请)?重复(?:一?遍|一下)?"
    r"|(?:我)?(?:刚才|刚刚)?没(?:听|看)(?:清楚|清|见|明白|懂)(?:.{0,2}再说一?遍)?|(?:你)?(?:刚才|刚刚)(?:说|问|讲)(?:的)?(?:是)?(?:什么|啥)"
    r"|你说(?:什么|啥)|(?:什么|啥|哈|啊)"
)
_RESTART = re.compile(r"/restart|重新开始|从头开始|从头来|从头再来|重来|重新来(?:过)?|重启")
_SKIP = re.compile(r"跳过|略过|下一(?:个|题|步)|先跳过|(?:这个)?(?:我)?不(?:想)?(?:说|填|回答|方便说)|不知道")

_NAMES_HUMAN = re.compile(r"人工|真人|活人|客服|机器人|转接|专员|经理|领导|主管|找人|人来|轉人工")
_HUMAN = r"(?:人工|真人|活人|人工客服|人工服务|客服人员|人工坐席|真人客服|客服小姐姐)"
_HANDOFF = re.compile(
    rf"(?:.{{0,4}}(?:转|轉|找|接|要|叫|换|联系|呼叫|来|给我).{{0,4}}{_HUMAN}.{{0,4}}|{_HUMAN}{_TAIL}"
    r"|转接?客服|轉人工.{0,3}|转人|.{0,3}(?:别|不要).{0,2}机器人.{0,4})"
)
_NOT_HANDOFF = re.compile(r"(?:不用|不要|别|不需要|不想|不必).{0,2}(?:转|找|人工)|几点|上班|时间|电话|收费")

_TAKES_BACK = re.compile(r"错了|錯了|不是(?:这|那)")
_SAID_WRONG = re.compile(r"(?:说|讲|写|填|打|报|输|输入|选)错|不是(?:这|那)")
_OFFERS = re.compile(r"[?？]|吗|需要|要不要|是否")
_LACKS = r"(?:我)?(?:也|都|现在)?(?:忘记?了?|想不起来|不记得了?|记不得了?|记不清了?|找不到了?|没有|不清楚|没存|丢了)"
_CHANGES = re.compile(r"(?:改|更正|换)一?下$|(?:要|想)改(?:一下)?$")
_NOT_THIS = re.compile(r"(?:不是|不要|别)(?:订单|单号|号码|号)*[：:\s]*$")
_FAULT = re.compile(r"不(?!客气|好意思|用谢|谢)|没(?!事|关系)|太(?!好|棒|谢|感谢)|有点|坏|差|破|假")
_REASON = re.compile(r"因为|由于|因為")
CORRECTION = re.compile(
    r"不对|不對|错了|錯了|说错|说反|搞错|弄错|写错|打错|填错|报错|发错号|改成|改为|改到|换成|应该是|應該是|不是(?:这|那)|更正|纠正|改一下|不是.{0,24}(?:，|,|是)|^不[，,\s]*是"
)
_RENAME = re.compile(
    r"(?:改成|改为|换成|应该是|错了[，,\s]*(?:应该)?是|不对[，,\s]*(?:应该)?是|说错了[，,\s]*(?:应该)?是)\s*(?P<value>.+)$"
)
_TAKEN_BACK_FIRST = re.compile(
    r"(?:啊|哎呀?|呃|额|嗯|哦)?[，,\s]*(?:不对|不对不对|不是|错了|(?:我)?(?:说|搞|弄|写|填|发|选)错了)[，,。！!\s]"
)
_RATHER = re.compile(r"^(?:等一?[下等]|哎|嗯|啊|那|不[，,]|算了)*[，,\s]*(?:我|就)*还是(?:要|就)?(?P<value>.{2,})$")
REFERENCE = re.compile(
    r"(?:那|这|上|前|刚才|刚刚|之前|刚)(?:那|这|一|的|面的?)?(?:个|笔|单|张|件)(?!人)|(?:^|把|给|对|查|退|看看|帮我)(?:它|他|她)|它|同一个|那个订单|这个订单|这单|那单|刚才的|上面(?:那|的)"
)
_THE_SAME = re.compile(r".{1,20}呢")
_ONLY_THE_SAME = re.compile(r"(?:那|这|上|前)*一?(?:个|件|单|张|笔)?(?:的|订单)*呢")
_DESCRIBES = re.compile(r"[买下拍付]的|最近|最新|刚刚?[买下拍]|的(?:那|这)[个件单笔]")
_BACK = re.compile(r"(?:上|前)(?:一|面)?(?:面的)?(?:个|笔|单|张|件)(?!月|星期|礼拜|周|人)")
_FOLLOWS = re.compile(r"^那(?!个|些|你|么|就?这样)|^(?:麻烦|帮我|请|再|快点?)*(?:催|加急)|^(?:怎么|咋)?还[没不]")
_ANOTHER = re.compile(r"另外?[一那]?|别的|其他|其它|(?:再|还)[要想得]?.{0,3}[一几两](?![下遍次会点边])|换一?个")
_WHAT_FOR = r"(?:干嘛|干吗|干什么|干啥|做什么|做啥|有什么用|有啥用|有用吗|什么用|啥用)"
_THIS = r"(?:这个|那个|这些|它|我的?)?(?:.{1,6}?)?"
_ASKS_WHY = re.compile(
    rf"(?:(?:请问|你们?|那)*(?:为什么|为啥|为何|干嘛|干吗|凭什么|怎么还)(?:一定|还|非|就|偏)?(?:得|需)?要?"
    rf"(?:我)?(?:问|提供|填|给|知道|说|写|告诉你们?|这个|这些|我的|这(?!么|样|样子))+{_THIS}(?:呢|啊|呀|吗)?"
    rf"|(?:你们?)?(?:要|问|填|提供|知道)(?:我的?|这个?|这些|那个)?(?:.{{0,6}}?)(?:是|来|用来)?{_WHAT_FOR}(?:呢|啊|呀|的)?"
    rf"|(?:这个?|那个|这些)(?:.{{0,6}}?)(?:是)?(?:干嘛|干吗|干什么|干啥|做什么|有什么用|有啥用)(?:用)?(?:的)?(?:呢|啊|呀)?"
    r"|(?:必须|一定|非)要?(?:提供|填|给|说|问)(?:这个)?(?:.{0,6}?)(?:吗|不可吗)|不(?:提供|填|给|说)(?:这个)?(?:可以|行)(?:吗|不)|为什么(?:呢|啊|呀)?|为啥(?:呢|啊)?)"
)
_POLITE = re.compile(r"^(?:我)?(?:可以|能不能|能否|可不可以|能)(?:给我|帮我)?(?P<wish>.{4,})$")
_QUESTION = re.compile(
    r"[?？]|吗|呢$|么$|谁|什么|啥|怎么|怎样|咋|多少|几(?:点|天|块|号|个|时|元|次)|哪|如何|能不能|可不可以|能否|是否|有没有|会不会|要不要|为何|多久|多长"
)
_PLAIN_QUESTION = re.compile(r"[?？]$|[吗嘛么]$|^(?:请问|为什么|为啥|为何|什么时候|怎么还|多久)")
_REQUEST = re.compile(
    r"^(?:我|那|那我|我先|先|你)?(?:想|要|先|帮|请|给我|麻烦|查|能|可以|顺便|需要|申请|来|看看|看一下|催)"
)
_ORDINAL = re.compile(
    r"(?:我?就?(?:选择?|要|按|回复?)|就)?(?:第?(?P<n>\d{1,2}|十?[一二三四五六七八九]|十|两)|(?P<last>最[后末]一?(?=个|项|条|种|笔|单|那)))"
    r"(?:个|号|项|条|种|笔|单|那|这|吧|的|\.|、)*"
)
_DIGITS = {word: i for i, word in enumerate("零一二三四五六七八九十")} | {"两": 2}


def affirms(text: str) -> bool:
    return _AFFIRM.fullmatch(plain(text)) is not None


def denies(text: str) -> bool:
    return _DENY.fullmatch(plain(text)) is not None


def cancels(text: str, strict: bool = False) -> bool:
    """`strict`: where a free answer is waited for, 不想要了 may be that answer."""
    return (_CANCEL_STRICT if strict else _CANCEL).fullmatch(plain(text)) is not None


def repeats(text: str) -> bool:
    # a lone 什么 is a request to repeat only as a question
    said = plain(text)
    if said in ("什么", "啥", "哈", "啊"):
        return text.rstrip().endswith(("?", "？"))
    return _REPEAT.fullmatch(said) is not None


def restarts(text: str) -> bool:
    return _RESTART.fullmatch(plain(text)) is not None


def waits(text: str) -> bool:
    """「等一下」: no answer yet, and no no."""
    return _WAIT.fullmatch(plain(text)) is not None


def agrees_to(text: str, prompt: str) -> bool | None:
    """A yes or no in the words of the `prompt`: 「是的取消吧」 or 「不取消了」 to 「确认取消订单吗？」."""
    said, asked = plain(text), plain(prompt)
    if len(said) > AGREES_CHARACTERS or is_question(text):
        return None
    # 「手滑了，不取消」: a no may stand beside something else, a yes must stand alone
    if any((match := _NO_AND.fullmatch(part)) and match["rest"] in asked for part in (said, *clauses(said))):
        return False
    match = _YES_AND.fullmatch(said)
    return True if match and match["rest"] in asked else None


def asks_why(text: str, label: str = "") -> bool:
    """「为什么要这个」, 「要我手机号干嘛」: what a question is asked for, which asks for what is labelled so."""
    said = plain(text)
    named = label and re.fullmatch(
        rf"(?:你们?)?(?:为什么|为啥|为何|干嘛)(?:一定|还)?要(?:我的?)?{re.escape(label)}.?", said
    )
    return bool(named) or _ASKS_WHY.fullmatch(said) is not None


def other(text: str) -> bool:
    """「别的」, 「再退一个」: not what was spoken of."""
    return _ANOTHER.search(plain(text)) is not None


def offers(prompt: str) -> bool:
    """Whether what the bot said can be answered by yes: 「需要的话，可以帮您…」, 「要不要…？」."""
    return _OFFERS.search(prompt) is not None


def skips(text: str) -> bool:
    return _SKIP.fullmatch(plain(text)) is not None


def wants_human(text: str) -> bool:
    said = plain(text)
    return _HANDOFF.fullmatch(said) is not None and _NOT_HANDOFF.search(said) is None


def names_human(text: str) -> bool:
    return _NAMES_HUMAN.search(text) is not None


def is_question(text: str) -> bool:
    return _QUESTION.search(text.strip()) is not None


def is_plain_question(text: str) -> bool:
    """A question by its form alone. `is_question` also holds for 「没什么原因」, which may well be an answer."""
    return _PLAIN_QUESTION.search(text.strip(" 。!！~")) is not None


def is_request(text: str) -> bool:
    return _REQUEST.search(plain(text)) is not None


def is_correction(text: str) -> bool:
    return CORRECTION.search(text) is not None


def refers(text: str) -> bool:
    return REFERENCE.search(plain(text)) is not None


def describes(text: str) -> bool:
    """「最近买的」: words that people describe a thing by."""
    return _DESCRIBES.search(text) is not None


def asks_the_same(text: str) -> bool:
    """「那羽绒服呢？」: the same as was asked last, of another thing."""
    return _THE_SAME.fullmatch(plain(text)) is not None


def asks_nothing_else(text: str, named: Iterable[str]) -> bool:
    """Whether besides what is `named` (羽绒服) only 「那…呢」 is left: an intent can be but guessed from that."""
    rest = plain(text)
    for name in named:
        rest = rest.replace(plain(name), "")
    return _ONLY_THE_SAME.fullmatch(rest) is not None


def refers_back(text: str) -> bool:
    """To the one before the last: 「上一个」."""
    return _BACK.search(plain(text)) is not None


def follows_on(text: str) -> bool:
    """「什么时候能到啊」, 「那我要退货」: about what was just spoken of, without a word for it."""
    said = plain(text)
    return (is_question(text) or _FOLLOWS.search(said) is not None) and _ANOTHER.search(said) is None


def takes_back(text: str, strict: bool = False) -> bool:
    """「我说错了」: what was said last does not hold, and nothing stands in its place yet. `strict`: where free words
    are waited for, 买错了 and 尺码错了 are just that."""
    return (_SAID_WRONG if strict else _TAKES_BACK).search(text) is not None


def lacks(text: str, label: str) -> bool:
    """「我忘了订单号了」: what is labelled so cannot be given."""
    names = "|".join(re.escape(each) for each in (label, label.removesuffix("号"), label[-2:]) if each)
    said = re.fullmatch(rf"(?:{_LACKS}.{{0,4}}?(?:{names})?|(?:{names}).{{0,3}}?{_LACKS}){_TAIL}", plain(text))
    return said is not None and bool(names)


def changes(text: str) -> bool:
    """「内容改一下」: something is to be changed, and not yet to what."""
    return _CHANGES.search(text) is not None


def meant(text: str, spans: Sequence[tuple[int, int]]) -> int:
    """Which of several things in a text is meant, by its index: the last in 「DD1，不对，DD2」 and 「不是DD1，是DD2」,
    the first in 「DD2，不是DD1」, and where nothing is corrected."""
    if not is_correction(text):
        return 0
    left = [i for i, (start, _) in enumerate(spans) if not _NOT_THIS.search(text[:start])]
    return left[-1] if left else len(spans) - 1


def compact(text: str) -> str:
    """Half width and without blanks, else as it was written."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).strip(_EDGES)


def is_code(text: str) -> bool:
    """Letters and digits in one word, some of them digits: 「DD123」, 「dd2026 0101 001」."""
    return re.fullmatch(r"[a-z\d_-]*\d[a-z\d_-]*", plain(text)) is not None


def finds_fault(text: str) -> bool:
    """「不好用」: no greeting and no thanks, however much it looks like one."""
    return _FAULT.match(plain(text)) is not None


def gives_reason(text: str) -> bool:
    return _REASON.search(text) is not None


def begins_with_a_correction(text: str) -> bool:
    """「不对，…」: whatever follows, it is no plain answer."""
    return _TAKEN_BACK_FIRST.match(text.strip()) is not None


def renamed(text: str, name: str = "") -> str:
    """What something (called `name`) is changed to: 「发错货了」 by 「改成发错货了」 or 「原因是发错货了」."""
    said = text.strip()
    match = _RENAME.search(said)
    if match is None and name:
        match = re.search(rf"{re.escape(name)}(?:应该)?(?:是(?!不)|为(?!什|啥|何)|写成)\s*(?P<value>.+)$", said)
    return match["value"].strip(_EDGES) if match else ""


def rather(text: str) -> str:
    """What is wanted after all: 「还是换黑色的」 -> 「换黑色的」."""
    match = _RATHER.search(plain(text))
    return match["value"] if match else ""


def called(text: str, label: str) -> str:
    """The word by which `text` speaks of what is labelled `label`: 「抬头」 or 「发票抬头」; '' where it does not."""
    return next((name for name in (label, label.removesuffix("号"), label[-2:]) if name and name in text), "")


def wishes(text: str) -> str:
    """「能换成大一号的吗」: a wish in the form of a question."""
    match = _POLITE.search(plain(text))
    return match["wish"] if match else ""


def is_noise(text: str) -> bool:
    """Nothing in it that could be an answer: only signs, or a hand that fell on the keyboard."""
    said = plain(text)
    if not re.search(r"\w", said):
        return True
    letters = re.fullmatch(r"[a-z]{5,}", said)
    return letters is not None and sum(letter in "aeiou" for letter in said) < 0.25 * len(said)


def pick(text: str, options: Sequence[Button]) -> Button | None:
    """The option that its own words, 「2」, 「第二个」, 「最后一个」, or a part of its words mean: in this order, since
    an option may itself be a number."""
    said = plain(text)
    if not said or not options:
        return None
    titled = next((each for each in options if said == plain(each.title)), None)
    if titled is not None:
        return titled
    match = _ORDINAL.fullmatch(said.strip("()[]【】"))
    if match:
        number = len(options) if match["last"] else _number(match["n"])
        return options[number - 1] if 1 <= number <= len(options) else None
    same = [each for each in options if said == plain(each.payload)]
    part = [each for each in options if len(said) > 1 and said in plain(each.title)]
    return same[0] if same else part[0] if len(part) == 1 else None


def _number(text: str) -> int:
    """「12」, 「十二」, 「两」 -> 12, 12, 2."""
    if text.isdigit():
        return int(text)
    return sum(_DIGITS[digit] for digit in text)
