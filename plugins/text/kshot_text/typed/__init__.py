"""The source ``typed_words``: words typed in haste."""
