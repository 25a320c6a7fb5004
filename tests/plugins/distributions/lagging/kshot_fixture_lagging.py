"""A plugin that names an argument, and implements a hook, which may one day go."""

from kshot import hookimpl

KSHOT_API = 1


@hookimpl
def kshot_evaluated(cell, ci95):
    print(f"{cell} ± {ci95}")


@hookimpl
def kshot_validated(cell):
    print(cell)
