"""A plugin that does not say which hooks it was written for."""
