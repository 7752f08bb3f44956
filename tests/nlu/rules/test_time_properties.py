"""Dates and times written in the many ways of Chinese are read back."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Json
from nlu.normalize import normalize
from nlu.rules import extract
from nlu.rules.calendar import in_year_near

NOW = datetime(2026, 11, 18, 10, 0)
TODAY = NOW.date()
_DIGITS = "〇一二三四五六七八九"


def value_of(text: str) -> Json:
    """The value of the one time in a text, which must cover all of it."""
    entities = extract(normalize(text), NOW)
    assert [(one.type, one.text) for one in entities] == [("time", text)]
    return entities[0].value


def han(number: int) -> str:
    """1 to 99 in Chinese."""
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")


_dates = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@settings(deadline=None)
@given(_dates)
def test_a_full_date_is_read_in_every_way_of_writing_it(day: date) -> None:
    year, month, dom = day.year, day.month, day.day
    spelled_year = "".join(_DIGITS[int(char)] for char in str(year))
    for text in (
        day.isoformat(),
        f"{year}/{month}/{dom}",
        f"{year}.{month:02d}.{dom:02d}",
        f"{year}年{month}月{dom}日",
        f"{year}年{month:02d}月{dom:02d}号",
        f"{year} 年 {month} 月 {dom} 日",
        f"{spelled_year}年{han(month)}月{han(dom)}日",
        f"{day:%Y%m%d}",
    ):
        assert value_of(text) == day.isoformat()


@settings(deadline=None)
@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_a_date_without_its_year_is_in_the_year_nearby(day: date) -> None:
    meant = in_year_near(TODAY, lambda year: date(year, day.month, day.day)).isoformat()
    for text in (
        f"{day.month}月{day.day}号",
        f"{day.month}月{day.day}日",
        f"{han(day.month)}月{han(day.day)}号",
        f"{day.month}月{han(day.day)}日",
    ):
        assert value_of(text) == meant


@settings(deadline=None)
@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_the_year_nearby_is_at_most_nine_months_away(said: date, today: date) -> None:
    meant = in_year_near(today, lambda year: date(year, said.month, said.day))
    assert (meant.month, meant.day) == (said.month, said.day)
    assert abs((meant - today).days) <= 270


@settings(deadline=None)
@given(_dates, st.integers(0, 23), st.integers(0, 59))
def test_a_date_with_a_time_is_read_in_every_way_of_writing_it(day: date, hour: int, minute: int) -> None:
    meant = f"{day.isoformat()}T{hour:02d}:{minute:02d}"
    long = f"{day.year}年{day.month}月{day.day}日"
    for text in (
        f"{day.isoformat()} {hour:02d}:{minute:02d}",
        f"{day.isoformat()}T{hour:02d}:{minute:02d}:00",
        f"{long}{hour:02d}:{minute:02d}",
        f"{long} {hour:02d}点{minute:02d}分",
    ):
        assert value_of(text) == meant


def _part_of(hour: int) -> str:
    parts = ((5, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
    return next(part for until, part in parts if hour < until)


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_read_from_its_part_and_twelve_hours(hour: int, minute: int) -> None:
    meant = f"2026-11-19T{hour:02d}:{minute:02d}"
    twelve = (hour - 1) % 12 + 1
    part = "明天" + _part_of(hour)
    assert value_of(f"{part}{twelve}点{minute}分") == meant
    assert value_of(f"{part}{twelve}:{minute:02d}") == meant
    if minute == 30:
        assert value_of(f"{part}{han(twelve)}点半") == meant
    elif minute >= 10:
        assert value_of(f"{part}{han(twelve)}点{han(minute)}分") == meant


@settings(deadline=None)
@given(st.integers(1, 99))
def test_days_weeks_and_hours_are_counted_from_now(count: int) -> None:
    for number in (str(count), han(count)):
        assert value_of(f"{number}天前") == (TODAY - timedelta(days=count)).isoformat()
        assert value_of(f"{number}天后") == (TODAY + timedelta(days=count)).isoformat()
        assert value_of(f"{number}个星期前") == (TODAY - timedelta(weeks=count)).isoformat()
        assert value_of(f"{number}小时前") == (NOW - timedelta(hours=count)).isoformat(timespec="minutes")
        assert value_of(f"{number}分钟后") == (NOW + timedelta(minutes=count)).isoformat(timespec="minutes")
        assert value_of(f"最近{number}天") == {
            "from": (TODAY - timedelta(days=count)).isoformat(),
            "to": TODAY.isoformat(),
        }


@settings(deadline=None)
@given(_dates, _dates)
def test_from_a_day_to_a_later_day_is_one_stretch(one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)
    if first == last:
        return
    for text in (f"{first}到{last}", f"{first:%Y年%m月%d日}至{last:%Y年%m月%d日}"):
        assert value_of(text) == {"from": first.isoformat(), "to": last.isoformat()}


@settings(deadline=None)
@given(st.integers(-3, 3), st.integers(0, 6))
def test_every_weekday_around_is_found(weeks: int, weekday: int) -> None:
    prefix = "上" * -weeks if weeks < 0 else "下" * weeks
    monday = TODAY - timedelta(days=TODAY.weekday())
    day = monday + timedelta(days=7 * weeks + weekday)
    # without a word for the week it is the next one to come
    meant = (day + timedelta(days=7 * (weeks == 0 and day < TODAY))).isoformat()
    for name in ("周", "星期", "礼拜"):
        assert value_of(f"{prefix}{name}{'一二三四五六日'[weekday]}") == meant


@settings(deadline=None)
@given(
    st.text(
        "上下这本今明昨前后天周星期月年日号点半刻时分钟一二三十0123456789到至-:./早晚上下午凌晨个内来过近初底末",
        max_size=24,
    )
)
def test_no_mixture_of_time_words_is_an_error(text: str) -> None:
    for one in extract(normalize(text), NOW):
        assert text[one.start : one.end] == one.text
        if one.type == "time":
            ends = one.value.values() if isinstance(one.value, dict) else [one.value]
            assert all(datetime.fromisoformat(end) for end in ends)
            if isinstance(one.value, dict):
                assert one.value["from"] < one.value["to"]


@settings(deadline=None)
@given(
    st.text(
        "我叫王张和是姓收件人第一二三两半最后上下个条那刚才每隔周天月年小时分钟斤公千克米度号路街区市省北京深圳广州镇楼室元块折成钱"
        "￥$粤B·12345678900.:/@wxhg负零壹贰百万几多来到,。",
        max_size=24,
    )
)
def test_no_mixture_of_any_words_is_an_error(text: str) -> None:
    for one in extract(normalize(text), NOW):
        assert text[one.start : one.end] == one.text
        assert one.value is not None


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_an_error_and_entities_quote_it(text: str) -> None:
    at = 0
    for one in extract(normalize(text), NOW):
        assert text[one.start : one.end] == one.text
        assert one.text
        assert one.start >= at
        at = one.end
