"""What a browser sees: Rasa's REST endpoint, the chat page and its widget, and the operators' console."""

from bot.web.origins import Origins
from bot.web.routes import mount
from bot.web.site import Site

__all__ = ["Origins", "Site", "mount"]
