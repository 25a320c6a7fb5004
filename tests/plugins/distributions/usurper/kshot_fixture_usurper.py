"""A plugin that takes the core's own name."""

raise AssertionError("names are checked before anything is imported")
