"""Vendors on a desk: what WeChat sends to a webhook and answers to our calls, over real HTTP on the loopback."""

from bot.simulate.group_robot import GroupRobots
from bot.simulate.wechat import WeChatPhone
from bot.simulate.wechat_api import WeChatApi

__all__ = ["GroupRobots", "WeChatApi", "WeChatPhone"]
