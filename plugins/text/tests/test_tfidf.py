"""TF-IDF against scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot_text.encoders.tfidf import tfidf

from .checks import SAMPLES, check_embedding, check_groups, check_independence, check_state_dict, embed


def fitted(texts: list[str], words: int = 3000):
    encoder = tfidf(words=words)
    encoder.fit(texts)
    return encoder


def test_what_every_text_encoder_does(texts: list[str], tmp_path: Path) -> None:
    encoder = fitted(texts)
    check_embedding(encoder)
    check_independence(encoder)
    check_groups(encoder)
    check_state_dict(encoder, tfidf(), tmp_path / "state.safetensors")


def test_equal_to_scikit_learn(texts: list[str]) -> None:
    sklearn = pytest.importorskip("sklearn.feature_extraction.text", reason="the oracle is scikit-learn")
    train, held_out = texts[:300], texts[300:400]
    everything = sklearn.TfidfVectorizer().fit(train)
    expected = torch.tensor(everything.transform(held_out).toarray(), dtype=torch.float32)
    result = embed(fitted(train, words=len(everything.vocabulary_) + 5), held_out)
    torch.testing.assert_close(result[:, :-5], expected, atol=1e-6, rtol=0)
    assert not result[:, -5:].any()


def test_the_most_frequent_words_are_kept(texts: list[str]) -> None:
    sklearn = pytest.importorskip("sklearn.feature_extraction.text", reason="the oracle is scikit-learn")
    counter = sklearn.CountVectorizer().fit(texts)
    counts = sorted(counter.transform(texts).sum(axis=0).tolist()[0], reverse=True)
    encoder = fitted(texts, words=100)
    inputs = encoder.prepare(texts)
    assert int(inputs["attention_mask"].sum()) == sum(counts[:100])


def test_words_of_other_texts_are_not_seen() -> None:
    encoder = fitted(["alpha beta", "beta gamma"])
    assert not embed(encoder, ["delta epsilon"]).any()
    assert torch.equal(embed(encoder, ["alpha delta"]), embed(encoder, ["alpha"]))


def test_there_is_nothing_to_train() -> None:
    encoder = tfidf()
    assert list(encoder.parameters()) == []
    assert encoder.parameter_groups() == {"all": []}
    assert not encoder.pretrained


def test_unfitted_and_unfit_are_refused() -> None:
    with pytest.raises(KshotError, match=r"tfidf has no vocabulary yet: call fit"):
        tfidf().prepare(SAMPLES)
    with pytest.raises(DataError, match="example 1 of the batch is a bytes"):
        fitted(["one word"]).prepare(["text", b"bytes"])


@pytest.mark.parametrize("texts", [["?", "a b c", "... !"], [""]])
def test_texts_without_a_word_are_told_where_they_are_given(texts: list[str]) -> None:
    with pytest.raises(DataError, match=rf"tfidf: none of the {len(texts)} texts has a word that it keeps"):
        tfidf().fit(texts)
