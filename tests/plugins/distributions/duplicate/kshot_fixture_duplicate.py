"""A plugin whose entry point has the name of another distribution's."""

raise AssertionError("duplicates are found before anything is imported")
