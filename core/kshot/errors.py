"""Every error that kshot raises on purpose: who is at fault, what is wrong, and the mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

MAX_MESSAGE = 10_000
"""Characters of a message: names in it may be of any length, and its end says what to do."""
MAX_PROBLEMS, MAX_PROBLEM = 25, 1_000
"""Problems of one configuration that its message tells, and characters of each."""
MAX_UNUSABLE = 10
"""Examples that cannot be used and are told in one message."""


class KshotError(Exception):
    """An error that a user can mend; its text is complete without a traceback, and of bounded length."""

    def __str__(self) -> str:
        return _middle_out(super().__str__(), MAX_MESSAGE)


class InputError(KshotError, ValueError):
    """Examples or labels that were handed over and cannot serve; a ``ValueError`` too, as scikit-learn has it."""


class UnusableError(InputError):
    """Some of the examples that were handed over cannot be used, while the others can.

    Args:
        who: what they were handed to, such as ``fit``.
        reasons: what is wrong with each of them, by its number from 0 on.
        names: of all examples, in their order; none: they are told by their numbers.
    """

    def __init__(self, who: str, reasons: Mapping[int, str], names: Sequence[str] = ()) -> None:
        self.who, self.reasons = who, dict(sorted(reasons.items()))
        told = [
            f"{names[number] if names else f'example {number}'} cannot be used: {reason}"
            for number, reason in self.reasons.items()
        ]
        alone = f"{who}: {told[0]}" if len(told) == 1 else ""
        super().__init__(alone or itemised(f"{who}: {len(told)} examples cannot be used", told, MAX_UNUSABLE))


class DataError(KshotError):
    """A source, a file or an example that cannot be used."""


class MissingColumnError(DataError):
    """A table has no such column.

    Args:
        table: as the user wrote it.
        column: that is missing.
        known: those that there are.
    """

    def __init__(self, table: str, column: str, known: Sequence[str]) -> None:
        self.column, self.known = column, tuple(known)
        super().__init__(
            f"{table} has no column '{column}' (it has: {listing(known)}){nearest(column, known)}"
        )


class PluginError(KshotError):
    """A plugin that cannot be loaded, or that broke its contract."""


class CellError(KshotError):
    """One cell of a benchmark failed; the others go on."""


class ProcessError(KshotError):
    """A process that trains together with this one ended or does not answer; the run ends."""


class StorageError(KshotError):
    """A file that cannot be written, for want of room or of permission: a run cannot go on."""


class ConfigurationError(KshotError):
    """All that is wrong with one configuration, gathered and raised once.

    Args:
        where: the file (or other origin) of the configuration.
        problems: one line each, naming the key, the value, what is allowed.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(itemised(f"{where}: {count}", problems, MAX_PROBLEMS))


def itemised(title: str, problems: Sequence[str], limit: int) -> str:
    """A title over a line for each problem, cut after ``limit`` with the count of the rest."""
    shown = [f"  - {_middle_out(problem, MAX_PROBLEM)}" for problem in problems[:limit]]
    more = len(problems) - len(shown)
    rest = [f"  and {more} more"] if more else list[str]()
    return "\n".join([title, *shown, *rest])


def _middle_out(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[-end:]}"


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest of ``known``, or an empty string."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Names for an error message, cut after ``limit`` with the count of the rest."""
    ordered = list(names)
    shown = ", ".join(ordered[:limit]) or "none"
    return shown if len(ordered) <= limit else f"{shown} and {len(ordered) - limit} more"
