"""The letter encoder: its alphabet, unknown letters, cut texts."""

from __future__ import annotations

import torch
from kshot_text.encoders.char_cnn_gru import char_cnn_gru


def test_the_alphabet_is_that_of_the_training_texts() -> None:
    encoder = char_cnn_gru(characters=3)
    encoder.fit(["aab", "Bbc", "d"])
    inputs = encoder.prepare(["abcd", "AZ"])
    assert inputs["input_ids"].tolist() == [[2, 3, 4, 1], [2, 1, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_what_is_cut_is_told() -> None:
    encoder = char_cnn_gru(max_length=3)
    inputs = encoder.prepare(["abc", "abcd"])
    assert inputs["truncated"].tolist() == [False, True]
    assert inputs["input_ids"].shape == (2, 3)


def test_an_empty_text_has_an_embedding() -> None:
    encoder = char_cnn_gru()
    assert encoder(encoder.prepare(["", "a"])).isfinite().all()


def test_the_alphabet_goes_with_the_state() -> None:
    encoder, other = char_cnn_gru(), char_cnn_gru()
    encoder.fit(["hello world"])
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other.prepare(["word"])["input_ids"], encoder.prepare(["word"])["input_ids"])


def test_order_is_read() -> None:
    torch.manual_seed(0)
    encoder = char_cnn_gru().eval()
    encoder.fit(["listen"])
    one, other = encoder(encoder.prepare(["listen", "silent"]))
    assert torch.cosine_similarity(one, other, dim=0) < 0.999


def test_a_text_does_not_depend_on_what_it_is_padded_with() -> None:
    torch.manual_seed(0)
    encoder = char_cnn_gru().double().eval()
    encoder.fit(["some letters"])
    alone, longer = "letters", "some more of these letters"
    [first, _] = encoder(encoder.prepare([alone, longer]))
    torch.testing.assert_close(first, encoder(encoder.prepare([alone]))[0], rtol=0, atol=1e-12)
