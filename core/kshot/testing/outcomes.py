"""Named checks run one after the other, for a table of what passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from unittest import SkipTest

from kshot.errors import nearest

Check = Callable[..., None]
"""Raises ``AssertionError`` where the contract is broken, ``SkipTest`` where it does not apply."""


class DeclaredExceptionError(SkipTest):
    """Raised by a check of what the subject itself declares that it cannot; pytest shows it as skipped."""


@dataclass(frozen=True)
class Outcome:
    """What became of one check.

    Attributes:
        name: of the check.
        result: ``skipped`` where it does not apply, ``excepted`` where its author declared why.
        reason: empty for what passed.
    """

    name: str
    result: Literal["passed", "failed", "skipped", "excepted"]
    reason: str = ""


def run_checks(
    checks: Mapping[str, Check], *arguments: Any, exceptions: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Run every check on the same arguments; one that fails stops no other.

    Args:
        checks: such as ``LEARNER_CHECKS``.
        arguments: what each is called with.
        exceptions: checks left out, each with the reason.

    Raises:
        ValueError: an exception that names no check, or gives no reason.
    """
    excepted = checked_exceptions(exceptions or {}, checks)
    return [
        Outcome(name, "excepted", excepted[name]) if name in excepted else _run(name, check, arguments)
        for name, check in checks.items()
    ]


def checked_exceptions(exceptions: Mapping[str, str], known: Iterable[str]) -> Mapping[str, str]:
    """The exceptions themselves, once each names a check and gives a reason.

    Raises:
        ValueError: one does not.
    """
    names = list(known)
    for name, reason in exceptions.items():
        if name not in names:
            raise ValueError(
                f"no check is called '{name}'{nearest(name, names)} (checks: {', '.join(names)})"
            )
        if not reason.strip():
            raise ValueError(f"the exception from '{name}' needs its reason: why can the check not hold?")
    return exceptions


def one_line(error: BaseException) -> str:
    """An error's text with its line breaks folded."""
    return " ".join(str(error).split())


def _run(name: str, check: Check, arguments: tuple[Any, ...]) -> Outcome:
    try:
        check(*arguments)
    except DeclaredExceptionError as declared:
        return Outcome(name, "excepted", str(declared))
    except SkipTest as skip:
        return Outcome(name, "skipped", str(skip))
    except AssertionError as error:
        return Outcome(name, "failed", one_line(error))
    except (Exception, SystemExit) as error:
        return Outcome(name, "failed", f"raised {type(error).__name__}: {one_line(error)}")
    return Outcome(name, "passed")
