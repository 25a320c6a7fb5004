"""The source ``voices``: speakers synthesised on the user's machine."""
