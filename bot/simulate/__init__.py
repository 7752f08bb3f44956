"""Vendors on a desk: what WeChat sends to a webhook and answers to our calls, over real HTTP on the loopback."""

from bot.simulate.group_robot import GroupRobots
from bot.simulate.wechat import WeChatPhone
from bot.simulate.wechat_api import WeChatApi
from bot.simulate.wecom_bot import WeComBotPhone
from bot.simulate.wecom_bot_gateway import WeComBotGateway

__all__ = ["GroupRobots", "WeChatApi", "WeChatPhone", "WeComBotGateway", "WeComBotPhone"]
