"""A plugin for a hook interface that is still to come."""

KSHOT_API = 99
