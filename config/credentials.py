"""credentials.yml: the channels to serve, each with its accounts by name. One model per kind of account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from config.settings import JwtMethod
from config.source import BadProject, Loc, Problem, Strict, check, did_you_mean, environment, read_yaml


def _aes_key(key: SecretStr) -> SecretStr:
    given = key.get_secret_value()
    if given and not re.fullmatch(r"[A-Za-z0-9+/]{43}", given):
        raise ValueError(
            f"an encoding_aes_key is 43 letters and digits (this one has {len(given)}); "
            "copy it again from the account's console"
        )
    return key


AesKey = Annotated[SecretStr, AfterValidator(_aes_key)]
NONE = SecretStr("")


class Keys(Strict):
    """What credentials.yml says in one place. The texts under the fields are the docs' tables."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Group(Keys):
    """How the bot behaves in group chats. What it is addressed by: its name (@), or a prefix or keyword from here."""

    answer: Literal["addressed", "all"] = "addressed"
    """Whether a group is answered where the bot is addressed (by @, prefix or keyword), or always."""
    prefixes: tuple[str, ...] = ()
    """A message that starts with one of them addresses the bot; the prefix is cut off."""
    keywords: tuple[str, ...] = ()
    """A message in which one of them occurs addresses the bot."""
    session: Literal["member", "shared"] = "member"
    """Whether each member of a group has a conversation of their own, or all have one together."""
    mention_back: bool = True
    """Whether an answer in a group begins with an @ to whoever asked."""
    per_minute: int = Field(default=20, ge=0)
    """How many messages of one group are answered in a minute; 0: any number."""
    member_per_minute: int = Field(default=10, ge=0)
    """How many of them may be one member's; 0: any number."""


class WeChatAccount(Keys):
    """One WeChat official account (公众号)."""

    app_id: str
    """The AppID (开发者ID) of the account."""
    app_secret: SecretStr = NONE
    """The AppSecret; needed for replies that take longer than 5 s, and for media."""
    token: SecretStr
    """The Token of the server configuration (服务器配置)."""
    encoding_aes_key: AesKey = NONE
    """The EncodingAESKey (43 characters); needed unless the mode is plain."""
    previous_encoding_aes_key: AesKey = NONE
    """The key before the last change in the console: WeChat goes on using it for a while."""
    mode: Literal["plain", "compatible", "safe"] = "safe"
    """The message encryption (消息加解密方式) as the console says: 明文, 兼容 or 安全模式."""
    push: bool | Literal["auto"] = "auto"
    """Whether the account may use the customer-service API (certified ones may); auto finds out."""
    transfer: bool = False
    """The account has WeChat's own customer-service console: 转人工 hands over to it."""
    kf_account: str = ""
    """The servicer (name@account) in whose name and with whose picture messages are pushed; empty: the account's."""
    menu: str = "wechat-menu.yml"
    """The file, beside credentials.yml, of the account's menu."""
    api_base: str = "https://api.weixin.qq.com"
    """Where the API is called; another address only for a proxy or a test."""
    mp_base: str = "https://mp.weixin.qq.com"
    """Where pictures of QR codes are fetched."""

    @model_validator(mode="after")
    def _has_a_key(self) -> WeChatAccount:
        key = self.encoding_aes_key.get_secret_value()
        if self.mode != "plain" and len(key) != 43:
            raise ValueError(
                f"mode {self.mode} needs the 43 characters of encoding_aes_key (this one has {len(key)}); "
                "copy it from the account's console, or set mode: plain"
            )
        return self


class WeComAccount(Keys):
    """One self-built app (自建应用) of WeCom."""

    corp_id: str
    """The company (企业ID, 我的企业 in the admin console)."""
    agent_id: int
    """The app's AgentId."""
    secret: SecretStr
    """The app's Secret."""
    token: SecretStr
    """The token of the callback in the console."""
    encoding_aes_key: AesKey
    """The EncodingAESKey (43 characters) of the callback in the console."""
    previous_encoding_aes_key: AesKey = NONE
    """The key before the last change in the console: what was encrypted with it is still read."""
    markdown: bool = True
    """False where members read the app in WeChat's plugin (微信插件), which shows no Markdown: they get text."""
    api_base: str = "https://qyapi.weixin.qq.com"
    """Where the API is called; another address only for a proxy or a test."""


class WeComBotAccount(Keys):
    """One AI bot (智能机器人) of WeCom: by webhook (`token`, key) or by WebSocket (`bot_id`, `secret`)."""

    mode: Literal["webhook", "websocket"] = "webhook"
    """Whether WeCom calls our webhook (URL回调) or we hold a connection (长连接)."""
    name: str = ""
    """The bot's name in WeCom, as it stands after the @ in a group."""
    token: SecretStr = NONE
    """The Token of the callback; needed in mode webhook."""
    encoding_aes_key: AesKey = NONE
    """The EncodingAESKey (43 characters) of the callback; needed in mode webhook."""
    previous_encoding_aes_key: AesKey = NONE
    """The key before the last change in the console: what was encrypted with it is still read."""
    bot_id: str = ""
    """The bot's id; needed in mode websocket."""
    secret: SecretStr = NONE
    """The Secret of the bot's long connection; needed in mode websocket."""
    ws_url: str = "wss://openws.work.weixin.qq.com"
    """Where the connection is opened."""
    group: Group = Group()
    """How it behaves in groups, see below."""

    @model_validator(mode="after")
    def _has_its_keys(self) -> WeComBotAccount:
        needs = ("token", "encoding_aes_key") if self.mode == "webhook" else ("bot_id", "secret")
        if missing := [name for name in needs if not _plain(getattr(self, name))]:
            raise ValueError(f"mode {self.mode} needs {' and '.join(missing)}; copy them from the bot's page in WeCom")
        return self


class WeComKfAccount(Keys):
    """One customer-service account (微信客服) of WeCom."""

    corp_id: str
    """The company (企业ID, 我的企业 in the admin console)."""
    secret: SecretStr
    """The Secret of the app that may call the API of customer service."""
    token: SecretStr
    """The token of the callback in the console."""
    encoding_aes_key: AesKey
    """The EncodingAESKey (43 characters) of the callback in the console."""
    previous_encoding_aes_key: AesKey = NONE
    """The key before the last change in the console: what was encrypted with it is still read."""
    open_kfid: str
    """The account's id (wk…); a callback for another is acknowledged and no more."""
    transfer: bool = True
    """转人工 hands the customer over to the account's servicers in WeCom; else they wait in the console here."""
    api_base: str = "https://qyapi.weixin.qq.com"
    """Where the API is called; another address only for a proxy or a test."""


class WeComRobotAccount(Keys):
    """One group robot (群机器人) of WeCom: it only speaks."""

    key: SecretStr
    """The `key=` of its webhook address."""
    api_base: str = "https://qyapi.weixin.qq.com"
    """Where the API is called; another address only for a proxy or a test."""


class DingTalkAccount(Keys):
    """One DingTalk app with a robot: by HTTP callbacks or by Stream."""

    mode: Literal["http", "stream"] = "stream"
    """Whether DingTalk calls our webhook (HTTP) or we hold connections (Stream), which need no public address."""
    client_id: str
    """The Client ID (AppKey) of the app."""
    client_secret: SecretStr
    """The Client Secret (AppSecret) of the app."""
    robot_code: str = ""
    """The robot's RobotCode; empty: the same as `client_id`."""
    corp_id: str = ""
    """The company's CorpId; only where events by HTTP are encrypted for it rather than for the app."""
    token: SecretStr = NONE
    """The Token of the event subscription, where it is by HTTP."""
    encoding_aes_key: AesKey = NONE
    """The aes_key (43 characters) of the event subscription, where it is by HTTP."""
    card_template_id: str = ""
    """An interactive card for buttons; empty: DingTalk's action cards."""
    ai_card_template_id: str = ""
    """An AI card that long answers are typed into; empty: they are sent whole."""
    ai_card_key: str = "content"
    """The AI card's variable for the answer."""
    card_secret: SecretStr = NONE
    """What taps on cards are signed with, where they come by HTTP: the apiSecret of the callback address."""
    card_route_key: str = ""
    """The callbackRouteKey of that address."""
    connections: int = Field(default=1, ge=1, le=50)
    """Stream connections of each process."""
    group: Group = Group()
    """How it behaves in groups, see below."""
    api_base: str = "https://api.dingtalk.com"
    """Where the API is called; another address only for a proxy or a test."""
    oapi_base: str = "https://oapi.dingtalk.com"
    """Where the older API is called."""
    gateway: str = "https://api.dingtalk.com"
    """Where connections of Stream mode are asked for."""


class DingTalkRobotAccount(Keys):
    """One custom robot (自定义机器人) of a DingTalk group: it only speaks."""

    access_token: SecretStr
    """The `access_token=` of its webhook address."""
    secret: SecretStr = NONE
    """Where the robot is secured by a signature (加签)."""
    oapi_base: str = "https://oapi.dingtalk.com"
    """Where the API is called; another address only for a proxy or a test."""


class FeishuAccount(Keys):
    """One Feishu (飞书) or Lark app with a bot."""

    app_id: str
    """The App ID of the app."""
    app_secret: SecretStr
    """The App Secret; needed to answer."""
    verification_token: SecretStr = NONE
    """The Verification Token of 事件与回调 → 加密策略."""
    encrypt_key: SecretStr = NONE
    """The Encrypt Key of 事件与回调 → 加密策略; needed where events are encrypted."""
    name: str = ""
    """The bot's name, as it stands after the @ in a group; empty: whoever is mentioned, the bot is meant."""
    group: Group = Group()
    """How it behaves in groups, see below."""
    api_base: str = "https://open.feishu.cn"
    """Where the API is called: https://open.larksuite.com for Lark."""

    @model_validator(mode="after")
    def _knows_its_vendor(self) -> FeishuAccount:
        if not _plain(self.encrypt_key) and not _plain(self.verification_token):
            raise ValueError("encrypt_key or verification_token is needed; copy them from 事件与回调 → 加密策略")
        return self


Account = (
    WeChatAccount
    | WeComAccount
    | WeComBotAccount
    | WeComKfAccount
    | WeComRobotAccount
    | DingTalkAccount
    | DingTalkRobotAccount
    | FeishuAccount
)


class Rest(Strict):
    """Rasa's REST channel has no settings."""


class CallbackAccount(Keys):
    """Rasa's callback channel: messages come to `/webhooks/callback/webhook`, answers are posted to a URL of yours."""

    url: str
    """Where each thing that the bot says is posted as JSON."""
    token: SecretStr = NONE
    """Sent along as `?token=`."""
    headers: Mapping[str, SecretStr] = {}
    """Sent along with each post."""
    basic_auth: Mapping[str, SecretStr] = {}
    """`username` and `password`, where the URL asks for such."""


class SocketIo(Strict):
    """Rasa's `socketio:`, with its names and defaults."""

    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    session_persistence: bool = False
    """A session is known by its id, so that it goes on after a reload; else by its connection."""
    jwt_key: SecretStr | None = None
    """Whoever connects must show a token signed with it, in `auth.token`."""
    jwt_method: JwtMethod = "HS256"
    socketio_path: str = "/socket.io"
    namespace: str = ""
    metadata_key: str = "metadata"


class Credentials(Strict):
    """The channels to serve, each with its accounts by name."""

    wechat: Mapping[str, WeChatAccount] = {}
    wecom: Mapping[str, WeComAccount] = {}
    wecom_bot: Mapping[str, WeComBotAccount] = {}
    wecom_kf: Mapping[str, WeComKfAccount] = {}
    wecom_robot: Mapping[str, WeComRobotAccount] = {}
    dingtalk: Mapping[str, DingTalkAccount] = {}
    dingtalk_robot: Mapping[str, DingTalkRobotAccount] = {}
    feishu: Mapping[str, FeishuAccount] = {}
    callback: Mapping[str, CallbackAccount] = {}
    rest: Rest | None = None
    socketio: SocketIo | None = None
    others: tuple[str, ...] = ()
    """Channels of a Rasa project that are not served here; they are named in a warning."""

    def accounts(self) -> Iterator[tuple[str, str, Account]]:
        """Channel, name and account of each."""
        for channel in ACCOUNTS:
            for name, account in getattr(self, channel).items():
                yield channel, name, account


ACCOUNTS: Mapping[str, type[Strict]] = {
    "wechat": WeChatAccount,
    "wecom": WeComAccount,
    "wecom_bot": WeComBotAccount,
    "wecom_kf": WeComKfAccount,
    "wecom_robot": WeComRobotAccount,
    "dingtalk": DingTalkAccount,
    "dingtalk_robot": DingTalkRobotAccount,
    "feishu": FeishuAccount,
    "callback": CallbackAccount,
}
KNOWN_CHANNELS = (*ACCOUNTS, "rest", "socketio")
RASA_CHANNELS = frozenset(
    (
        "socketio", "callback", "rasa", "cmdline", "slack", "facebook", "telegram", "twilio", "twilio_voice",
        "botframework", "rocketchat", "mattermost", "webexteams", "hangouts", "google_hangouts",
    )
)  # fmt: skip
"""Names that a Rasa project may have in its file, besides the dotted path of a class of its own."""


def load_credentials(project: Path) -> Credentials:
    """`credentials.yml` with `${ENV}` filled in; a project without the file serves the web pages and REST.

    A channel holds accounts by name, or one account's keys directly, which is then called `main`. Raises `BadProject`.
    """
    path = project / "credentials.yml"
    if not path.is_file():
        return Credentials(rest=Rest())
    source = read_yaml(path, environment(project))
    data: dict[str, Any] = source.data or {}
    if not isinstance(data, dict):
        raise BadProject(source.problem((), "channels are expected here", "write e.g. 'rest:' on a line of its own"))
    problems: list[Problem] = []
    found: dict[str, dict[str, Strict]] = {}
    for channel, model in ACCOUNTS.items():
        for name, loc in _places(channel, data.get(channel) or {}, model):
            try:
                found.setdefault(channel, {})[name] = check(source, model, loc)
            except BadProject as bad:
                problems.extend(bad.problems)
    socketio: SocketIo | None = None
    if "socketio" in data:
        try:
            socketio = check(source, SocketIo, ("socketio",))
        except BadProject as bad:
            problems.extend(bad.problems)
    others = [key for key in data if key not in KNOWN_CHANNELS]
    for key in others:
        if key not in RASA_CHANNELS and "." not in key:
            problems.append(source.problem((key,), f"unknown channel '{key}'", did_you_mean(key, KNOWN_CHANNELS)))
    if problems:
        raise BadProject(problems)
    own = {"rest": Rest() if "rest" in data else None, "socketio": socketio}
    return Credentials.model_validate({**found, **own, "others": tuple(others)})


def _places(channel: str, given: Any, model: type[Strict]) -> list[tuple[str, Loc]]:
    """The accounts under a channel: their names, and where each stands in the file."""
    if not isinstance(given, dict) or given.keys() & model.model_fields.keys():
        return [("main", (channel,))]
    return [(name, (channel, name)) for name in given]


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
