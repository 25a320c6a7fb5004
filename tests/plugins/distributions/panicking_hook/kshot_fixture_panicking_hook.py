"""A plugin whose hook panics, by what is no ``Exception``."""

from kshot import hookimpl

KSHOT_API = 1


class PanicException(BaseException):
    """As pyo3 has it."""


@hookimpl
def kshot_encoders():
    raise PanicException("out of bounds")
