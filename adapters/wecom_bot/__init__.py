"""AI bots of WeCom (企业微信智能机器人)."""

from adapters.wecom_bot.channel import WeComBot

__all__ = ["WeComBot"]
