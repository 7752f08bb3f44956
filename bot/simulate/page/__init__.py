"""A page with three phones on which a person talks with the bot over three vendors' wire formats."""

from bot.simulate.page.server import serve_page

__all__ = ["serve_page"]
