"""Tokenizer, padding, idf."""

from __future__ import annotations

import math

import torch
from kshot_text.state import bytes_of, text_of
from kshot_text.tokens import (
    PAD,
    UNKNOWN,
    encode,
    fitted,
    inverse_document_frequency,
    padded,
    train_tokenizer,
)


def test_the_tokenizer_knows_only_what_it_was_trained_on() -> None:
    tokenizer = train_tokenizer(["the cat sat", "the cat ran"], 64)
    assert encode(tokenizer, ["the CAT"]) == encode(tokenizer, ["the cat"])
    assert len(encode(tokenizer, ["the cat"])[0]) == 2
    assert encode(tokenizer, ["žž"])[0] == [UNKNOWN] * 2
    assert tokenizer.get_vocab_size() <= 64
    assert (tokenizer.token_to_id("[PAD]"), tokenizer.token_to_id("[UNK]")) == (PAD, UNKNOWN)


def test_the_same_texts_give_the_same_tokenizer(texts: list[str]) -> None:
    first = train_tokenizer(texts[:400], 500)
    assert all(train_tokenizer(texts[:400], 500).to_str() == first.to_str() for _ in range(3))


def test_a_script_of_many_characters_fits_the_vocabulary_and_ties_fall_the_same_way() -> None:
    """Left to itself the trainer keeps every character, and breaks ties by chance."""
    han = ["".join(chr(0x4E00 + 7 * i + j) for j in range(7)) + "中中" for i in range(80)]
    tokenizers = [train_tokenizer(han, 100) for _ in range(4)]
    assert tokenizers[0].get_vocab_size() <= 100
    assert len({tokenizer.to_str() for tokenizer in tokenizers}) == 1
    assert max(max(ids) for ids in encode(tokenizers[0], han)) < 100


def test_texts_are_cut_and_padded() -> None:
    tokenizer = train_tokenizer(["a b c d e"], 32)
    ids = encode(tokenizer, ["a b c d e", "a", "", "a b c"])
    inputs = fitted(ids, 3, lambda places: [ids[place][:3] for place in places])
    assert inputs["truncated"].tolist() == [True, False, False, False]
    assert inputs["truncated"].dtype == torch.bool
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert inputs["input_ids"].dtype == torch.int64
    assert (inputs["input_ids"] * (1 - inputs["attention_mask"])).sum() == 0


def test_a_batch_of_empty_texts_keeps_a_column() -> None:
    assert padded([[], []])["input_ids"].shape == (2, 1)
    assert fitted([[], []], 3, lambda places: [])["truncated"].tolist() == [False, False]


def test_idf_is_smoothed_as_published() -> None:
    idf = inverse_document_frequency([[0, 0, 1], [1], [1, 2]], 4)
    expected = [math.log(4 / (1 + count)) + 1 for count in (1, 3, 1, 0)]
    torch.testing.assert_close(idf, torch.tensor(expected))


def test_texts_survive_a_tensor() -> None:
    for text in ("", "plain", "žluťoučký 中文 \n"):
        assert bytes_of(text).dtype == torch.uint8
        assert text_of(bytes_of(text)) == text
