"""A plugin whose import panics, as a library in Rust does: by what is no ``Exception``."""


class PanicException(BaseException):
    """As pyo3 has it."""


raise PanicException("index out of bounds")
