"""What is registered, through the checks of its kind: all that a plugin brings, or one entry of it."""

from kshot.testing.registered.plugin import Checked, check_entry, check_plugin, entries_of, imports_of
from kshot.testing.registered.trying import Tried, registered_subject, tiny_source, try_entry

__all__ = [
    "Checked",
    "Tried",
    "check_entry",
    "check_plugin",
    "entries_of",
    "imports_of",
    "registered_subject",
    "tiny_source",
    "try_entry",
]
