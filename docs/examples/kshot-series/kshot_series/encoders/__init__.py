"""Encoders of the modality, one a module."""
