"""WeCom customer service (微信客服)."""

from adapters.wecom_kf.channel import WeComKf

__all__ = ["WeComKf"]
