"""WeChat official accounts (微信公众号)."""

from adapters.wechat.channel import WeChat

__all__ = ["WeChat"]
