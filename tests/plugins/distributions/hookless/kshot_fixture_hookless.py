"""A plugin that implements nothing."""

KSHOT_API = 1
