"""Rotations as classes, of a user's own pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kshot.splits import ClassSplit
from kshot_image.rotations import TURNS
from kshot_image.table import image_table
from PIL import Image

SPLIT = ClassSplit(train=["a"], test=["b", "c"])


def folder(place: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in "abc":
        (place / name).mkdir()
        for number in range(3):
            pixels = generator.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


def test_every_class_is_four_turned_by_a_quarter_each(tmp_path: Path) -> None:
    path = str(folder(tmp_path))
    plain, source = image_table(path=path, split=SPLIT), image_table(path=path, split=SPLIT, rotations=True)
    catalogue, original = source.catalogue("test"), plain.catalogue("test")
    assert catalogue.classes == tuple(f"{name}/{ending}" for name in "bc" for ending, _ in TURNS)
    assert catalogue.sizes.tolist() == [3] * 8
    assert source.catalogue("test") is catalogue
    assert catalogue.fingerprint != original.fingerprint
    for number, (_, transpose) in enumerate(TURNS):
        first = source.fetch(int(catalogue.rows[catalogue.offsets[number]]))
        picture = plain.fetch(int(original.rows[0]))
        expected = picture if transpose is None else picture.transpose(transpose)
        assert np.array_equal(np.asarray(first), np.asarray(expected))


def test_contents_differ_by_turn_and_places_do_not(tmp_path: Path) -> None:
    source = image_table(path=str(folder(tmp_path)), split=SPLIT, rotations=True)
    rows = [int(row) for row in source.catalogue("test").rows]
    assert len({source.digest(row) for row in rows}) == 24
    assert len({source.place(row) for row in rows}) == 6
    assert all("/b/" in source.place(row) or "/c/" in source.place(row) for row in rows)
    assert source.present(source.fetch(rows[0])).media == "image/png"
