"""A factory whose optional dependency is not installed."""

import kshot_fixture_dependency  # noqa: F401
