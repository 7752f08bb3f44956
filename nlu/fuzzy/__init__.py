"""Misspelt values of word lists, by sound, shape and spelling."""
