"""The channels that are served, by their names in credentials.yml. The one place that names their classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.channel import Channel
from adapters.feishu import Feishu
from adapters.wechat import WeChat
from adapters.wecom_bot import WeComBot
from adapters.wecom_kf import WeComKf
from bot.ways import Key, Outlet
from config.credentials import Credentials, WeChatAccount
from config.settings import Settings

Make = Callable[[str, Any, Settings], Channel]
"""(account's name, its keys, settings) -> its codec."""

CHANNELS: Mapping[str, Make] = {
    "wechat": lambda name, account, settings: WeChat(name, account, settings.timestamp_window_s),
    "feishu": lambda name, account, settings: Feishu(name, account, settings.timestamp_window_s),
    "wecom_bot": lambda name, account, settings: WeComBot(name, account, settings.timestamp_window_s),
    "wecom_kf": lambda name, account, settings: WeComKf(name, account, settings.timestamp_window_s),
}


def outlets(credentials: Credentials, settings: Settings) -> dict[Key, Outlet]:
    """Every account of `credentials` with its codec."""
    return {
        (channel, name): Outlet(
            CHANNELS[channel](name, account, settings),
            learns=isinstance(account, WeChatAccount) and account.push == "auto",
            group=getattr(account, "group", None),
        )
        for channel, name, account in credentials.accounts()
    }
