"""A plugin whose requirement is not one."""

raise AssertionError("the requirement is checked before anything is imported")
