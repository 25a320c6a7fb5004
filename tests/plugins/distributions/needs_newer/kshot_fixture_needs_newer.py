"""A plugin for a newer core."""

raise AssertionError("the requirement is checked before anything is imported")
