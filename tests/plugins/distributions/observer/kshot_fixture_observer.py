"""A plugin that observes runs, and fails at it."""

from kshot import hookimpl

KSHOT_API = 1


@hookimpl
def kshot_cell_failed(cell):
    raise ValueError(f"cannot note {cell}")
