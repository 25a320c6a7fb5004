"""Encoders of recordings."""
