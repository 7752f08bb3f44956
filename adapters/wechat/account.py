"""What else an official account can be asked: QR codes with a scene, and whether it is set up rightly.

Sources: 带参数的二维码 https://developers.weixin.qq.com/doc/offiaccount/Account_Management/Generating_a_Parametric_QR_Code.html
客服管理 https://developers.weixin.qq.com/doc/offiaccount/Customer_Service/Customer_Service_Management.html
查询API调用额度 https://developers.weixin.qq.com/doc/offiaccount/openApi/get_api_quota.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from adapters.channel import Exchange, Judgement, Outgoing
from adapters.message import Json
from adapters.wechat.calls import call, fetch
from adapters.wechat.push import SEND

DAY_S = 86400
MOST_DAYS = 30
MOST_CHARS = 64
LARGEST, LARGEST_PERMANENT = 2**32 - 1, 100_000


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code: its `picture`, what a scan opens (`url`), and for how many seconds it works (0: always)."""

    picture: str
    url: str
    seconds: int


def scene_fault(scene: str, days: int) -> str:
    """Why `scene` can be no QR code's; `days` 0: for good. Empty where it can."""
    if not 0 <= days <= MOST_DAYS:
        return f"a QR code works for 1 to {MOST_DAYS} days, or for good"
    if not 1 <= len(scene) <= MOST_CHARS:
        return f"a scene has 1 to {MOST_CHARS} characters"
    return ""


def qr_code(api_base: str, mp_base: str, scene: str, days: int) -> Exchange[Code]:
    """A code whose scan tells us `scene`: a number where it is one that fits, else a text."""
    inner: dict[str, Json]
    numeric = scene.isascii() and scene.isdigit() and scene[0] != "0"
    if numeric and int(scene) <= (LARGEST if days else LARGEST_PERMANENT):
        kind, inner = ("QR_SCENE" if days else "QR_LIMIT_SCENE"), {"scene_id": int(scene)}
    else:
        kind, inner = ("QR_STR_SCENE" if days else "QR_LIMIT_STR_SCENE"), {"scene_str": scene}
    body: dict[str, Json] = {"action_name": kind, "action_info": {"scene": inner}}
    if days:
        body["expire_seconds"] = days * DAY_S
    answer = yield from fetch(call(api_base, "/cgi-bin/qrcode/create", body))
    if isinstance(answer, Judgement):
        return answer
    picture = f"{mp_base.rstrip('/')}/cgi-bin/showqrcode?ticket={quote(str(answer.get('ticket', '')), safe='')}"
    seconds = answer.get("expire_seconds", 0)
    return Code(picture, str(answer.get("url", "")), seconds if isinstance(seconds, int) else 0)


def picture(code: Code) -> Exchange[bytes]:
    """The bytes of its picture, which needs no token."""
    answer = yield Outgoing(b"", "application/octet-stream", code.picture, "GET", needs_token=False)
    if answer.status != 200:
        return Judgement("dead", f"the QR code's picture was answered with HTTP {answer.status}", str(answer.status))
    return answer.body


# --- is it set up rightly ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `needed`: the bot does not work as set up without it."""

    what: str
    good: bool
    words: str
    needed: bool = True


def looked_at(what: str, outgoing: Outgoing, *, fine: Mapping[str, str], needed: bool = True) -> Exchange[Finding]:
    """Whether the call is allowed; `fine`: codes that say yes as well, and in which words."""
    answer = yield from fetch(outgoing)
    if not isinstance(answer, Judgement):
        return Finding(what, True, _counted(answer), needed)
    if answer.code in fine:
        return Finding(what, True, fine[answer.code], needed)
    return Finding(what, False, answer.reason, needed)


def checks(api_base: str, *, pushes: bool) -> list[Exchange[Finding]]:
    """What is looked at once there is a token. `pushes`: the account is set up to push."""
    menu = call(api_base, "/cgi-bin/menu/get")
    servicers = call(api_base, "/cgi-bin/customservice/getkflist")
    quota = call(api_base, "/cgi-bin/openapi/quota/get", {"cgi_path": SEND})
    return [
        looked_at("menu", menu, fine={"46003": "allowed; there is none yet"}, needed=False),
        looked_at("customer service", servicers, fine={"65400": "allowed, but not switched on"}, needed=pushes),
        looked_at("quota of pushes", quota, fine={}, needed=False),
    ]


def _counted(answer: Mapping[str, Json]) -> str:
    quota, servicers = answer.get("quota"), answer.get("kf_list")
    if isinstance(quota, dict):
        return f"{quota.get('used')} of {quota.get('daily_limit')} used today, {quota.get('remain')} are left"
    if isinstance(servicers, list):
        return f"allowed; {len(servicers)} servicer{'' if len(servicers) == 1 else 's'}"
    return "allowed"
