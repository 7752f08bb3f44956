"""The roof: sessions, turns, store, workers, outbox, HTTP app, pages, simulators, command line."""

__version__ = "0.1.0"
