"""The source ``spoken_words``: words said by synthesised voices."""
