"""Written words: unseen words in unseen faces, the same pictures at every call, legible ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from kshot.interfaces import SPLITS
from kshot.words import WordExample
from kshot_image.glyphs.outlines import FACES as DEJAVU
from kshot_image.glyphs.outlines import advances
from kshot_image.written import hand
from kshot_image.written.faces import FACES
from kshot_image.written.hand import Hand, written
from kshot_image.written.setting import LETTERS, set_word
from kshot_image.written.source import WrittenWords
from PIL import Image, ImageFont

EXAMPLE = WordExample(("test", "train", 0), "wizard", "STIXGeneral", 3)


@pytest.fixture(scope="module")
def source() -> WrittenWords:
    return WrittenWords(words=120, examples=14, test_examples=6)


def family(face: str) -> str:
    """DejaVuSans of DejaVuSans-Bold, STIXGeneral of STIXGeneralBolIta, cm of cmr10."""
    return "cm" if face.startswith("cm") else face.split("-")[0].split("Bol")[0].split("Ita")[0]


def test_no_family_of_faces_is_in_two_splits() -> None:
    families = [{family(face) for face in FACES[split]} for split in SPLITS]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(families, 2))
    assert [len(FACES[split]) for split in SPLITS] == [12, 4, 5]


@pytest.mark.parametrize("face", [face for split in SPLITS for face in FACES[split]])
def test_a_word_is_as_wide_as_freetype_has_it(face: str) -> None:
    import matplotlib

    word = "hamburgefonstiv"
    outline = set_word(word, face, 0.0)
    font = ImageFont.truetype(
        f"{matplotlib.get_data_path()}/fonts/ttf/{face}.ttf", 1000, layout_engine=ImageFont.Layout.BASIC
    )
    left, _, right, _ = font.getbbox(word)
    _, top, _, bottom = font.getbbox("x")
    assert outline.points[:, 0].max() == pytest.approx((right - left) / (bottom - top), rel=0.04)
    assert outline.count == 1
    assert len(outline.following) == len(outline.points)


def test_spacing_goes_between_letters() -> None:
    tight, loose = set_word("abc", "cmr10", 0.0), set_word("abc", "cmr10", 0.5)
    assert loose.points[:, 0].max() - tight.points[:, 0].max() == pytest.approx(1.0)


def test_advances_tell_mono_from_proportional() -> None:
    codes = [ord(letter) for letter in LETTERS]
    assert len(set(advances("DejaVuSansMono", codes))) == 1
    assert len(set(advances(DEJAVU[0], codes))) > 5


def test_a_picture_is_a_function_of_its_example() -> None:
    first = written(EXAMPLE, 32)
    np.testing.assert_array_equal(first, written(EXAMPLE, 32))
    other = WordExample(EXAMPLE.identity, EXAMPLE.word, EXAMPLE.manner, 4)
    assert written(other, 32).shape != first.shape or (written(other, 32) != first).any()


def test_pictures_are_strips_as_long_as_their_words(source: WrittenWords) -> None:
    rows = source.catalogue("train").rows[::7]
    pictures = [source.fetch(int(row)) for row in rows]
    assert all(isinstance(one, Image.Image) and one.mode == "L" and one.height == 32 for one in pictures)
    letters = [len(source.examples[row].word) for row in rows]
    assert np.corrcoef(letters, [one.width for one in pictures])[0, 1] > 0.7
    assert min(one.width for one in pictures) > 20


def test_no_ink_is_cut_off(monkeypatch: pytest.MonkeyPatch, source: WrittenWords) -> None:
    """Without noise the paper's outermost rows and columns are blank."""
    monkeypatch.setattr(hand, "NOISE", (0.0, 0.0))
    cut = 0
    for row in source.catalogue("train").rows[::5]:
        picture = written(source.examples[row], 32)
        paper = picture.max()
        assert (picture[:, [0, -1]] > 0.9 * paper).all()
        cut += bool((picture[[0, -1]] < 0.7 * paper).any())
    assert cut == 0


def test_hands_use_their_whole_range(source: WrittenWords) -> None:
    hands = [Hand.of(source.examples[row]) for row in source.spans["train"]]
    for name, (low, high) in {
        "size": hand.SIZE,
        "stretch": hand.STRETCH,
        "slant": (-hand.SLANT, hand.SLANT),
        "noise": hand.NOISE,
    }.items():
        values = [getattr(one, name) for one in hands]
        assert low <= min(values) < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < max(values) <= high


def test_seen_faces_are_those_of_training() -> None:
    seen = WrittenWords(words=120, test_faces="seen")
    assert {seen.examples[row].manner for row in seen.spans["test"]} == set(FACES["train"])
    plain = WrittenWords(words=120)
    assert seen.catalogue("train").fingerprint == plain.catalogue("train").fingerprint
    assert seen.catalogue("test").fingerprint != plain.catalogue("test").fingerprint


def test_a_picture_is_shown_as_a_png(source: WrittenWords) -> None:
    shown = source.present(source.fetch(0))
    assert shown.media == "image/png"
    assert shown.data.startswith(b"\x89PNG")
