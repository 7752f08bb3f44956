"""Simulated vendors beside one another: one bot, every wire format."""
