"""A plugin for a hook interface that is gone."""

KSHOT_API = 0
