"""The embedded source: variety, held-out scripts, no look-alikes, the same drawings everywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from kshot.interfaces import SPLITS, Source
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_image.glyphs import drawing
from kshot_image.glyphs.drawing import cached, draw
from kshot_image.glyphs.letters import candidates, cropped, look_alike, script
from kshot_image.glyphs.outlines import FACES, outlines
from kshot_image.glyphs.source import glyphs
from PIL import Image, ImageFont

CODES = [ord(letter) for letter in "ԱბЖξQ"]


@pytest.fixture(scope="module")
def chosen(letters: Source) -> list[int]:
    del letters  # what it drew is in the cache
    return list(cached(28, 2).codes)


def test_there_are_many_classes_with_many_drawers(letters: Source) -> None:
    sizes = {split: len(letters.catalogue(split).classes) for split in SPLITS}
    assert sizes["train"] >= 250
    assert sizes["validation"] >= 60
    assert sizes["test"] >= 60
    for split in SPLITS:
        catalogue = letters.catalogue(split)
        assert catalogue is letters.catalogue(split)
        assert set(catalogue.sizes) == {24}
        assert len(set(catalogue.example_groups["drawer"])) == len(FACES)


def test_whole_scripts_are_held_out(letters: Source) -> None:
    scripts = [set(letters.catalogue(split).class_groups["alphabet"]) for split in SPLITS]
    assert scripts == [{"Latin", "Cyrillic"}, {"Greek"}, {"Armenian", "Georgian"}]
    names = [name for split in SPLITS for name in letters.catalogue(split).classes]
    assert len(names) == len(set(names))
    assert "ARMENIAN CAPITAL LETTER AYB" in names


def test_episodes_within_a_script_and_with_drawers_apart(letters: Source) -> None:
    catalogue = letters.catalogue("test")
    shape = Shape(way=20, shot=5, queries=5, within="alphabet", apart="drawer")
    drawn = Sampler(catalogue, "test", shape, seed=0).draw(0, 20)
    alphabets = np.array(catalogue.class_groups["alphabet"])[drawn.classes]
    assert (alphabets == alphabets[:, :1]).all()
    faces = catalogue.example_groups["drawer"]
    for label in range(20):
        support = set(faces[drawn.support[0][drawn.support_labels[0] == label]])
        assert support.isdisjoint(faces[drawn.query[0][drawn.query_labels[0] == label]])


@pytest.mark.parametrize("face", [FACES[0], FACES[6], FACES[11]])
def test_no_two_letters_look_alike(chosen: list[int], face: str) -> None:
    alike = look_alike(cropped(outlines(face, chosen)))
    np.testing.assert_array_equal(alike, np.eye(len(chosen), dtype=bool))


def test_no_two_letters_look_alike_to_freetype(chosen: list[int]) -> None:
    """The same measure on another renderer's pictures, which differ by a few grey levels."""
    import matplotlib

    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSerif.ttf", 96)
    pictures = np.stack([_by_freetype(font, chr(code)) for code in chosen])
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    cosines = pictures @ pictures.T - np.eye(len(chosen))
    assert cosines.max() < 0.93


def _by_freetype(font: ImageFont.FreeTypeFont, letter: str) -> np.ndarray:
    mask = font.getmask(letter)
    ink = Image.frombytes("L", mask.size, bytes(mask))
    ink = ink.crop(ink.getbbox())
    side = max(ink.size)
    square = Image.new("L", (side, side))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return np.asarray(square.resize((24, 24), Image.Resampling.BOX), dtype=float).ravel()


@pytest.mark.parametrize("same", ["AΑА", "OОΟoоοօՕ", "xхχ", "cсϲ", "pрρ", "uսυ", "hһ", "nո", "Ss", "ЅS"])
def test_of_confusable_letters_at_most_one_is_a_class(chosen: list[int], same: str) -> None:
    assert len([letter for letter in same if ord(letter) in chosen]) <= 1


def test_most_candidates_fall_to_look_alikes(chosen: list[int]) -> None:
    codes = candidates()
    assert set(chosen) < set(codes)
    assert len(codes) > 1300
    assert {script(code) for code in codes} == {"Latin", "Cyrillic", "Greek", "Armenian", "Georgian"}


def test_the_drawings_are_those_of_the_content_version(chosen: list[int], letters: Source) -> None:
    """Where this fails on purpose, raise VERSION: caches and episodes hang on it."""
    pictures = cached(28, 2).pictures
    digest = hashlib.sha256(repr(chosen).encode() + pictures.tobytes()).hexdigest()
    assert (drawing.VERSION, digest[:16]) == ("glyphs-1", "a378a017885128e1")
    assert letters.catalogue("test").fingerprint == glyphs().catalogue("test").fingerprint


def test_two_generations_are_equal() -> None:
    np.testing.assert_array_equal(draw(CODES, 28, 2), draw(CODES, 28, 2))


def test_a_drawing_depends_on_letter_face_and_repetition_alone() -> None:
    all_of_them = draw(CODES, 28, 3)
    np.testing.assert_array_equal(draw(CODES[::-1], 28, 1)[::-1], all_of_them[:, :, :1])
    np.testing.assert_array_equal(draw(CODES[2:3], 28, 2)[0], all_of_them[2, :, :2])


def test_pictures_are_legible_and_differ(letters: Source) -> None:
    pictures = cached(28, 2).pictures
    assert pictures.shape[1:] == (12, 2, 28, 28)
    ink = (255 - pictures.astype(float)).mean(axis=(3, 4)) / 255
    assert ink.min() > 0.02
    assert ink.max() < 0.5
    assert (pictures.min(axis=(3, 4)) < 120).all()
    flat = pictures.reshape(-1, 28 * 28)
    assert len(np.unique(flat, axis=0)) == len(flat)
    image = letters.fetch(0)
    assert (image.mode, image.size) == ("L", (28, 28))
    shown = letters.present(image)
    assert shown.media == "image/png"
    assert shown.data.startswith(b"\x89PNG")


def test_size_changes_pictures_and_fingerprint_but_not_poses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few(monkeypatch, tmp_path)
    small, large = glyphs(size=28), glyphs(size=56)
    assert small.catalogue("test").fingerprint != large.catalogue("test").fingerprint
    shrunk = np.asarray(large.fetch(3).resize((28, 28), Image.Resampling.BOX), dtype=float)
    assert np.abs(shrunk - np.asarray(small.fetch(3), dtype=float)).mean() < 4


def test_a_second_use_reads_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few(monkeypatch, tmp_path)
    first = cached(16, 1)
    monkeypatch.setattr(drawing, "choose", never)
    again = cached(16, 1)
    assert again.codes == first.codes
    np.testing.assert_array_equal(again.pictures, first.pictures)


@pytest.mark.parametrize("damage", [b"", b"not a cache", "half"])
def test_a_damaged_cache_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: bytes | str
) -> None:
    few(monkeypatch, tmp_path)
    first = cached(16, 1)
    [path] = tmp_path.rglob("*.npz")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "half" else damage)
    np.testing.assert_array_equal(cached(16, 1).pictures, first.pictures)


def test_a_cache_that_cannot_be_written_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    few(monkeypatch, blocked)
    assert cached(16, 1).codes == tuple(CODES)


def few(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A handful of letters, in a cache of their own."""
    monkeypatch.setenv("KSHOT_CACHE", str(cache))
    monkeypatch.setattr(drawing, "choose", lambda: list(CODES))


def never() -> list[int]:
    raise AssertionError("drawn again")
