"""What every source must do, checked on any of them.

Each check is a plain function ``check(make)``: ``make`` opens the source. See
:mod:`kshot.testing.learners` for what it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from unittest import SkipTest

import numpy as np
import torch
from torch import nn

from kshot.errors import DataError, listing
from kshot.interfaces import SPLITS, Presentation, Source, Split
from kshot.sampling import Catalogue, FixedSampler
from kshot.testing.expectations import expect
from kshot.testing.outcomes import one_line
from kshot.testing.snapshot import Snapshot

SourceFactory = Callable[[], Source]

SAMPLE = 12
"""Examples of a split that are looked at, evenly spaced."""

SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "audio/wav": b"RIFF"}
"""What a presentation's bytes begin with."""

_HEXADECIMAL = frozenset("0123456789abcdef")


def check_modality(make: SourceFactory) -> None:
    """It names its modality."""
    source = make()
    modality = getattr(source, "modality", None)
    right = isinstance(modality, str) and bool(modality)
    expect(right, _who(source), f"modality is {modality!r}", "name it, such as 'image'")


def check_catalogue(make: SourceFactory) -> None:
    """A split's catalogue is the same object at every call, and opened again the same in content: sorted
    classes, each with examples, and one fingerprint."""
    source, again = make(), make()
    who, other = _who(source), dict(_splits(again))
    for split, catalogue in _splits(source):
        who = f"{_who(source)}, {split}"
        kept = source.catalogue(split) is catalogue
        expect(kept, who, "catalogue() makes another one at every call", "build it once and keep it")
        rising = list(catalogue.classes) == sorted(set(catalogue.classes)) and bool(
            (catalogue.sizes > 0).all()
        )
        expect(rising, who, "classes are unsorted, doubled or empty", "let Catalogue.build put them in order")
        own = (catalogue.classes, catalogue.fingerprint, catalogue.sizes.tolist())
        theirs = other.get(split)
        same = theirs is not None and own == (theirs.classes, theirs.fingerprint, theirs.sizes.tolist())
        mend = "let classes, keys and version depend on the data and the options alone"
        expect(same, who, "opened twice it has two catalogues", mend)
    expect(bool(other), who, "no split has classes", "give one of them examples")


def check_splits(make: SourceFactory) -> None:
    """No class is in two splits."""
    source = make()
    found = list(_splits(source))
    for number, (split, catalogue) in enumerate(found):
        for other, rival in found[:number]:
            shared = sorted(set(catalogue.classes) & set(rival.classes))
            mend = "give each class to one split, or declare the exception with its reason"
            what = f"{other} and {split} share the classes {listing(shared, 4)}"
            expect(not shared, _who(source), what, mend)


def check_fetch(make: SourceFactory) -> None:
    """Every row is there, and the same at every call, whatever was done with it before."""
    source = make()
    for split, row in _sample(source):
        who = f"{_who(source)}, {split}, row {row}"
        try:
            first = source.present(source.fetch(row)).data
            _spoil(source.fetch(row))
            again = source.present(source.fetch(row)).data
        except Exception as error:
            what = f"fetch() raises {type(error).__name__}: {one_line(error)}"
            expect(False, who, what, "let the catalogue's rows name examples that can be read")
            raise
        mend = "give a new object, or one that cannot be changed, at every call"
        expect(first == again, who, "fetch() gives another example after the first was written to", mend)


def check_randomness(make: SourceFactory) -> None:
    """Opening it and fetching from it draw from no global random state."""
    snapshot = Snapshot(nn.Module(), torch.device("cpu"))
    source = make()
    for _, row in _sample(source):
        source.fetch(row)
    changes = snapshot.changes()
    mend = "draw from a generator of its own, made from an option's seed"
    expect(not changes, _who(source), f"it draws from {', '.join(changes)}", mend)


def check_digest(make: SourceFactory) -> None:
    """``digest`` is the SHA-256 of an example's content: the same when opened again, and two examples
    that are shown alike apart, another for each."""
    source, again = make(), make()
    shown: dict[str, bytes] = {}
    for split, row in _sample(source):
        who, digest = f"{_who(source)}, {split}, row {row}", source.digest(row)
        if digest is None:
            raise SkipTest(f"{_who(source)} tells no digests; catalogue and place stand for the content")
        right = len(digest) == 64 and set(digest) <= _HEXADECIMAL
        expect(right, who, f"digest() gives {digest!r}", "give the 64 hexadecimal digits of SHA-256")
        expect(digest == again.digest(row), who, "opened again it has another digest", "hash the raw content")
        data = source.present(source.fetch(row)).data
        alike = shown.setdefault(digest, data) == data
        expect(alike, who, "two examples that differ have one digest", "hash all of the raw content")


def check_present(make: SourceFactory) -> None:
    """An example drawn for people is a PNG picture, a WAV file or UTF-8 text, as it says."""
    source = make()
    for split, row in _sample(source):
        expect_presentation(source.present(source.fetch(row)), f"{_who(source)}, {split}, row {row}")


def check_place(make: SourceFactory) -> None:
    """Every example has a place that a message can name, of its own."""
    source = make()
    rows = list(_sample(source))
    places = [source.place(row) for _, row in rows]
    empty = [row for (_, row), place in zip(rows, places, strict=True) if not place.strip()]
    expect(not empty, _who(source), f"place() says nothing of the rows {empty[:4]}", "name file and row")
    doubled = len(set(places)) < len({row for _, row in rows})
    expect(not doubled, _who(source), "place() says the same of two rows", "name file and row")


def check_fixed_episodes(make: SourceFactory) -> None:
    """Published episodes are of one shape, and label each example by its class."""
    source = make()
    found = 0
    for split, catalogue in _splits(source):
        for name, drawn in source.fixed_episodes(split).items():
            found += 1
            try:
                FixedSampler(catalogue, split, name, drawn)
            except (DataError, IndexError, ValueError) as error:
                expect(False, f"{_who(source)}, {split}", one_line(error), "mend the list")
    if not found:
        raise SkipTest(f"{_who(source)} has no published episodes")


SOURCE_CHECKS: Mapping[str, Callable[[SourceFactory], None]] = MappingProxyType(
    {
        "modality": check_modality,
        "catalogue": check_catalogue,
        "splits": check_splits,
        "fetch": check_fetch,
        "randomness": check_randomness,
        "digest": check_digest,
        "present": check_present,
        "place": check_place,
        "fixed_episodes": check_fixed_episodes,
    }
)
"""Name → check, in the order in which a report shows them."""


def expect_presentation(shown: Presentation, who: str) -> None:
    """Raise ``AssertionError`` unless bytes are what they are said to be."""
    mend = "give what the media type says"
    expect(bool(shown.data), who, "present() gives no bytes", mend)
    if shown.media == "text/plain":
        try:
            shown.data.decode("utf-8")
        except UnicodeDecodeError:
            expect(False, who, "present() gives text that is not UTF-8", mend)
        return
    signature = SIGNATURES.get(shown.media)
    known = ", ".join([*SIGNATURES, "text/plain"])
    expect(signature is not None, who, f"present() gives {shown.media!r}", f"use one of {known}")
    right = signature is not None and shown.data.startswith(signature)
    expect(right, who, f"present() gives bytes that are no {shown.media}", mend)


def _who(source: Source) -> str:
    return type(source).__name__


def _splits(source: Source) -> Iterator[tuple[Split, Catalogue]]:
    """The splits that it has."""
    for split in SPLITS:
        try:
            yield split, source.catalogue(split)
        except DataError:
            continue


def _sample(source: Source) -> Iterator[tuple[Split, int]]:
    for split, catalogue in _splits(source):
        count = min(SAMPLE, len(catalogue))
        for position in np.unique(np.linspace(0, len(catalogue) - 1, count).astype(np.int64)):
            yield split, int(catalogue.rows[position])


def _spoil(raw: object) -> None:
    """Write into a raw example, as a careless encoder might, where it lets itself be written to."""
    for part in raw if isinstance(raw, tuple) else (raw,):
        if isinstance(part, np.ndarray) and part.flags.writeable:
            part[...] = 0
        elif isinstance(part, torch.Tensor):
            part.zero_()
