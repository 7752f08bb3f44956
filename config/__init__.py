"""Typed settings, project files with line numbers, and the sample bots."""
