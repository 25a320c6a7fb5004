"""The source ``omniglot_runs``: Lake's own 20 runs of one-shot classification."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
from kshot.errors import DataError
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue, Drawn
from PIL import Image

from kshot_image.omniglot.archive import Picture, Run, read_runs
from kshot_image.omniglot.source import omniglot
from kshot_image.pictures import decode, present

VERSION = "omniglot-runs-1"

LIST = "runs"
"""Name of the list of fixed episodes."""


@final
class OmniglotRuns(Source):
    """The characters of all runs as test classes, class group ``run``; fixed episodes ``runs``.

    A run's characters are of one alphabet; a character that stands in two runs is two classes.
    Rows go on from the runs' pictures to those of the background set.
    """

    modality = "image"

    def __init__(self, path: Path, runs: Sequence[Run], background: Source | None) -> None:
        self._path = path
        self._pictures = [picture for run in runs for picture in (*run.training, *run.test)]
        self._background = background
        test = _catalogue(runs, self._pictures)
        self._catalogues: dict[Split, Catalogue] = {"test": test}
        self._runs = _episodes(runs, test)

    def catalogue(self, split: Split) -> Catalogue:
        if split not in self._catalogues:
            self._catalogues[split] = self._shifted(split)
        return self._catalogues[split]

    def fetch(self, row: int) -> Image.Image:
        """A grey picture (mode L) of 105x105 pixels, dark ink on white paper."""
        if row >= len(self._pictures) and self._background is not None:
            return self._background.fetch(row - len(self._pictures))
        name, data = self._pictures[row]
        try:
            return decode(data)
        except ValueError as error:
            raise DataError(f"omniglot_runs: {self._path}: {name}: cannot be decoded: {error}") from error

    def present(self, raw: Any) -> Presentation:
        return present(raw)

    def fixed_episodes(self, split: Split) -> Mapping[str, Drawn]:
        """``runs``, in the order of their names."""
        return {LIST: self._runs} if split == "test" else {}

    def _shifted(self, split: Split) -> Catalogue:
        if self._background is None:
            raise DataError(
                f"omniglot_runs: the runs are for tests and have no {split} classes; name a copy of Omniglot as "
                "`background`, or set `train.episodes: 0`"
            )
        found = self._background.catalogue(split)
        return replace(found, rows=found.rows + len(self._pictures))


def omniglot_runs(*, path: str, background: str | None = None, rotations: bool = False) -> Source:
    """Lake's 20 fixed runs, 20-way 1-shot inside one alphabet: 400 trials, as people were given them.

    The test episodes are ``evaluate: {shapes: [{fixed: runs}]}``.

    Args:
        path: the zip file of the runs (``all_runs.zip`` in Omniglot's repository).
        background: a copy of Omniglot (a Parquet file or a folder, as for ``omniglot``); its
            background set trains, five of its 30 alphabets validate. None: nothing can be trained.
        rotations: each background character turned by 0, 90, 180 and 270 degrees makes four classes.
    """
    place = Path(path).expanduser()
    runs = read_runs(place)
    source = None if background is None else omniglot(path=background, split="lake", rotations=rotations)
    return OmniglotRuns(place, runs, source)


def _catalogue(runs: Sequence[Run], pictures: Sequence[Picture]) -> Catalogue:
    """Two examples a class, ``training`` and ``test``; rows are the pictures' numbers."""
    labels: list[str] = []
    keys: list[str] = []
    groups: dict[str, str] = {}
    for run in runs:
        names = [f"{run.name}/{Path(picture.name).stem}" for picture in run.training]
        groups |= dict.fromkeys(names, run.name)
        labels += names + [names[answer] for answer in run.answers]
        keys += ["training"] * len(names) + ["test"] * len(names)
    content = hashlib.sha256(b"".join(hashlib.sha256(picture.data).digest() for picture in pictures))
    version = f"{VERSION} {content.hexdigest()}"
    return Catalogue.build(labels, keys, version=version, class_groups={"run": groups})


def _episodes(runs: Sequence[Run], catalogue: Catalogue) -> Drawn:
    position = np.argsort(catalogue.rows)
    way = len(runs[0].training)
    start = 2 * way * np.arange(len(runs))[:, None]
    support_labels = np.asarray([_order(run) for run in runs])
    return Drawn(
        classes=catalogue.labels[position[start + np.arange(way)]],
        support=position[start + support_labels],
        support_labels=support_labels,
        query=position[start + way + np.arange(way)],
        query_labels=np.asarray([run.answers for run in runs]),
    )


def _order(run: Run) -> list[int]:
    """The training pictures by the SHA-256 of their names: an order that does not tell their labels."""
    digests = [hashlib.sha256(picture.name.encode()).digest() for picture in run.training]
    return sorted(range(len(digests)), key=digests.__getitem__)
