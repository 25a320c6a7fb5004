"""Sources read from tables and folders (being written)."""
