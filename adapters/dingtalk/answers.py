"""What DingTalk's answers mean, and how often it lets itself be called.

Sources: 服务端API错误码 https://open.dingtalk.com/document/orgapp/server-api-error-codes
全局错误码 https://open.dingtalk.com/document/orgapp/server-api-error-codes-1
批量发送人与机器人会话中机器人消息 https://open.dingtalk.com/document/orgapp/chatbots-send-one-on-one-chat-messages-in-batches
调用频率限制 https://open.dingtalk.com/document/orgapp/invocation-frequency-limit
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.channel import Judgement, Token, Verdict
from adapters.errcodes import RETRY_STATUS, Errcodes, address_in, bounded, read_json
from adapters.message import Json

RATES: Mapping[str, tuple[int, float]] = {"session": (20, 60.0), "user": (20, 1.0), "group": (20, 1.0)}
"""way -> (calls, seconds). session: of one webhook, taken over from custom robots, where it is documented; user and
group: of one API of one app in the standard edition. Neither is documented for these calls: both are the careful
reading of what others measured."""

CODES: tuple[tuple[str, Verdict, str], ...] = (
    (r"QpsLimit|Throttl|FlowControl|TooManyRequest|RateLimit", "retry", "the API is called too often"),
    (r"IpNotInWhiteList|IpNotAllow", "config", "the server's address is not on the app's 服务器出口IP list"),
    (r"invalidClient|InvalidAppKey|InvalidAppSecret", "config", "client_id or client_secret is not right"),
    (r"InvalidAuthentication|InvalidAccessToken|TokenExpired", "refresh", "the access token is not valid"),
    (r"PermissionDenied|NoPermission|Forbidden", "config",
     "the app lacks a permission: apply for 企业内机器人发送消息权限, for cards 互动卡片实例写权限"),
    (r"robot.*(notExist|notFound|invalid)|invalid.*robotCode", "config", "robot_code is not one of this app's"),
    (r"outTrackId.*(exist|duplicat|repeat)", "ok", ""),
    (r"(staff|user).*(notExist|notFound|invalid)", "dead", "the user is not one of this company's"),
    (r"conversation.*(notExist|notFound|invalid)", "dead", "the group is not there, or the robot is not in it"),
    (r"template.*(notExist|notFound|invalid)", "config", "the card template is not published for this app"),
    (r"downloadCode", "dead", "the file's download code is not valid or too old"),
    (r"ServiceUnavailable|InternalError|SystemError|Timeout", "retry", "DingTalk is busy"),
)  # fmt: skip
"""A pattern of the API's code (api.dingtalk.com) -> what to do, and the sentence for the operator. The first that fits
counts."""

ERRCODES = Errcodes(
    "DingTalk",
    {
        0: ("ok", ""),
        -1: ("retry", "DingTalk is busy"),
        88: ("refresh", "the access token is not valid"),
        40001: ("refresh", "the access token is not valid"),
        40014: ("refresh", "the access token is not valid"),
        42001: ("refresh", "the access token has expired"),
        90002: ("retry", "the API is called too often"),
        90018: ("retry", "the API is called too often"),
        130101: ("retry", "the robot says too much in this minute"),
        300001: ("elsewhere", "the session webhook has expired"),
        300005: ("elsewhere", "the session webhook is not known any more"),
        310000: ("config", "the robot's security settings refuse it: keyword, signature or address"),
        400101: ("elsewhere", "the session webhook is not valid"),
        400102: ("elsewhere", "the robot was switched off in this conversation"),
        400013: ("dead", "the group was disbanded"),
        40004: ("dead", "the media file's type is not valid"),
        40006: ("dead", "the file is larger than DingTalk allows"),
        40007: ("dead", "the media id is not valid"),
        40035: ("dead", "DingTalk cannot read the message's JSON"),
        43004: ("dead", "DingTalk cannot read the message's content type"),
        460101: ("dead", "the message is longer than DingTalk allows"),
        60020: ("config", "the server's address is not on the app's 服务器出口IP list: add it"),
        40089: ("config", "client_id or client_secret is not right"),
    },
    with_address=frozenset((60020,)),
    keys="client_id and client_secret",
    base="oapi_base",
)
"""errcodes of session webhooks and of oapi.dingtalk.com."""


def read_judgement(status: int, body: bytes) -> Judgement:
    """What an answer of any of DingTalk's APIs means: the older ones put an errcode into a 200, the newer ones a code
    into a 4xx, and a 200 may still name people that were not reached."""
    if status in RETRY_STATUS or status >= 500:
        return Judgement("retry", f"DingTalk's API answered HTTP {status}", str(status))
    answer = read_json(body)
    if answer is None:
        if status == 401:
            return Judgement("refresh", "the access token is not valid", "401")
        verdict: Verdict = "retry" if status == 200 else "config"
        return Judgement(verdict, f"HTTP {status} and no JSON was the answer: are api_base and oapi_base right?")
    if "errcode" in answer:
        code = answer["errcode"]
        return ERRCODES.of(code if isinstance(code, int) else -1, str(answer.get("errmsg", "")))
    return _delivered(answer) if status == 200 else _refused(status, answer)


def _refused(status: int, answer: Mapping[str, Json]) -> Judgement:
    code, words = str(answer.get("code", "")), str(answer.get("message", ""))
    for pattern, verdict, reason in CODES:
        if re.search(pattern, code, re.IGNORECASE):
            if verdict == "refresh" and status not in (400, 401, 403):
                break
            address = address_in(words) if verdict == "config" else ""
            where = f" ({address})" if address else ""
            return Judgement(verdict, f"{bounded(code)}: {reason}{where}" if reason else "", bounded(code))
    if status == 401:
        return Judgement("refresh", "the access token is not valid", "401")
    verdict = "dead" if status == 400 else "config"
    said = f"{code}: {words}" if code or words else "no reason given"
    return Judgement(verdict, f"DingTalk refuses it with HTTP {status}: {bounded(said)}", bounded(code) or str(status))


def _delivered(answer: Mapping[str, Json]) -> Judgement:
    if answer.get("invalidStaffIdList") or answer.get("filteredStaffIdList"):
        return Judgement("dead", "the user is not one of this company's, or cannot see the app", "invalidStaffIdList")
    if answer.get("flowControlledStaffIdList"):
        return Judgement("retry", "the user is sent too much at once", "flowControlledStaffIdList")
    if answer.get("failedResult"):
        return Judgement("dead", "DingTalk cannot recall the message any more", "failedResult")
    result = answer.get("result")
    spaces = result.get("deliverResults") if isinstance(result, dict) else None
    failed = [one for one in spaces or () if isinstance(one, dict) and one.get("success") is False]
    if answer.get("success") is False or failed:
        words = str(failed[0].get("errorMsg", "")) if failed else ""
        return Judgement("dead", f"the card was not delivered: {bounded(words) or 'no reason given'}", "card")
    return Judgement("ok", receipt=str(answer.get("processQueryKey") or ""))


def read_token(body: bytes, now: float) -> Token | Judgement:
    """The answer to a token request; `now` in epoch seconds."""
    answer = read_json(body)
    if answer is None:
        return Judgement("retry", "the token endpoint answered something else than JSON: is api_base right?")
    value, lasts_s = answer.get("accessToken"), answer.get("expireIn")
    if isinstance(value, str) and value and isinstance(lasts_s, int):
        return Token(value, now + lasts_s)
    judged = _refused(400, answer)
    if judged.verdict in ("retry", "config"):
        return judged
    return Judgement("config", "no access token: are client_id and client_secret right?", judged.code)
