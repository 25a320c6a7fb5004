"""A distribution that names another one's module."""
