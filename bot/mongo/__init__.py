"""The store for several hosts: a MongoDB replica set (or sharded cluster), 4.4 or later."""

from bot.mongo.store import MongoStore

__all__ = ["MongoStore"]
