"""Groups that an app makes (群聊会话): create, change, look up. Ordinary groups have no API.

Sources: 创建群聊会话 https://developer.work.weixin.qq.com/document/path/90245
修改群聊会话 https://developer.work.weixin.qq.com/document/path/98913
获取群聊会话 https://developer.work.weixin.qq.com/document/path/98914
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.channel import Exchange, Judgement
from adapters.errcodes import read_json
from adapters.message import Json
from adapters.wecom.api import Api, judge

CHAT_ID = re.compile(r"[0-9A-Za-z]{1,32}")
FEWEST, MOST = 2, 2000


@dataclass(frozen=True, slots=True)
class Chat:
    """A group: `members` are userids, `owner` one of them."""

    id: str
    name: str = ""
    owner: str = ""
    members: tuple[str, ...] = ()


def create(api: Api, chat: Chat) -> Exchange[str]:
    """The id of the new group. `chat.id` may be empty, then WeCom chooses one."""
    if chat.id and not CHAT_ID.fullmatch(chat.id):
        return Judgement("dead", "a chatid is at most 32 letters and digits")
    if not FEWEST <= len(chat.members) <= MOST:
        return Judgement("dead", f"a group has {FEWEST} to {MOST} members, not {len(chat.members)}")
    named = {"name": chat.name, "owner": chat.owner, "chatid": chat.id}
    body = {"userlist": list(chat.members)} | {key: value for key, value in named.items() if value}
    found = yield from _called(api, "create", body)
    return found if isinstance(found, Judgement) else str(found.get("chatid", ""))


def update(
    api: Api, chat: str, name: str = "", owner: str = "", add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Exchange[None]:
    """Change what is given."""
    given: dict[str, Json] = {"name": name, "owner": owner, "add_user_list": list(add), "del_user_list": list(remove)}
    found = yield from _called(api, "update", {"chatid": chat} | {key: value for key, value in given.items() if value})
    return found if isinstance(found, Judgement) else None


def get(api: Api, chat: str) -> Exchange[Chat]:
    answer = yield api.get("/cgi-bin/appchat/get", chatid=chat)
    judged = judge(answer.status, answer.body)
    if judged.verdict != "ok":
        return judged
    info = (read_json(answer.body) or {}).get("chat_info")
    if not isinstance(info, dict):
        return Judgement("dead", "WeCom's answer names no group")
    members = info.get("userlist")
    return Chat(
        str(info.get("chatid", chat)),
        str(info.get("name", "")),
        str(info.get("owner", "")),
        tuple(str(member) for member in members) if isinstance(members, list) else (),
    )


def _called(api: Api, what: str, body: dict[str, Json]) -> Exchange[dict[str, Json]]:
    answer = yield api.call(f"/cgi-bin/appchat/{what}", body)
    judged = judge(answer.status, answer.body)
    return read_json(answer.body) or {} if judged.verdict == "ok" else judged
