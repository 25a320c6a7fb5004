"""The words that sources of several modalities share: 4,000 of English, and which of them are held out.

Each plugin brings the same words to its own sense. A class is a word, so that classes of two
senses are joined by name.
"""

from kshot.words.chosen import MOST, words, words_of
from kshot.words.source import Count, Several, TestManners, TestWords, WordExample, WordSource

__all__ = [
    "MOST",
    "Count",
    "Several",
    "TestManners",
    "TestWords",
    "WordExample",
    "WordSource",
    "words",
    "words_of",
]
