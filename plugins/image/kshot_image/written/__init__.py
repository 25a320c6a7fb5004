"""The source ``written_words``: words drawn in many faces and hands."""
