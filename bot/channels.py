"""The channels that are served, by their names in credentials.yml. The one place that names their classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from adapters.callback import Callback
from adapters.channel import Channel
from adapters.dingtalk import DingTalk
from adapters.dingtalk.channel import WINDOW_S as DINGTALK_WINDOW_S
from adapters.feishu import Feishu
from adapters.robots import DingTalkRobot, WeComRobot
from adapters.wechat import WeChat
from adapters.wecom import WeCom
from adapters.wecom_bot import WeComBot
from adapters.wecom_kf import WeComKf
from bot.ways import Key, Outlet
from config.credentials import Credentials, DingTalkRobotAccount, WeChatAccount, WeComRobotAccount
from config.settings import Settings
from config.source import BadProject, Problem

Make = Callable[[str, Any, Settings], Channel]
"""(account's name, its keys, settings) -> its codec."""

CHANNELS: Mapping[str, Make] = {
    "wechat": lambda name, account, settings: WeChat(name, account, settings.timestamp_window_s),
    "dingtalk": lambda name, account, settings: DingTalk(
        name, account, DINGTALK_WINDOW_S if settings.timestamp_window_s else 0.0
    ),
    "wecom": lambda name, account, settings: WeCom(name, account, settings.timestamp_window_s),
    "wecom_robot": lambda name, account, settings: WeComRobot(name, account),
    "dingtalk_robot": lambda name, account, settings: DingTalkRobot(name, account),
    "feishu": lambda name, account, settings: Feishu(name, account, settings.timestamp_window_s),
    "wecom_bot": lambda name, account, settings: WeComBot(name, account, settings.timestamp_window_s),
    "callback": lambda name, account, settings: Callback(name, account),
    "wecom_kf": lambda name, account, settings: WeComKf(name, account, settings.timestamp_window_s),
}


def outlets(credentials: Credentials, settings: Settings, *more: Channel) -> dict[Key, Outlet]:
    """Every account of `credentials` with its codec, and `more`."""
    return {(channel.name, channel.account): Outlet(channel) for channel in more} | {
        (channel, name): Outlet(
            CHANNELS[channel](name, account, settings),
            learns=isinstance(account, WeChatAccount) and account.push == "auto",
            group=getattr(account, "group", None),
        )
        for channel, name, account in credentials.accounts()
    }


def alert_robot(credentials: Credentials, settings: Settings) -> WeComRobot | DingTalkRobot | None:
    """The group robot that tells of alerts, an account beside those of `credentials`; None where no URL is set.
    Raises `BadProject`."""
    url, secret = settings.alert_url.get_secret_value(), settings.alert_secret.get_secret_value()
    if not url:
        return None
    try:
        robot = robot_of(url, secret)
    except ValueError as error:
        raise BadProject(Problem("environment", 1, f"YINGDA_ALERT_URL: {error}")) from None
    if any((channel, name) == (robot.name, robot.account) for channel, name, _ in credentials.accounts()):
        what = f"{robot.name}: the account {robot.account} is called as the robot of YINGDA_ALERT_URL is"
        raise BadProject(Problem("credentials.yml", 1, what, "give the account another name"))
    return robot


def robot_of(url: str, secret: str = "") -> WeComRobot | DingTalkRobot:
    """The robot of a webhook URL. Raises ValueError, without the URL in it, where it is no group robot's."""
    parts = urlsplit(url)
    base, query = f"{parts.scheme}://{parts.netloc}", dict(parse_qsl(parts.query))
    match parts.path:
        case "/cgi-bin/webhook/send" if key := query.get("key"):
            return WeComRobot("alerts", WeComRobotAccount(key=SecretStr(key), api_base=base))
        case "/robot/send" if token := query.get("access_token"):
            keys = {"access_token": SecretStr(token), "secret": SecretStr(secret)}
            return DingTalkRobot("alerts", DingTalkRobotAccount(**keys, oapi_base=base))
    raise ValueError(
        "it is no group robot's address: copy the webhook URL from the group's robot in WeCom "
        "(.../cgi-bin/webhook/send?key=...) or DingTalk (.../robot/send?access_token=...)"
    )
