"""The mood of a message: how well the customer speaks, how urgent it is, how close he is to a complaint."""

from nlu.mood.analyzer import MoodAnalyzer

__all__ = ["MoodAnalyzer"]
