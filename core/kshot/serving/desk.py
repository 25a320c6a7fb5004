"""The desk at which one classifier is asked and taught, by several people at a time."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, final

from kshot.classifier import Answer, FewShotClassifier
from kshot.errors import KshotError, UnusableError, listing, nearest
from kshot.serving.limits import Limits
from kshot.serving.names import class_name
from kshot.serving.refusals import FORBIDDEN, NOT_THERE, TOO_LARGE, UNREADABLE, RefusedError
from kshot.serving.shown import Kept, Shown, size

NEAR = 4
"""Nearest examples that are told of each thing."""


@dataclass(frozen=True)
class Thing:
    """What was sent.

    Attributes:
        name: what its sender calls it, for messages.
        content: a file's bytes; never a path.
    """

    name: str
    content: bytes


@dataclass(frozen=True, eq=False)
class State:
    """A classifier as it stands, which nothing changes: a change makes another.

    Attributes:
        classifier: fitted.
        kept: its examples as people see them.
        revision: how many changes there were.
        saved: the revision that its file holds.
    """

    classifier: FewShotClassifier
    kept: Kept
    revision: int = 0
    saved: int = 0


@final
class Desk:
    """Asks and teaches a classifier. One computation runs at a time; readers of ``state`` wait for none.

    Args:
        classifier: fitted; it is not changed.
        limits: of what is accepted.
        path: where :meth:`save` writes; None: nowhere.
    """

    def __init__(self, classifier: FewShotClassifier, limits: Limits, path: Path | None = None) -> None:
        self.limits, self._path = limits, path
        self._state = State(classifier, (None,) * classifier.support_size_)
        self._computing = Lock()
        reader = classifier.reader_
        self._reader, self.extent = reader, limits.extent or reader.most

    @property
    def state(self) -> State:
        """The classifier as it stands now."""
        return self._state

    @property
    def writable(self) -> bool:
        """True where :meth:`save` is allowed."""
        return self._path is not None

    def ask(self, things: Sequence[Thing]) -> tuple[State, list[Answer]]:
        """What the classifier says of each thing, and the state that said it.

        Raises:
            KshotError: things that cannot be read; names them.
        """
        with self._computing:
            state = self._state
            raw = self._read(things)
            with _named(things):
                return state, state.classifier.answers(raw, len(state.classifier.classes_), NEAR)

    def teach(self, name: str, things: Sequence[Thing]) -> State:
        """Add a class, or examples to one that is known: all of them, or none where one is refused.

        Raises:
            KshotError: a name, a number or things that cannot serve.
        """
        with self._computing:
            state = self._state
            label = name if name in state.classifier.counts_ else class_name(name)
            self._refuse_too_many(state, label, len(things))
            raw = self._read(things)
            with _named(things):
                taught = copy.copy(state.classifier).add_class(label, raw)
            kept = (*state.kept, *self._keepable(state, things, raw))
            self._state = State(taught, kept, state.revision + 1, state.saved)
            return self._state

    def teach_unknown(self, things: Sequence[Thing]) -> State:
        """Add examples of no class, by which the threshold of unknown is set: all of them, or none.

        Raises:
            KshotError: a number or things that cannot serve.
        """
        with self._computing:
            state = self._state
            total = state.classifier.negatives_ + len(things)
            if total > self.limits.examples:
                raise RefusedError(
                    TOO_LARGE,
                    f"there would be {total} examples of no class; this server allows {self.limits.examples}",
                )
            raw = self._read(things)
            with _named(things):
                return self._now(copy.copy(state.classifier).add_negatives(raw))

    def forget_unknown(self) -> State:
        """Remove all examples of no class."""
        with self._computing:
            return self._now(copy.copy(self._state.classifier).remove_negatives())

    def forget(self, name: str) -> State:
        """Remove a class.

        Raises:
            KshotError: there is none, or it is one of the last two.
        """
        with self._computing:
            state = self._state
            known = list(state.classifier.counts_)
            if name not in known:
                raise RefusedError(NOT_THERE, f"there is no class '{name}'{nearest(name, known)}")
            labels = state.classifier.support_labels_
            left = [one for one, label in zip(state.kept, labels, strict=True) if label != name]
            rest = copy.copy(state.classifier).remove_class(name)
            self._state = State(rest, tuple(left), state.revision + 1, state.saved)
            return self._state

    def bundle(self) -> bytes:
        """The classifier's file."""
        with self._computing, tempfile.TemporaryDirectory(prefix="kshot-") as folder:
            path = Path(folder) / "model.kshot"
            self._state.classifier.save(path)
            return path.read_bytes()

    def save(self) -> State:
        """Write the classifier where it came from, whole or not at all.

        Raises:
            KshotError: not allowed here, or the file cannot be written.
        """
        if self._path is None:
            raise RefusedError(
                FORBIDDEN, "this server does not write its file; start it with --save, or download it"
            )
        with self._computing:
            state = self._state
            state.classifier.save(self._path)
            self._state = State(state.classifier, state.kept, state.revision, state.revision)
            return self._state

    def shown(self, key: str) -> Shown:
        """An example that was given here.

        Raises:
            RefusedError: it is not, or no longer, there.
        """
        for one in self._state.kept:
            if one is not None and one.key == key and one.drawn is not None:
                return one
        raise RefusedError(NOT_THERE, "there is no such example, or it was forgotten")

    def _now(self, classifier: FewShotClassifier) -> State:
        """A classifier with the same examples."""
        state = self._state
        self._state = State(classifier, state.kept, state.revision + 1, state.saved)
        return self._state

    def _read(self, things: Sequence[Thing]) -> list[Any]:
        """Raw examples of all things; all that are refused are told at once."""
        raw: list[Any] = []
        reasons: dict[int, str] = {}
        for number, thing in enumerate(things):
            try:
                raw.append(self._reader.decode(thing.content, self.extent))
            except (ValueError, KshotError) as error:
                reasons[number] = str(error)
        if reasons:
            raise _unreadable(things, reasons)
        return raw

    def _refuse_too_many(self, state: State, label: str, more: int) -> None:
        counts = state.classifier.counts_
        if label not in counts and len(counts) >= self.limits.classes:
            raise RefusedError(TOO_LARGE, f"there are {len(counts)} classes, and this server allows no more")
        total = counts.get(label, 0) + more
        if total > self.limits.examples:
            raise RefusedError(
                TOO_LARGE, f"'{label}' would have {total} examples; this server allows {self.limits.examples}"
            )

    def _keepable(self, state: State, things: Sequence[Thing], raw: Sequence[Any]) -> list[Shown]:
        room = self.limits.kept_bytes - size(state.kept)
        kept: list[Shown] = []
        for thing, one in zip(things, raw, strict=True):
            drawn = self._reader.present(one)
            room -= len(drawn.data)
            kept.append(Shown(thing.name, drawn if room >= 0 else None))
        return kept


@contextmanager
def _named(things: Sequence[Thing]) -> Generator[None]:
    """Where an encoder looks at things: which it refuses is told by their names."""
    try:
        yield
    except UnusableError as error:
        raise _unreadable(things, error.reasons) from error


def _unreadable(things: Sequence[Thing], reasons: Mapping[int, str]) -> RefusedError:
    refused = [f"{things[number].name}: {reason}" for number, reason in reasons.items()]
    return RefusedError(UNREADABLE, f"{len(refused)} of {len(things)} cannot be used: {listing(refused, 5)}")
