"""DingTalk apps with a robot (钉钉应用机器人)."""

from adapters.dingtalk.channel import DingTalk

__all__ = ["DingTalk"]
