"""A plugin whose interface is no number."""

KSHOT_API = "1"
