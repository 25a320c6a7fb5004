"""A plugin whose entry point names an attribute."""

KSHOT_API = 1
PLUGIN = object()
