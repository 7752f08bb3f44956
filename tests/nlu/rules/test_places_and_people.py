"""Addresses and names of people, and the many words that only look like them."""

from __future__ import annotations

from datetime import datetime

import pytest

from adapters.message import Json
from nlu.normalize import normalize
from nlu.rules import extract
from nlu.rules.divisions import names, short

NOW = datetime(2026, 11, 18, 10, 0)


def values(kind: str, text: str) -> list[tuple[str, Json]]:
    return [(one.text, one.value) for one in extract(normalize(text), NOW) if one.type == kind]


ADDRESSES: list[tuple[str, Json]] = [
    ("广东深圳南山区科技园路1号",
     {"province": "广东省", "city": "深圳市", "district": "南山区", "detail": "科技园路1号"}),
    ("朝阳区望京街10号", {"district": "朝阳区", "detail": "望京街10号"}),
    ("北京", {"province": "北京市"}),
    ("深圳", {"province": "广东省", "city": "深圳市"}),
    ("海淀区中关村大街27号", {"province": "北京市", "district": "海淀区", "detail": "中关村大街27号"}),
    ("浙江省杭州市西湖区文三路 123号",
     {"province": "浙江省", "city": "杭州市", "district": "西湖区", "detail": "文三路123号"}),
    ("四川成都武侯区天府大道1号3栋502室",
     {"province": "四川省", "city": "成都市", "district": "武侯区", "detail": "天府大道1号3栋502室"}),
    ("内蒙古呼和浩特", {"province": "内蒙古自治区", "city": "呼和浩特市"}),
    ("广西壮族自治区桂林市", {"province": "广西壮族自治区", "city": "桂林市"}),
    ("河北省石家庄市长安区", {"province": "河北省", "city": "石家庄市", "district": "长安区"}),
    ("上海浦东新区", {"province": "上海市", "district": "浦东新区"}),
    ("重庆渝北区", {"province": "重庆市", "district": "渝北区"}),
    ("上海浦东张江高科技园区", {"province": "上海市", "district": "浦东新区", "detail": "张江高科技园区"}),
    ("台湾台北", {"province": "台湾省", "city": "台北市"}),
    ("广东东莞", {"province": "广东省", "city": "东莞市"}),
    ("湖北仙桃", {"province": "湖北省", "city": "仙桃市"}),
    ("香港", {"province": "香港特别行政区"}),
    ("江蘇省蘇州市", {"province": "江苏省", "city": "苏州市"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), ADDRESSES)
def test_an_address_is_split_into_official_names_and_detail(text: str, value: Json) -> None:
    assert values("address", text) == [(text, value)]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("我在上海，能送吗", "上海"),
        ("帮我寄到杭州市余杭区文一西路969号，谢谢", "杭州市余杭区文一西路969号"),
        ("从北京到上海的快递要几天", "北京"),
        ("我住在文三路123号", "文三路123号"),
        ("改成湖南长沙岳麓区麓山南路932号可以吗", "湖南长沙岳麓区麓山南路932号"),
    ],
)
def test_a_sentence_holds_an_address(sentence: str, words: str) -> None:
    assert words in [found for found, _ in values("address", sentence)]


NO_ADDRESSES = """
北京大学在哪 北京烤鸭 上海路 南京东路步行街 已经开封了 节假日照常 泰山南门 大理石 来宾 白银手镯 和平精英
长安汽车 四川菜 北京时间 我要退货 中山装
北京京仪大酒店有没有车位 富驿酒店(北京朝阳公园店) 全季酒店(北京朝阳门店) 中山公园门票 兰州老马饭庄 南昌炒米粉
10号楼 3号线 5月3号 一号 东方
"""


@pytest.mark.parametrize("text", NO_ADDRESSES.split())
def test_false_friends_are_no_addresses(text: str) -> None:
    assert values("address", text) == []


def test_every_division_of_china_is_known_by_its_full_name() -> None:
    known = names()
    assert len(known) > 5000
    assert {place.province for one in known.values() for place in one.places} >= {
        "北京市",
        "新疆维吾尔自治区",
        "台湾省",
    }
    assert [place.names for place in known["南山区"].places] == [
        ("黑龙江省", "鹤岗市", "南山区"),
        ("广东省", "深圳市", "南山区"),
    ]


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("深圳市", "深圳"),
        ("恩施土家族苗族自治州", "恩施"),
        ("忠县", "忠县"),
        ("内蒙古自治区", "内蒙古"),
        ("浦东新区", "浦东"),
    ],
)
def test_a_division_has_a_short_name(name: str, cut: str) -> None:
    assert short(name) == cut


PEOPLE = [
    ("我叫王小明", "王小明"), ("收件人：欧阳娜娜", "欧阳娜娜"), ("找张经理", "张经理"), ("收件人张三", "张三"),
    ("姓名：李雷，电话13800138000", "李雷"), ("我是陈晓东", "陈晓东"), ("麻烦转给刘主任", "刘主任"), ("我姓李", "李"),
    ("王小明 13800138000 广东省深圳市南山区科技园路1号", "王小明"), ("联系人是司马光", "司马光"),
    ("寄到深圳，张三收，13800138000", "张三"), ("我叫Tom", "Tom"), ("王小明先生您好", "王小明"),
    ("联系王小明", "王小明"),
    ("收货人：阿依古丽·买买提", "阿依古丽·买买提"), ("上次接待我的李女士在吗", "李女士"), ("我叫王明要退货", "王明"),
    ("收货人张三15912345678北京", "张三"), ("高经理", "高经理"),
    ("给张伟转500", "张伟"), ("方先生您好", "方先生"), ("帮我找小王", "小王"),
    ("我爱人叫林小红", "林小红"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "name"), PEOPLE)
def test_a_name_is_found_where_words_announce_one(sentence: str, name: str) -> None:
    assert values("person", sentence) == [(name, name)]


NO_PEOPLE = """
我觉得我是路痴 请提供收货人姓名和电话 联系人电话 名字和地址填错了 乘车人怎么改 收件人应该怎么改 收货人都写错了
机主本人 高级经理 很高兴 常常 方便吗 我是学生 我是会员 我是白领 我是金卡会员 给我发货 找客服 找人工
联系客服 马上发货 江苏 安全
任何问题 我是安卓手机 何时到
让客服和经理说 对方经理 查询,13800138000 谢谢 余额多少 我是新用户 联系快递 找不到 通知书 给高分 路由器
黄金会员 和老师说 找工作 我是江苏的 单号13800138000
"""


@pytest.mark.parametrize("text", NO_PEOPLE.split())
def test_false_friends_are_no_people(text: str) -> None:
    assert values("person", text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("转5000给李建国", ["李建国"]),
        ("帮我打款2万元给欧阳娜娜", ["欧阳娜娜"]),
        ("转200给商家", []),
        ("找刘教练约课", ["刘教练"]),
        ("找于老板", ["于老板"]),
        ("由于老板不在", []),
        ("对于师傅的态度很不满", []),
    ],
)
def test_who_gets_money_and_who_is_merely_the_end_of_a_word(text: str, names: list[str]) -> None:
    assert [name for name, _ in values("person", text)] == names
