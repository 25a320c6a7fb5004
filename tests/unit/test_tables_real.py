"""Real tables through the generic source: published splits come out with their published sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kshot.interfaces import Presentation
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.splits import ColumnSplit, FileSplit
from kshot.tables import table_source

pytest.importorskip("datasets", reason="tables need kshot[tables]")


def there(folder: Path, *parts: str) -> str:
    path = folder.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"no {path}")
    return str(path)


def silent(raw: Any) -> Presentation:
    return Presentation("text/plain", b"")


def sizes(source: Any) -> list[tuple[int, int]]:
    """Classes and examples of each split."""
    catalogues = [source.catalogue(split) for split in ("train", "validation", "test")]
    return [(len(catalogue.classes), len(catalogue)) for catalogue in catalogues]


def test_clinc150_with_the_folds_of_protaugment(data_folder: Path) -> None:
    source = table_source(
        modality="text",
        path=there(data_folder, "text", "clinc150.parquet"),
        content="text",
        media="text",
        label="label",
        split=FileSplit(
            file=Path(there(data_folder, "text", "clinc150_protaugment_folds.json")).name, fold="01"
        ),
        decode=str,
        present=silent,
        suffixes=(".txt",),
        class_groups=["domain"],
        example_groups=["split"],
    )
    assert sizes(source) == [(50, 7500)] * 3
    catalogue = source.catalogue("test")
    assert "oos" not in catalogue.classes
    assert len(set(catalogue.class_groups["domain"])) == 10
    drawn = Sampler(catalogue, "test", Shape(5, 1, 15, apart="split"), 0).draw(0, 1)
    assert all(source.fetch(int(catalogue.rows[position])).strip() for position in drawn.query[0])


def test_librispeech_by_its_column(data_folder: Path) -> None:
    source = table_source(
        modality="audio",
        path=there(data_folder, "speech", "librispeech_speakers.parquet"),
        content="bytes",
        media="audio",
        label="speaker",
        split=ColumnSplit(column="split", validation=["val"]),
        decode=bytes,
        present=silent,
        suffixes=(".flac",),
        class_groups=["sex"],
        example_groups=["utterance"],
    )
    assert sizes(source) == [(135, 1049), (31, 244), (41, 321)]
    assert source.fetch(int(source.catalogue("test").rows[0])).startswith(b"fLaC")


def test_omniglot_by_its_column(data_folder: Path) -> None:
    source = table_source(
        modality="image",
        path=there(data_folder, "images", "omniglot.parquet"),
        content="bytes",
        media="image",
        label="character_id",
        split=ColumnSplit(column="vinyals"),
        decode=bytes,
        present=silent,
        suffixes=(".png",),
        class_groups=["alphabet"],
        example_groups=["drawer"],
    )
    assert sizes(source) == [(1028, 20 * 1028), (172, 20 * 172), (423, 20 * 423)]
    assert source.fetch(0).startswith(b"\x89PNG")
