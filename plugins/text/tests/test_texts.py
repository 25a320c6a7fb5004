"""Raw texts: what a table refuses by row, what an encoder refuses, what is cut and told."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot.loading import collate
from kshot.loading.prepare import RawExamples, prepare, trimmed
from kshot.splits import ClassSplit
from kshot_text.encoders.hf_text import hf_text
from kshot_text.encoders.mini_transformer import mini_transformer
from kshot_text.encoders.tfidf import tfidf
from kshot_text.texts import checked, decode, present

from .tiny import save_family

EMPTY = ["", " \t\r\n", "\u00a0\u3000\u2028", "\0\0", "\u200b\ufeff\u2060\u200d", " \u202e\u200f "]
WHOLE = ["x", "\0x", "\u200bx", "שלום", "👩‍👩‍👧‍👦", "🇨🇿", "\ue000", "-", "e\u0301", "x" * 2**20]


@pytest.mark.parametrize("text", EMPTY)
def test_what_shows_nothing_is_empty(text: str) -> None:
    with pytest.raises(ValueError, match=r"^the text (is empty|shows no character)$"):
        decode(text)


@pytest.mark.parametrize("text", WHOLE)
def test_what_shows_something_stays_as_it_is(text: str) -> None:
    assert decode(text) == text
    assert present(text).data.decode() == text
    assert checked([text], "me") == [text]


@pytest.mark.parametrize("half", ["\ud83d", "a\udc00", "\ude00\ud83d"])
def test_half_a_character_is_refused_by_example_and_place(half: str) -> None:
    with pytest.raises(DataError, match=r"me: example 1 of the batch has half a character \(U\+D"):
        checked(["x", half], "me")
    assert present(half).data  # a report must not fail over it


@pytest.mark.parametrize("bad", ["", " ", "\u200b\u200b"])
def test_an_empty_row_is_refused_by_its_number(bad: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="tables need kshot[tables]")
    from kshot_text.table import text_table

    path = tmp_path / "texts.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["text", "label"], *[[f"{a} {n}", a] for a in "abc" for n in range(3)]])
        csv.writer(stream).writerow([bad, "a"])
    split = ClassSplit(train=["a"], validation=["b"], test=["c"])
    with pytest.raises(
        DataError, match=r"texts\.csv.*line 11.*(the cell is empty|the text shows no character)"
    ):
        source = text_table(path=str(path), split=split)
        list(RawExamples.of_split(source, source.catalogue("train")))


def short(tmp_path: Path, name: str) -> Encoder:
    """An encoder for which three words are short and eight are too long."""
    if name == "hf-text":
        return hf_text(model=str(save_family("bert", tmp_path / "bert")), max_length=7)
    encoder = mini_transformer(vocabulary=64, dim=16, hidden=16, layers=1, max_length=5)
    encoder.fit(["open the file and read it to the end"] * 3)
    return encoder


@pytest.mark.parametrize("name", ["hf-text", "mini_transformer"])
def test_texts_that_are_cut_are_told(name: str, tmp_path: Path) -> None:
    encoder = short(tmp_path, name)
    five, eight = "open the file and read", "open the file and read it to end"
    inputs = encoder.prepare(["open the file", eight, five, eight])
    assert inputs["truncated"].dtype == torch.bool
    assert inputs["truncated"].tolist() == [False, True, False, True]
    with torch.no_grad():
        flipped = encoder({**inputs, "truncated": ~inputs["truncated"]})
        assert torch.equal(flipped, encoder(inputs))
    joined = collate([encoder.prepare(["open"]), inputs])
    assert joined["truncated"].tolist() == [False, False, True, False, True]
    assert trimmed(encoder.prepare(["open"]))["truncated"].tolist() == [False]


def test_a_bag_of_words_cuts_nothing() -> None:
    encoder = tfidf(words=4)
    encoder.fit(["open the file"])
    assert set(encoder.prepare(["open the file " * 1000])) == {"input_ids", "attention_mask"}


def test_the_row_of_half_a_character_is_named(tmp_path: Path) -> None:
    class Rows:
        """A source of three texts."""

        texts = ("a", "b\ud800", "c")

        def fetch(self, row: int) -> str:
            return self.texts[row]

        def place(self, row: int) -> str:
            return f"row {row} of rows"

    encoder = short(tmp_path, "hf-text")
    with pytest.raises(DataError, match=r"row 1 of rows: hf-text: example 0 of the batch has half a char"):
        prepare(encoder, Rows(), [0, 1, 2])  # type: ignore[arg-type]
