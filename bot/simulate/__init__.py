"""Vendors on a desk: what WeChat and DingTalk send to a bot and answer to our calls, over real HTTP on the loopback."""

from bot.simulate.dingtalk import Callbacks, DingTalkGateway, DingTalkPhone
from bot.simulate.dingtalk_api import DingTalkApi
from bot.simulate.group_robot import GroupRobots
from bot.simulate.wechat import WeChatPhone
from bot.simulate.wechat_api import WeChatApi
from bot.simulate.wecom import WeComPhone
from bot.simulate.wecom_api import WeComApi
from bot.simulate.wecom_bot import WeComBotPhone
from bot.simulate.wecom_bot_gateway import WeComBotGateway

__all__ = [
    "Callbacks", "DingTalkApi", "DingTalkGateway", "DingTalkPhone", "GroupRobots", "WeChatApi", "WeChatPhone",
    "WeComApi", "WeComBotGateway", "WeComBotPhone", "WeComPhone",
]  # fmt: skip
