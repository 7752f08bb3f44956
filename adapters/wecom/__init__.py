"""WeCom (企业微信): self-built apps; and what its customer service and group robots share with them."""

from adapters.wecom.channel import WeCom

__all__ = ["WeCom"]
