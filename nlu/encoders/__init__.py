"""Pretrained sentence encoders: which there are, how one is opened, and how e5-small-zh is built without a hub."""

from nlu.encoders.opening import Encoder, open_encoder, resolve

__all__ = ["Encoder", "open_encoder", "resolve"]
