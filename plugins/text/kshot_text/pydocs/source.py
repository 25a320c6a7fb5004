"""Source ``pydocs``: which module of the standard library do these thirty words document?"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path, PurePosixPath
from typing import Annotated, final

from kshot.errors import DataError
from kshot.files import cache_dir, write_atomic
from kshot.interfaces import SPLITS, Presentation, Source, Split
from kshot.sampling import Catalogue
from pydantic import Field

from kshot_text.pydocs.docstrings import Chunk, library, library_files, read_chunks
from kshot_text.texts import present

RECIPE = 1
"""Number of the way in which chunks are made; a change to docstrings.py raises it."""

VALIDATION_CLASSES = 16
TEST_CLASSES = 32
HELD_OUT_EXAMPLES = 20
"""A held-out module has at least so many chunks: enough for 5 shots and 15 queries."""
TRAIN_EXAMPLES = 10


@final
class PyDocs(Source):
    """Chunks of docstrings, named by their top-level module.

    Classes are split by the hash of their name: of the modules with at least 20 chunks the
    first 32 are test classes, the next 16 validation classes; all others with at least 10 train.

    Args:
        chunks: the masked chunks of the library.
        per_class: most chunks that a class keeps; which ones, the hash of their text decides.

    Raises:
        DataError: too few modules with docstrings.
    """

    modality = "text"

    def __init__(self, chunks: Sequence[Chunk], per_class: int) -> None:
        by_module: dict[str, list[Chunk]] = {}
        for chunk in chunks:
            by_module.setdefault(chunk.module, []).append(chunk)
        kept = {name: sorted(own, key=_order_of_text)[:per_class] for name, own in by_module.items()}
        splits = split_modules({name: len(own) for name, own in kept.items()})
        self._texts: list[str] = []
        self._catalogues: dict[Split, Catalogue] = {
            split: self._add([chunk for name in splits[split] for chunk in kept[name]]) for split in SPLITS
        }

    def catalogue(self, split: Split) -> Catalogue:
        return self._catalogues[split]

    def fetch(self, row: int) -> str:
        return self._texts[row]

    def present(self, raw: str) -> Presentation:
        return present(raw)

    def _add(self, chunks: Sequence[Chunk]) -> Catalogue:
        first = len(self._texts)
        self._texts += [chunk.text for chunk in chunks]
        # The text follows the Python version, so the keys alone do not say what was seen.
        content = hashlib.sha256(json.dumps([astuple(chunk) for chunk in chunks]).encode()).hexdigest()
        return Catalogue.build(
            [chunk.module for chunk in chunks],
            [chunk.key for chunk in chunks],
            version=f"pydocs {RECIPE} {content}",
            rows=range(first, len(self._texts)),
        )


def pydocs(*, per_class: Annotated[int, Field(ge=HELD_OUT_EXAMPLES)] = 30) -> Source:
    """The docstrings of the Python that runs, in chunks of 30 words; class = top-level module.

    The names of the module and of its members are masked, so a text does not hold its label.

    Args:
        per_class: most chunks that a class keeps.

    Raises:
        DataError: the standard library's sources are missing.
    """
    return PyDocs(_library_chunks(), per_class)


def split_modules(sizes: dict[str, int]) -> dict[Split, list[str]]:
    """Module name → number of chunks, to the sorted names of each split.

    Raises:
        DataError: a split without modules.
    """
    held_out = sorted((name for name, size in sizes.items() if size >= HELD_OUT_EXAMPLES), key=_order_of_name)
    test = held_out[:TEST_CLASSES]
    validation = held_out[TEST_CLASSES : TEST_CLASSES + VALIDATION_CLASSES]
    others = set(sizes).difference(test, validation)
    train = [name for name in others if sizes[name] >= TRAIN_EXAMPLES]
    if not (train and validation and test):
        raise DataError(
            f"pydocs: only {len(held_out)} modules below {library()} hold {HELD_OUT_EXAMPLES} chunks of docstrings; "
            "this Python comes without its library's sources. Use another Python, or text_table on your own texts"
        )
    return {"train": sorted(train), "validation": sorted(validation), "test": sorted(test)}


def _library_chunks() -> list[Chunk]:
    """The library's chunks, parsed once (some seconds) and then read from the cache."""
    root = library()
    files = library_files(root)
    cached = cache_dir("pydocs", f"{platform.python_version()}-{_state_of(root, files)}.json")
    try:
        return [Chunk(*fields) for fields in json.loads(cached.read_bytes())]
    except (OSError, ValueError, TypeError):
        chunks = read_chunks(root, files)
        write_atomic(cached, json.dumps([astuple(chunk) for chunk in chunks]))
        return chunks


def _state_of(root: Path, files: Sequence[PurePosixPath]) -> str:
    """Short hash of the recipe and of what the library's files are on disk."""
    digest = hashlib.sha256(str(RECIPE).encode())
    for path in files:
        status = (root / path).stat()
        digest.update(f"{path}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _order_of_name(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _order_of_text(chunk: Chunk) -> str:
    return hashlib.sha256(chunk.text.encode()).hexdigest()
