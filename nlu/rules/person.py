"""Names of people, where the words around say that one stands there: 我叫王小明, 收件人：欧阳娜娜, 找张经理.

Half of the surnames are everyday words (高兴, 常常, 方便), so a name is believed behind words that announce one, or
with a title; a name that nothing announces is left to learning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlu.rules.found import HIDDEN, HIDDEN_PHONE, Found

_SURNAMES = (
    "覃仝冼逄乜逯禤揭庹郗亓呙镡濮王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧肖冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任"
    "陆廖姚方金邱丘夏谭韦贾邹石熊孟秦阎闫薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚汤陶黎温莫易樊乔文安殷颜庄章鲁倪"
    "庞邢俞翟蓝聂齐向申葛岳柴欧耿关兰焦左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆路游辛靳管柏鲍华喻祁蒲房滕"
    "屈饶解牟艾尤时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柯宗瞿全佟应臧闵苟邬边卞姬师仇栾隋商刁沙荣巫寇桑"
    "郎甄丛仲虞敖巩明佘池查麻苑迟邝"
)
_COMPOUND = (
    "亓官|欧阳|上官|皇甫|司徒|司马|诸葛|慕容|夏侯|尉迟|公孙|东方|令狐|长孙|宇文|轩辕|南宫|端木|独孤|百里|呼延|"
    "东郭|西门|申屠|太史|澹台"
)
_HAN = r"[\u4e00-\u9fff]"
_NAME = rf"(?:(?:{_COMPOUND}){_HAN}{{1,2}}|[{_SURNAMES}]{_HAN}{{1,2}})"
_WORDS_TOO = "和向时都从连全应单成明古简项关管安常方高文路游解查师白万党车边包华"
"""Surnames that before a title are mostly no names: 和经理说, 向老师请教, 何经理 of 任何经理, 对方经理."""
_TITLED = "".join(char for char in _SURNAMES if char not in _WORDS_TOO)
_TITLE = (
    r"(?:总经理|副总|总监|经理|先生|女士|小姐|老师|师傅|主任|医生|大夫|教授|律师|老板|店长|主管|科长|处长|局长|部长|院长|校长|警官"
    r"|会计|工程师|护士|教练|顾问|行长|馆长|站长|队长|组长|班长|董事长|书记|博士|导游|技师|设计师|发型师|摄影师|同学|阿姨|叔叔|大哥|大姐|总(?![共是数部额计结店价之有归会部裁])|工(?![作资厂程具艺商行人地业])|哥(?!哥)|姐(?!姐|妹))"
)

# --- words that announce a name -------------------------------------------------------------------------------

_SAID = r"(?:是|叫|为|写成|写|改成|改为|换成|[: ])"
_LABELS = (
    r"(?:(?:姓名|名字|户主|收款人|乘机人|下单人|付款人|参会人|住客|旅客|收件人|收货人|联系人|寄件人|发件人|户名|开户人|持卡人|投保人"
    r"|乘车人|入住人|预订人|预定人|预约人|购票人|机主)(?:姓名|名字|信息)?"
    # 姓名和电话 is no name: without a word between, a surname must be nothing else
    rf"(?:{_SAID}+|(?![{_WORDS_TOO}]))"
    r"|(?:开户名|被保人|乘客|申请人|客户|会员名|法人|负责人|抬头)(?:姓名|名字)?(?:是|叫|为|[: ])+)"
)
_CALLED = (
    r"(?:我叫|我的名字叫|名叫|叫做|名字叫|本人叫?|他叫|她叫|(?:爱人|老婆|老公|妈妈?|爸爸?|朋友"
    r"|孩子|儿子|女儿|同事|先生|太太|哥哥|姐姐|弟弟|妹妹),?(?:名字)?叫|我姓名)(?:做)?"
)
_I_AM = r"(?:我是|我就是|这里是|这边是|你好,?我是)"
_WANTED = r"(?:找一下|找|联系|转给?|帮我转|呼叫|咨询|通知|交给|寄给|发给|送给|转账给|转给|打款给|汇给|快递给)"
_BOUNDARY = rf"(?=$|[ ,.;:!?。、()~{HIDDEN}{HIDDEN_PHONE}\d])"
_SOFT = (
    rf"(?=$"
    rf"|[ ,.;:!?。、()~{HIDDEN}{HIDDEN_PHONE}\d的和跟与及我你他她想要请在今昨明前住从订买下投查是来姓收呢吧啊呀]"
    r"|电话|手机|身份证|地址|先生|女士|小姐|收|号码|就行|即可)"
)
_STRONG = re.compile(rf"(?:{_LABELS}|{_CALLED})(?P<name>{_NAME}){_SOFT}")
_OF_MINORITY = re.compile(
    rf"(?:{_LABELS}|{_CALLED})(?P<name>(?:(?![的馆店房]){_HAN}){{1,8}}(?:·(?:"
    rf"(?![的馆店房]){_HAN}){{1,8}})+){_SOFT}"
)
_LATIN = re.compile(rf"(?:{_LABELS}|{_CALLED}) ?(?P<name>[a-z]{{2,15}}(?: [a-z]{{2,15}}){{0,2}})(?![a-z\d])")
_BY_SELF = re.compile(rf"(?<![得为认知]){_I_AM}(?P<name>(?![{_WORDS_TOO}]{_HAN}{_BOUNDARY}){_NAME}){_BOUNDARY}")
_SOUGHT = re.compile(
    rf"{_WANTED}(?P<name>{_NAME})(?=$|[ ,.;:!?。吧吗]|接电话|听电话|聊|谈|处理|解决|回电|回复|就行|即可|那里|那边|负责)"
)
_GIVEN = re.compile(rf"给(?P<name>(?![{_WORDS_TOO}]){_NAME})(?=转|汇|打款|打钱|寄|留言|回电|打电话)")
_PAID_TO = re.compile(
    rf"(?:[转汇打付退还]|支付|打款)[^,.;!?。给]{{0,3}}[\d零一二两三四五六七八九十百千万][\d.百千万元块钱]*给(?P<name>{_NAME}){_BOUNDARY}"
)
_RECEIVES = re.compile(rf"(?:^|[ ,.;:。{HIDDEN}])(?P<name>{_NAME})(?=收(?:$|[ ,.;。{HIDDEN}{HIDDEN_PHONE}]))")
_BEFORE_PHONE = re.compile(rf"(?:^|[ ,.;。]|(?<={HIDDEN}))(?P<name>{_NAME})(?<!收)(?=[ ,;]?{HIDDEN_PHONE})")
_BEHIND_PHONE = re.compile(rf"(?<={HIDDEN_PHONE})[ ,;]?(?P<name>{_NAME})(?<!收)(?=$|[ ,.;。{HIDDEN}])")
"""The way a parcel is addressed: 王小明 13800138000."""
_AND_ANOTHER = re.compile(rf"(?:{_LABELS}){_NAME}(?:和|跟|与|及|以及)(?P<name>{_NAME}){_SOFT}")
_BY_NAME_OF = re.compile(
    rf"(?:用|以|拿|是)(?P<name>{_NAME})(?=的(?:名义|名字|身份证|账号|手机号?|会员卡?|卡|户头)[^,]{{0,4}})"
)
_AFTER_TALK_OF_NAMES = re.compile(
    rf"(?:姓名|名字|收件人|收货人|联系人|乘客|抬头)[^。!?]{{0,16}}?(?:是|成|为|叫)(?P<name>{_NAME}){_BOUNDARY}"
)
_WITH_TITLE = re.compile(
    rf"(?P<name>(?:(?:{_COMPOUND})|(?<![\u4e00-\u9fff])[小老]?[{_TITLED}]|(?<![任如为])(?!(?<=[由对关等至鉴基属处终位归便])于)[{_TITLED}]){_TITLE})"
)
_RARE_WITH_TITLE = re.compile(
    rf"(?:^|[ ,.;:!?。]|找|我是|叫|请|给|联系)(?P<name>[简项关管安常高方文游白万党车边包华明成单查解]{_TITLE})"
)
"""Surnames that are words, too: only where nothing but a name begins."""
_FAMILIAR = re.compile(
    rf"(?:找|我是|叫|联系|转给?)(?P<name>[小老阿][王李张刘陈杨黄赵周吴徐孙朱胡郭林何郑罗宋谢唐韩冯曾彭潘袁董余苏叶吕魏蒋田杜丁沈姜范傅钟卢汪崔]){_BOUNDARY}"
)
_FULL_WITH_TITLE = re.compile(
    rf"(?:^|[ ,.;:!?。]|{_WANTED}|{_I_AM}|请|叫|让|和|跟|问|是|向)(?P<name>{_NAME})(?=先生|女士|小姐"
    rf"|老师|师傅|经理|医生|主任|律师|教授)"
)
_SURNAME = re.compile(
    rf"(?:我|免贵|客户|本人|他|她)姓(?P<name>{_COMPOUND}|[{_SURNAMES}])(?=$|[ ,.;:!?。,你我的想]|叫|先生|女士)"
)

_NOT_BEFORE_TITLE = re.compile(r"[\u4e00-\u9fff]")
_MAY_STAND_BEFORE = re.compile(
    r"(?:找|联系|我是|叫|请|让|给|帮|替|见|和|跟|与|是|问|说|那个|这个|您好|你好|谢谢|感谢|麻烦|帮我|转|要|约|对|向|把|有|人|名|的|了|到|员|,|电话|在|由|归|和|去找|于|投诉|表扬|评价|想|"
    r"咨询|上次|刚才|昨天|今天|你们|我们|贵司|就)$"
)
_NO_NAMES = """
谢谢 谢谢你 谢谢您 谢谢了 毛重 包邮 金币 时尚 方才 那个 申通 申通快递 白领 黄牛 高手 高中 高中生 高级 单身
单位 常客 路人 房东 房主 房客 车主 车队 商家 商户 商人 党员
任何 万分 管理 管理员 安卓 华为 华人 金卡 金牌 文员 农民 农村 司机 游客 时候 应该 全部 全职 马上
方便 高兴 常常 查询 查件 查单 查货 查订单 解决 明天 明白 明年 温柔 温州 温州人 江苏 江苏人 江西
江西人 安徽 安徽人 宁波 宁波人 宁夏 广州 海南 成都 成都人 成人 成年人 成员 卫生 何时 何人 项目 连锁
白金 白金卡 白银 黑金 黄金 黄金会员 金融 程序员 程序 包裹 包年 包月 边远 安装 安装师傅 关于 关联
管家 师傅 师生 应届生 向导 文科 文科生 麻烦 米粉 米其林 毛病 余额 于是 水 费用 常州 常州人 万能
石家庄 石家庄人 秦皇岛 唐山 唐山人 马来西亚 武汉 武汉人 武警 江门 金华 金华人 吉林 吉林人 温馨 荣耀
童鞋 简单 简历 时间 任意 任务 段子 席位 农业 古代 商城 商店 康复 康师傅 史上 方案 方面 方式 古董
高铁 高速 高端 路过 解释 查看 查找 查一下 查快递 查物流 单子 单号 应用 连接 安全 安排 全新 全额
全家 成功 明显 明细 万元 万一 游戏 关闭 关注 管理者 白色 黄色 蓝色 金色 银色 金额 钱包 钱款 车子
车票 房间 房子 房产 项链 边上 华南 华北 华东 党 商品 何必 贺卡 严重 祝福 童装 时效 毕业 毕业生
许可 许多 温度 孔子 牛奶 牛仔 马桶 龙头 石头 田园 雷达 江湖 洪水 汤圆 甘肃 甘肃人 宁静 顾客 顾问
金主 文艺 易碎 易碎品 施工 施工队 习惯 公司 古早 连夜 师父 老人 白条 柳州 江南 梅州 项 韩国 韩国人
卢旺达 黎明 莫名 任性 章程 陆续 路上 方向 何况 关系 关键 支付 解绑 解冻 解除 查账 查余额 尚未 尚可
景区 景点 车站 车位 麦当劳 肯德基 明星 钟点工 司机师傅 连续 幸运 万达 万科
"""
_ORDINARY = frozenset(_NO_NAMES.split())
_TITLES_THAT_ARE_WORDS = frozenset(("马总", "毛总", "老总", "江总"))
_SIGNS = re.compile("[叫是名人姓找联转给先女小老师总经医主工哥姐同阿大教律店科处局部院警会护叔副寄发送通交咨呼]")


_PATTERNS = (
    _STRONG,
    _OF_MINORITY,
    _BY_SELF,
    _SOUGHT,
    _GIVEN,
    _PAID_TO,
    _RECEIVES,
    _FULL_WITH_TITLE,
    _AND_ANOTHER,
    _BY_NAME_OF,
    _RARE_WITH_TITLE,
    _FAMILIAR,
    _AFTER_TALK_OF_NAMES,
)


_SAYS_SO = re.compile("我叫$|名字[叫是:]+$|姓名[是:]+$")
_ENDS = re.compile("$|[,。!]")
"""Who says 我叫高兴 and no more is called so."""


def persons(text: str) -> Iterator[Found]:
    """Value: the name as written; 张经理 where only surname and title are known, 王 behind 我姓."""
    if not _SIGNS.search(text) and HIDDEN_PHONE not in text:
        return
    for pattern in _PATTERNS if HIDDEN_PHONE not in text else (*_PATTERNS, _BEFORE_PHONE, _BEHIND_PHONE):
        for match in pattern.finditer(text):
            if _says_so(match) or (match["name"] not in _ORDINARY and match["name"][:2] not in _ORDINARY):
                yield _found(match)
    for match in _LATIN.finditer(text):
        yield _found(match)
    for match in _SURNAME.finditer(text):
        yield _found(match)
    for match in _WITH_TITLE.finditer(text):
        before = text[: match.start()]
        fits = not _NOT_BEFORE_TITLE.match(before[-1:]) or _MAY_STAND_BEFORE.search(before)
        if fits and match["name"] not in _TITLES_THAT_ARE_WORDS:
            yield _found(match)


def _says_so(match: re.Match[str]) -> bool:
    text, (start, end) = match.string, match.span("name")
    return end - start == 2 and bool(_SAYS_SO.search(text, 0, start) and _ENDS.match(text, end))


def _found(match: re.Match[str]) -> Found:
    return Found("person", *match.span("name"), match["name"])
