"""WeCom's API as apps, customer service and group robots share it: access tokens, and what its answers mean.

Sources: 获取access_token https://developer.work.weixin.qq.com/document/path/91039
全局错误码 https://developer.work.weixin.qq.com/document/path/90313
访问频率限制 https://developer.work.weixin.qq.com/document/path/90312
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import orjson
from pydantic import SecretStr

from adapters.channel import Judgement, Outgoing, Token, Verdict
from adapters.errcodes import Errcodes, read_json
from adapters.markup import cleaned
from adapters.message import Json

ERRCODES: Mapping[int, tuple[Verdict, str]] = {
    0: ("ok", ""),
    # passes by itself
    -1: ("retry", "WeCom is busy"),
    45009: ("retry", "the API is called too often: a minute's block lasts 60 s, an hour's 60 minutes"),
    45011: ("retry", "the API is called too often in this minute"),
    45033: ("retry", "too many calls of the API at the same time"),
    95006: ("retry", "customer service is busy"),
    # the access token
    40014: ("refresh", "the access token is not valid"),
    41001: ("refresh", "the access token is missing"),
    42001: ("refresh", "the access token has expired"),
    # the set-up
    40001: ("config", "the secret is not this app's: copy it again from the app's page in the admin console"),
    40013: ("config", "corp_id is not valid: copy it from 我的企业 in the admin console"),
    40056: ("config", "agent_id is not valid: copy it from the app's page in the admin console"),
    41002: ("config", "corp_id is missing"),
    41004: ("config", "the secret is missing"),
    41011: ("config", "agent_id is missing"),
    42009: ("config", "the suite's token has expired: this is not a self-built app's secret"),
    48001: ("config", "the app is not authorised for this API"),
    48002: ("config", "the API is not allowed to this app: switch it on in the admin console"),
    48003: ("config", "the suite's access token is not valid: this is not a self-built app's secret"),
    48004: ("config", "the API is banned for this app: see the notices in the admin console"),
    48005: ("config", "the API is closed to this app"),
    48006: ("config", "the API's quota of this app is used up for good"),
    50001: ("config", "redirect_url is not of the app's trusted domain"),
    50002: ("config", "the member is outside what the app may see: widen the app's 可见范围"),
    50003: ("config", "the app is switched off: switch it on in the admin console"),
    60011: ("config", "the app has no right to it: widen its 可见范围 and rights in the admin console"),
    60020: ("config", "the server's address is not in the app's 企业可信IP: add it on the app's page in the console"),
    60028: ("config", "the app's trusted domain is not confirmed: the console then takes no 企业可信IP"),
    81011: ("config", "the app may not use what it names: widen its rights in the admin console"),
    301002: ("config", "the secret is of another app than agent_id"),
    301021: ("config", "the app's account is locked: see the notices in the admin console"),
    301023: ("config", "the app may not use this API: it is not open to it"),
    640016: ("config", "the member has no licence (基础接口许可) for this app"),
    93000: ("config", "the robot's key is not valid, or the robot was taken out of its group: make a new one"),
    95014: ("config", "the person is no servicer of this customer-service account: add them in the admin console"),
    95017: ("config", "customer service is not open to this app: choose it under 可调用接口的应用"),
    # this message or this person
    40003: ("dead", "the member's userid is not valid"),
    40004: ("dead", "the media file's type is not valid"),
    40005: ("dead", "the file's type is not valid"),
    40006: ("dead", "the file's size is not valid: it is empty or too big"),
    40007: ("dead", "the media_id is not valid or older than 3 days: upload the file again"),
    40008: ("dead", "the message type is not valid"),
    40009: ("dead", "the image's size is not valid: it is empty or over 10 MB"),
    40011: ("dead", "the video's size is not valid: it is empty or over 10 MB"),
    40031: ("dead", "none of the members is valid"),
    40035: ("dead", "a parameter of the message is not valid"),
    40058: ("dead", "the message is not made as WeCom wants it, or it is empty or too long"),
    40063: ("dead", "a parameter of the message is empty"),
    40096: ("dead", "the external contact's id is not valid"),
    41006: ("dead", "the media_id is missing"),
    42014: ("dead", "the card's task_id was used before, is empty or too long"),
    42017: ("dead", "the card has been updated with its response_code already, or its 72 hours are over"),
    43004: ("dead", "the member does not follow the app"),
    44001: ("dead", "the file is empty"),
    44002: ("dead", "the request is empty"),
    44004: ("dead", "the message is empty"),
    45001: ("dead", "the file is bigger than WeCom allows"),
    45002: ("dead", "the message is longer than WeCom allows"),
    45004: ("dead", "the description is longer than WeCom allows"),
    45007: ("dead", "the voice message is longer than 60 seconds"),
    45008: ("dead", "the message has more than 8 articles"),
    45022: ("dead", "the name is longer than WeCom allows"),
    45035: ("dead", "the app's message quota of this day is used up"),
    47001: ("dead", "WeCom cannot read the message's JSON"),
    60111: ("dead", "there is no member of this userid"),
    60123: ("dead", "there is no department of this id"),
    81013: ("dead", "none of the receivers exists or may see the app: widen the app's 可见范围"),
    81014: ("dead", "one of the receivers is not valid"),
    82001: ("dead", "the message is to nobody"),
    82002: ("dead", "the department is not valid or outside the app's 可见范围"),
    82003: ("dead", "the tag is not valid or outside the app's 可见范围"),
    84061: ("dead", "the customer is not, or no longer, a contact of the member"),
    86001: ("dead", "the group's chatid is not valid: only groups that this app made can be written to"),
    86003: ("dead", "there is no group of this chatid"),
    86004: ("dead", "the group's name is not valid"),
    86006: ("dead", "the member is not in the group"),
    86101: ("dead", "the group has too few or too many members: 2 to 2000"),
    86215: ("dead", "there is a group of this chatid already"),
    86216: ("dead", "the chatid is not valid: at most 32 letters and digits"),
    86217: ("dead", "the group's owner is not one of its members"),
    86220: ("dead", "the app must be visible from the root department to make groups"),
    86224: ("dead", "the group was not made by this app"),
    90501: ("dead", "the message's mini program is not linked with the company"),
    95000: ("dead", "customer service cannot do this"),
    95001: ("dead", "the customer's window holds no more messages: 5 for each message of theirs"),
    95002: ("dead", "the customer's window has closed: 48 hours after their message"),
    95003: ("dead", "the customer-service account is not valid"),
    95004: ("dead", "there is no such customer-service account"),
    95005: ("dead", "there is no such customer"),
    95007: ("dead", "the token of the customer-service callback is not valid or older than 10 minutes"),
    95013: ("dead", "the customer's session has ended"),
    95015: ("dead", "the servicer is not on duty or serves as many customers as they may"),
    95016: ("dead", "the customer's session cannot go from its present state to that one"),
    95018: ("dead", "the session's state allows no message from here: a person serves the customer, or it has ended"),
}
"""errcode -> what to do, and the sentence for the operator. 40001 speaks of the secret in WeCom, not of a token."""

ANSWERS = Errcodes("WeCom", ERRCODES, with_address=frozenset((60020,)), keys="corp_id and secret")

UNREACHED: Mapping[str, str] = {
    "invaliduser": "these members do not exist or may not see the app",
    "invalidparty": "these departments do not exist or may not see the app",
    "invalidtag": "these tags do not exist or may not see the app",
    "unlicenseduser": "these members have no licence (基础接口许可) for this app",
}
"""Fields of an answer whose errcode is 0, and what is wrong nevertheless. They list names, which are not repeated."""


@dataclass(frozen=True)
class Api:
    """The API of one secret of a company. `token_key` is the name of its access token in the vault."""

    corp_id: str
    secret: SecretStr
    token_key: str
    base: str

    def url(self, path: str) -> str:
        return f"{self.base.rstrip('/')}{path}"

    def call(self, path: str, body: Mapping[str, Json]) -> Outgoing:
        """POST of `body` as JSON, without what JSON or WeCom cannot hold."""
        data = orjson.dumps(cleaned(dict(body)), option=orjson.OPT_NON_STR_KEYS)
        return Outgoing(data, "application/json", self.url(path))

    def get(self, path: str, **query: str) -> Outgoing:
        return Outgoing(b"", "application/json", f"{self.url(path)}?{urlencode(query)}", method="GET")

    def token_request(self) -> Outgoing:
        """Its URL holds the secret: WeCom takes it nowhere else."""
        query = urlencode({"corpid": self.corp_id, "corpsecret": self.secret.get_secret_value()})
        return Outgoing(b"", "application/json", f"{self.url('/cgi-bin/gettoken')}?{query}", "GET", needs_token=False)

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return ANSWERS.token(body, now)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        between = "&" if "?" in outgoing.url else "?"
        return replace(outgoing, url=f"{outgoing.url}{between}access_token={quote(token, safe='')}")


def judge(status: int, body: bytes) -> Judgement:
    """What the answer to a call means. `receipt` is the message's id and, after a space, the card's response_code."""
    judged = ANSWERS.judge(status, body)
    if judged.verdict != "ok":
        return judged
    answer = read_json(body) or {}
    if wrong := [sentence for name, sentence in UNREACHED.items() if answer.get(name)]:
        return Judgement("dead", f"it did not reach everybody: {'; '.join(wrong)}", judged.code)
    words = (answer.get(name) for name in ("msgid", "response_code"))
    return replace(judged, receipt=" ".join(word for word in words if isinstance(word, str) and word))
