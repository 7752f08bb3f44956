"""The menu below an official account's chat: its file, checked line by line, and the calls that show and change it.

    button:                            # 1 to 3
      - {name: 查订单, say: 我要查订单}    # tapping it says so; `/intent`, a flow's or a response's name work too
      - name: 更多
        sub_button:                    # 1 to 5
          - {name: 官网, url: "https://example.com"}
          - {name: 商城, appid: wx01…, pagepath: pages/index, url: "https://example.com/m"}
          - {name: 扫一扫, type: scancode_waitmsg, key: SCAN}
    conditional:                       # other menus for some customers; the first that matches is shown
      - matchrule: {tag_id: "2"}
        button: [...]

Sources: 自定义菜单 https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html
个性化菜单 https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Personalized_menu_interface.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, field_validator, model_validator

from adapters.channel import Exchange, Judgement
from adapters.message import Json
from adapters.wechat.calls import call, fetch
from config.source import Strict

TOP_NAME_BYTES, SUB_NAME_BYTES, KEY_BYTES, URL_BYTES = 16, 60, 128, 1024
NO_MENU = "46003"

NEEDS: Mapping[str, tuple[str, ...]] = {
    "click": ("key",),
    "view": ("url",),
    "miniprogram": ("appid", "pagepath", "url"),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "view_limited": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}
"""Each type of button and what it has besides `name`."""
IMPLIED = (("appid", "miniprogram"), ("url", "view"), ("media_id", "media_id"), ("article_id", "article_id"))
"""The type of a button that names none, by what it has; else it is a click."""
CODE = re.compile(r"[\w.-]+", re.ASCII)
"""A key that is a name rather than something said."""


FIELDS = ("key", "url", "appid", "pagepath", "media_id", "article_id")


class Leaf(Strict):
    """A button that does something."""

    name: Annotated[str, Field(min_length=1)]
    type: str = ""
    say: str = ""
    """What tapping says: the key of a click."""
    key: str = ""
    url: str = ""
    appid: str = ""
    pagepath: str = ""
    media_id: str = ""
    article_id: str = ""

    @field_validator("name")
    @classmethod
    def _is_short(cls, value: str) -> str:
        return _within(value, SUB_NAME_BYTES, "a name here")

    @field_validator("type")
    @classmethod
    def _is_a_type(cls, value: str) -> str:
        if value and value not in NEEDS:
            near = difflib.get_close_matches(value, NEEDS, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(NEEDS)}"
            raise ValueError(f"'{value}' is no type of button; {hint}")
        return value

    @field_validator("key", "say")
    @classmethod
    def _fits_a_key(cls, value: str) -> str:
        return _within(value, KEY_BYTES, "a key, or what is said,")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address starts with http:// or https://")
        return _within(value, URL_BYTES, "an address")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        self._complete()
        return self

    def _complete(self) -> None:
        if self.say and (self.key or self.kind != "click"):
            raise ValueError("what is said is a click's key: give 'say' alone")
        needed = NEEDS[self.kind]
        if missing := [name for name in needed if not self.given(name)]:
            mend = " or 'say'" if self.kind == "click" else ""
            raise ValueError(f"a button of type {self.kind} needs '{missing[0]}'{mend}")
        if spare := [name for name in FIELDS if name not in needed and self.given(name)]:
            raise ValueError(f"a button of type {self.kind} has no '{spare[0]}'")

    @property
    def kind(self) -> str:
        return self.type or next((kind for name, kind in IMPLIED if getattr(self, name)), "click")

    def given(self, name: str) -> str:
        return self.say if name == "key" and self.say else str(getattr(self, name))

    def body(self) -> dict[str, Json]:
        """As the vendor's API takes it."""
        return {"type": self.kind, "name": self.name} | {name: self.given(name) for name in NEEDS[self.kind]}


class Button(Leaf):
    """One of the first row: it may only open what is below it."""

    sub_button: Annotated[tuple[Leaf, ...], Field(max_length=5)] = ()

    @field_validator("name")
    @classmethod
    def _is_short(cls, value: str) -> str:
        return _within(value, TOP_NAME_BYTES, "a name in the first row")

    def _complete(self) -> None:
        if not self.sub_button:
            super()._complete()
        elif self.type or any(self.given(name) for name in FIELDS):
            raise ValueError("a button with sub_button only opens: it has a name and nothing else")

    def body(self) -> dict[str, Json]:
        below = [each.body() for each in self.sub_button]
        return {"name": self.name, "sub_button": below} if below else super().body()


class Buttons(Strict):
    button: Annotated[tuple[Button, ...], Field(min_length=1, max_length=3)]

    def body(self) -> dict[str, Json]:
        return {"button": [button.body() for button in self.button]}


class Rule(Strict):
    """Who sees a conditional menu: all of it must be true."""

    tag_id: str = ""
    client_platform_type: str = ""
    """1 iOS, 2 Android, 3 other."""

    @model_validator(mode="after")
    def _says_whom(self) -> Rule:
        if not (self.tag_id or self.client_platform_type):
            raise ValueError("a matchrule needs tag_id or client_platform_type")
        return self


class Conditional(Buttons):
    matchrule: Rule

    def body(self) -> dict[str, Json]:
        rule = {name: value for name, value in self.matchrule.model_dump().items() if value}
        return super().body() | {"matchrule": rule}


class Menu(Buttons):
    conditional: tuple[Conditional, ...] = ()


def _within(value: str, most: int, what: str) -> str:
    if (size := len(value.encode())) > most:
        raise ValueError(f"{what} may have {most} bytes (a Chinese character has 3), this has {size}")
    return value


# --- as the vendor has it ------------------------------------------------------------------------------------

Live = dict[str, Any]
"""The live menu in the file's form; `menuid`s of conditional ones apart."""


def in_words(menu: Mapping[str, Json] | None) -> str:
    """A menu in the file's form as YAML; empty where there is none."""
    return yaml.safe_dump(menu, allow_unicode=True, sort_keys=False, width=110) if menu else ""


def written(menu: Menu) -> dict[str, Json]:
    """The file in the form that the live one is shown in, so that the two can be compared."""
    found = {"button": _plain_buttons(menu.body()["button"])}
    rules = [
        {"matchrule": each.body()["matchrule"], "button": _plain_buttons(each.body()["button"])}
        for each in menu.conditional
    ]
    return found | ({"conditional": rules} if rules else {})


def difference(live: Mapping[str, Json] | None, menu: Menu) -> str:
    """What pushing `menu` changes, as a unified diff; empty where nothing."""
    before, after = in_words(live).splitlines(keepends=True), in_words(written(menu)).splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, "live", "file"))


def _plain_buttons(buttons: Json) -> list[dict[str, Json]]:
    return (
        [_plain_button(button) for button in buttons if isinstance(button, dict)] if isinstance(buttons, list) else []
    )


def _plain_button(button: Mapping[str, Json]) -> dict[str, Json]:
    name = {"name": str(button.get("name", ""))}
    if below := _plain_buttons(button.get("sub_button")):
        return name | {"sub_button": below}
    kind = str(button.get("type", ""))
    given = {each: str(button[each]) for each in NEEDS.get(kind, FIELDS) if button.get(each)}
    if kind == "click" and not CODE.fullmatch(given.get("key", "")):
        return name | {"say": given.get("key", "")}
    implied = next((each for field, each in IMPLIED if field in given), "click")
    return name | ({} if implied == kind else {"type": kind}) | given


def live_menu(api_base: str) -> Exchange[Live]:
    """The menu that customers see, and `menuids` of its conditional ones; no menu is `{}`."""
    answer = yield from fetch(call(api_base, "/cgi-bin/menu/get"))
    if isinstance(answer, Judgement):
        return {} if answer.code == NO_MENU else answer
    menu, rules = answer.get("menu"), answer.get("conditionalmenu")
    found: Live = {"button": _plain_buttons(menu.get("button") if isinstance(menu, dict) else None)}
    rules = [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    if rules:
        found["conditional"] = [
            {"matchrule": _rule(rule.get("matchrule")), "button": _plain_buttons(rule.get("button"))} for rule in rules
        ]
        found["menuids"] = [str(rule.get("menuid", "")) for rule in rules]
    return found


def _rule(rule: Json) -> dict[str, str]:
    given = rule.items() if isinstance(rule, dict) else ()
    return {("tag_id" if name == "group_id" else name): str(value) for name, value in given if value not in ("", None)}


def push_menu(api_base: str, menu: Menu, menuids: Iterable[str]) -> Exchange[int]:
    """Put `menu` in the place of the live one, whose conditional menus are `menuids`; how many calls it took."""
    calls = [call(api_base, "/cgi-bin/menu/create", menu.body())]
    calls += [call(api_base, "/cgi-bin/menu/delconditional", {"menuid": menuid}) for menuid in menuids]
    # the vendor looks at the newest first
    calls += [call(api_base, "/cgi-bin/menu/addconditional", each.body()) for each in reversed(menu.conditional)]
    for each in calls:
        answer = yield from fetch(each)
        if isinstance(answer, Judgement):
            return answer
    return len(calls)
