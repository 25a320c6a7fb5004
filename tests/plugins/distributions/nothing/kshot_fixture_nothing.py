"""A plugin whose hook forgets to return, which pluggy drops without a word."""

from kshot import hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders():
    pass
