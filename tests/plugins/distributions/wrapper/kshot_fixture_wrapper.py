"""A plugin that wraps a hook, and so would depend on the order of calls."""

from kshot import hookimpl

KSHOT_API = 1


@hookimpl(wrapper=True)
def kshot_encoders():
    return (yield)
