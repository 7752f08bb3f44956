"""Questions and answers as people keep them: YAML lists, spreadsheets, Markdown. Read in place, they need no intent and
no response of their own."""

from nlu.faq.entries import FAQ, Entry, FaqData, Question
from nlu.faq.reading import faq_files, read_faq

__all__ = ["FAQ", "Entry", "FaqData", "Question", "faq_files", "read_faq"]
