"""Channels: bytes of a vendor <-> the one message model. Pure codecs; one HTTP transport."""
