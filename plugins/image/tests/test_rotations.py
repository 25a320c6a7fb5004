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
    assert catalogue.origins == ("b",) * 4 + ("c",) * 4
    assert source.catalogue("test") is catalogue
    assert catalogue.fingerprint != original.fingerprint
    for number, (_, transpose) in enumerate(TURNS):
        first = source.fetch(int(catalogue.rows[catalogue.offsets[number]]))
        picture = plain.fetch(int(original.rows[0]))
        expected = picture if transpose is None else picture.transpose(transpose)
        assert np.array_equal(np.asarray(first), np.asarray(expected))


def test_what_is_to_be_known_goes_along(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "a" / "1.heic").touch()
    notes = image_table(path=str(path), split=SPLIT, rotations=True).notes
    assert [note.split(";")[0] for note in notes] == [f"{path}: left out 1 .heic"]


def test_groups_and_what_was_skipped_go_along(tmp_path: Path) -> None:
    rows = ["image,label,family,day", *(f"{c}/{n}.png,{c},{c.upper()},{n}" for c in "abc" for n in range(3))]
    folder(tmp_path)
    (tmp_path / "c" / "2.png").write_bytes(b"no picture")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    source = image_table(
        path=str(tmp_path / "table.csv"),
        split=SPLIT,
        class_groups=["family"],
        example_groups=["day"],
        on_error="skip",
        rotations=True,
    )
    catalogue = source.catalogue("test")
    assert catalogue.sizes.tolist() == [3] * 4 + [2] * 4
    assert len(source.skipped) == 1
    assert "table.csv line 10" in source.skipped[0]
    families, days = catalogue.class_groups["family"], catalogue.example_groups["day"]
    assert len(set(families[:4])) == len(set(families[4:])) == 1
    assert families[0] != families[4]
    for label in range(8):
        members = catalogue.labels == label
        assert sorted(days[members]) == [0, 1, 2][: members.sum()]


def test_what_is_not_turned_is_the_same_content(tmp_path: Path) -> None:
    path = str(folder(tmp_path))
    plain, source = image_table(path=path, split=SPLIT), image_table(path=path, split=SPLIT, rotations=True)
    own = {plain.digest(int(row)) for row in plain.catalogue("test").rows}
    assert own < {source.digest(int(row)) for row in source.catalogue("test").rows}


def test_contents_differ_by_turn_and_places_do_not(tmp_path: Path) -> None:
    source = image_table(path=str(folder(tmp_path)), split=SPLIT, rotations=True)
    rows = [int(row) for row in source.catalogue("test").rows]
    assert len({source.digest(row) for row in rows}) == 24
    assert len({source.place(row) for row in rows}) == 6
    assert all("/b/" in source.place(row) or "/c/" in source.place(row) for row in rows)
    assert source.present(source.fetch(rows[0])).media == "image/png"
