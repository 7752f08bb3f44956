"""Rasa's HTTP API: what drives a Rasa server drives this one unchanged.

https://rasa.com/docs/rasa/pages/http-api. On where `YINGDA_ENABLE_API` says so, or a token or JWT secret is set.
"""

from bot.web.rasa.answers import VERSION
from bot.web.rasa.auth import Auth
from bot.web.rasa.conversations import Conversations
from bot.web.rasa.model import Models

RASA_GREETING = f"Hello from Rasa: {VERSION}"
"""What `GET /` of a Rasa server says; clients look for it."""

__all__ = ["RASA_GREETING", "Auth", "Conversations", "Models"]
