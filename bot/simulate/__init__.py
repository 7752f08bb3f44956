"""Vendors on a desk: what WeChat sends to a webhook and answers to our calls, over real HTTP on the loopback."""
