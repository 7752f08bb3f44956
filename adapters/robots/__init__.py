"""Group robots (群机器人) of WeCom and DingTalk: they only speak, to the one group that they are in."""

from adapters.robots.dingtalk import DingTalkRobot
from adapters.robots.wecom import WeComRobot

__all__ = ["DingTalkRobot", "WeComRobot"]
