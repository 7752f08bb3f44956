"""The rest of WeChat's API on the loopback: menus, QR codes, template and subscribe messages, servicers, quotas.

`WeChatApi` mounts it; every call needs a token, counts on its quota, and may be made to fail by its name.

Sources: 自定义菜单 https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html
个性化菜单 https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Personalized_menu_interface.html
带参数的二维码 https://developers.weixin.qq.com/doc/offiaccount/Account_Management/Generating_a_Parametric_QR_Code.html
模板消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
查询API调用额度 https://developers.weixin.qq.com/doc/offiaccount/openApi/get_api_quota.html
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.message import Json

TOP, SUB = 3, 5
TOP_NAME_BYTES, SUB_NAME_BYTES, KEY_BYTES, URL_BYTES = 16, 60, 128, 1024
TYPES = frozenset(
    ("click", "view", "miniprogram", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album",
     "pic_weixin", "location_select", "media_id", "view_limited", "article_id", "article_view_limited")
)  # fmt: skip
LONGEST_S = 30 * 86400
LAST_PERMANENT = 100_000
REPEAT_S = 600.0
"""For how long a `client_msg_id` is remembered."""
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""One white pixel: what a QR code looks like here."""

Endpoint = Literal[
    "token", "send", "typing", "menu", "qr", "template", "subscribe", "kf", "quota", "upload", "media"
]  # fmt: skip
"""What a call is known by to who makes it fail."""
Answer = dict[str, Json] | int
"""The answer's fields, or the errcode that it is refused with."""
Handler = Callable[[Mapping[str, Json]], Answer]


@dataclass
class AccountApi:
    """What the account's console and API know. Not frozen: it is the vendor's memory."""

    clock: Callable[[], float]
    deliver: Callable[[str, str, Mapping[str, Json]], None]
    """(openid, kind, body): a notice reached the customer."""
    left: Callable[[str], bool]
    """Whether a customer has unsubscribed."""
    templates: set[str] = field(default_factory=set)
    """The template ids of this account; empty: any is."""
    menu: dict[str, Json] | None = None
    conditional: list[dict[str, Json]] = field(default_factory=list)
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    """What is known of a customer (`tag_id`, `client_platform_type`), by openid: which menu they see."""
    scenes: dict[str, str] = field(default_factory=dict)
    """QR ticket -> scene."""
    servicers: list[str] = field(default_factory=list)
    daily: dict[str, int] = field(default_factory=dict)
    """Calls allowed in a day, by path, where fewer than anybody needs."""
    used: Counter[str] = field(default_factory=Counter)
    refusing: set[tuple[str, str]] = field(default_factory=set)
    """(openid, template id) of who has not agreed to subscribe messages."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(400_000_001)
        self._seen: dict[tuple[str, str], tuple[int, float]] = {}

    def routes(self) -> list[tuple[Endpoint, str, str, Handler]]:
        """(name for `fail`, method, path, handler) of each call."""
        return [
            ("menu", "POST", "/cgi-bin/menu/create", self._create),
            ("menu", "GET", "/cgi-bin/menu/get", self._get),
            ("menu", "GET", "/cgi-bin/menu/delete", self._delete),
            ("menu", "POST", "/cgi-bin/menu/addconditional", self._add),
            ("menu", "POST", "/cgi-bin/menu/delconditional", self._drop),
            ("menu", "POST", "/cgi-bin/menu/trymatch", self._match),
            ("qr", "POST", "/cgi-bin/qrcode/create", self._code),
            ("template", "POST", "/cgi-bin/message/template/send", self._template),
            ("subscribe", "POST", "/cgi-bin/message/subscribe/bizsend", self._subscribe),
            ("subscribe", "POST", "/cgi-bin/message/template/subscribe", self._once),
            ("kf", "GET", "/cgi-bin/customservice/getkflist", self._servicers),
            ("quota", "POST", "/cgi-bin/openapi/quota/get", self._quota),
        ]

    def spend(self, path: str) -> bool:
        """Count a call; False where the day's are used up."""
        if path in self.daily and self.used[path] >= self.daily[path]:
            return False
        self.used[path] += 1
        return True

    # --- menus -----------------------------------------------------------------------------------------------

    def _create(self, body: Mapping[str, Json]) -> Answer:
        if code := _menu_fault(body.get("button")):
            return code
        self.menu = {"button": body["button"], "menuid": next(self._numbers)}
        return {}

    def _get(self, body: Mapping[str, Json]) -> Answer:
        if self.menu is None:
            return 46003
        conditional = {"conditionalmenu": self.conditional} if self.conditional else {}
        return {"menu": self.menu, **conditional}

    def _delete(self, body: Mapping[str, Json]) -> Answer:
        self.menu, self.conditional = None, []
        return {}

    def _add(self, body: Mapping[str, Json]) -> Answer:
        if self.menu is None:
            return 65303
        rule = body.get("matchrule")
        if not isinstance(rule, dict) or not any(rule.values()):
            return 65305
        if code := _menu_fault(body.get("button")):
            return code
        number = next(self._numbers)
        self.conditional.insert(0, {"button": body["button"], "matchrule": rule, "menuid": number})
        return {"menuid": str(number)}

    def _drop(self, body: Mapping[str, Json]) -> Answer:
        kept = [menu for menu in self.conditional if str(menu["menuid"]) != str(body.get("menuid"))]
        if len(kept) == len(self.conditional):
            return 65301
        self.conditional = kept
        return {}

    def _match(self, body: Mapping[str, Json]) -> Answer:
        if self.menu is None:
            return 46003
        person = self.people.get(str(body.get("user_id")), {})
        for menu in self.conditional:  # the newest first
            if all(person.get(name) == str(value) for name, value in menu["matchrule"].items() if value):
                return {"button": menu["button"]}
        return {"button": self.menu["button"]}

    # --- QR codes --------------------------------------------------------------------------------------------

    def _code(self, body: Mapping[str, Json]) -> Answer:
        name, info = str(body.get("action_name")), body.get("action_info")
        scene = info.get("scene") if isinstance(info, dict) else None
        if not isinstance(scene, dict):
            return 47001
        passing = name in ("QR_SCENE", "QR_STR_SCENE")
        if name in ("QR_STR_SCENE", "QR_LIMIT_STR_SCENE"):
            key = scene.get("scene_str")
            good = isinstance(key, str) and 1 <= len(key) <= 64
        elif name in ("QR_SCENE", "QR_LIMIT_SCENE"):
            key = scene.get("scene_id")
            most = 2**32 - 1 if passing else LAST_PERMANENT
            good = isinstance(key, int) and 1 <= key <= most
        else:
            return 40053
        seconds = body.get("expire_seconds", 60)
        if not good or (passing and not (isinstance(seconds, int) and 1 <= seconds <= LONGEST_S)):
            return 40053
        ticket = f"g{secrets.token_urlsafe(60)}=="
        self.scenes[ticket] = str(key)
        url = f"http://weixin.qq.com/q/{secrets.token_urlsafe(12)}"
        return {"ticket": ticket, "url": url} | ({"expire_seconds": seconds} if passing else {})

    # --- notices ---------------------------------------------------------------------------------------------

    def _template(self, body: Mapping[str, Json]) -> Answer:
        if code := self._notice_fault(body):
            return code
        openid = str(body["touser"])
        if self.left(openid):
            return 43004
        known = (openid, str(body.get("client_msg_id", "")))
        number, at = self._seen.get(known, (0, 0.0))
        if known[1] and number and self.clock() < at + REPEAT_S:
            return {"msgid": number}
        number = next(self._numbers)
        self._seen[known] = (number, self.clock())
        self.deliver(openid, "template", body)
        return {"msgid": number}

    def _subscribe(self, body: Mapping[str, Json]) -> Answer:
        if code := self._notice_fault(body):
            return code
        return self._agreed("subscribe", body)

    def _once(self, body: Mapping[str, Json]) -> Answer:
        if not body.get("scene") or not body.get("title"):
            return 47003
        if code := self._notice_fault(body):
            return code
        return self._agreed("subscribe_once", body)

    def _agreed(self, kind: str, body: Mapping[str, Json]) -> Answer:
        openid = str(body["touser"])
        if (openid, body["template_id"]) in self.refusing:
            return 43101
        self.deliver(openid, kind, body)
        return {}

    def _notice_fault(self, body: Mapping[str, Json]) -> int:
        if not body.get("touser"):
            return 40003
        template = body.get("template_id")
        if not template or (self.templates and template not in self.templates):
            return 40037
        data = body.get("data")
        values = data.values() if isinstance(data, dict) else [None]
        return 0 if all(isinstance(value, dict) and value.get("value") for value in values) else 47003

    # --- the account -----------------------------------------------------------------------------------------

    def _servicers(self, body: Mapping[str, Json]) -> Answer:
        return {"kf_list": [{"kf_account": name, "kf_nick": name.partition("@")[0]} for name in self.servicers]}

    def _quota(self, body: Mapping[str, Json]) -> Answer:
        path = str(body.get("cgi_path", ""))
        if not path.startswith("/"):
            return 76021
        most, used = self.daily.get(path, 500_000), self.used[path]
        return {"quota": {"daily_limit": most, "used": used, "remain": max(0, most - used)}}


def _menu_fault(buttons: Json) -> int:
    """0, or the errcode that the vendor refuses the menu with."""
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= TOP:
        return 40016
    for button in buttons:
        below = button.get("sub_button") if isinstance(button, dict) else None
        if below and not (isinstance(below, list) and len(below) <= SUB):
            return 40023
        faults = [_button_fault(button, TOP_NAME_BYTES, leaf=not below)]
        faults += [_button_fault(each, SUB_NAME_BYTES, leaf=True) for each in below or ()]
        if code := next(filter(None, faults), 0):
            return code
    return 0


def _button_fault(button: Json, name_bytes: int, *, leaf: bool) -> int:
    if not isinstance(button, dict):
        return 47001
    if not 1 <= len(str(button.get("name", "")).encode()) <= name_bytes:
        return 40018 if name_bytes == TOP_NAME_BYTES else 40025
    if not leaf:
        return 0
    kind = button.get("type")
    if kind not in TYPES:
        return 40017
    if kind in ("view", "miniprogram"):
        return 0 if 1 <= len(str(button.get("url", "")).encode()) <= URL_BYTES else 40020
    if kind in ("media_id", "view_limited", "article_id", "article_view_limited"):
        return 0 if button.get("media_id") or button.get("article_id") else 40007
    return 0 if 1 <= len(str(button.get("key", "")).encode()) <= KEY_BYTES else 40019
