"""Texts to token numbers: a tokenizer learnt from training texts, padding, and word weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import torch
from kshot.episode import Inputs
from kshot.loading.prepare import TRUNCATED
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

PAD, UNKNOWN = 0, 1
_SPECIAL = ["[PAD]", "[UNK]"]


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Byte-pair encoding of lower-cased words and punctuation marks; the same texts give the same.

    (The WordPiece trainer of the same library gives other tokens from one process to the next.)

    Args:
        texts: training texts.
        vocabulary: tokens at most; of a script with more characters the rarest become unknown.

    Returns:
        A tokenizer whose token 0 is padding and token 1 stands for unknown characters.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[UNKNOWN]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    alphabet = _alphabet(tokenizer, texts, vocabulary // 2)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=_SPECIAL,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _alphabet(tokenizer: Tokenizer, texts: Iterable[str], limit: int) -> list[str]:
    """The most frequent characters; left to itself the trainer breaks ties by chance."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenizer.normalizer.normalize_str(text))
    ordered = sorted(counts, key=lambda character: (-counts[character], character))
    return [character for character in ordered if not character.isspace()][:limit]


def encode(tokenizer: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    """Token numbers of each text."""
    return [tokenizer.encode(text).ids for text in texts]


def fitted(
    ids: Sequence[Sequence[int]],
    max_length: int,
    shorten: Callable[[list[int]], Sequence[Sequence[int]]],
) -> Inputs:
    """Token numbers of B texts, padded, the long ones cut, and which these are.

    Args:
        ids: B lists of token numbers, of any length.
        max_length: tokens that count.
        shorten: the token numbers of the texts at some places, ``max_length`` at most.

    Returns:
        as :func:`padded`, and ``truncated`` (B,) bool.
    """
    long = [place for place, own in enumerate(ids) if len(own) > max_length]
    kept = list(ids)
    for place, shorter in zip(long, shorten(long) if long else (), strict=True):
        kept[place] = shorter
    truncated = torch.zeros(len(ids), dtype=torch.bool)
    truncated[long] = True
    return {**padded(kept), TRUNCATED: truncated}


def padded(ids: Sequence[Sequence[int]]) -> Inputs:
    """B lists of token numbers → ``input_ids`` and ``attention_mask``, both (B, L) int64, L >= 1.

    L is the longest list's length; padding is 0 in both.
    """
    length = max([1, *map(len, ids)])
    numbers = torch.zeros(len(ids), length, dtype=torch.int64)
    mask = torch.zeros(len(ids), length, dtype=torch.int64)
    for row, own in enumerate(ids):
        numbers[row, : len(own)] = torch.tensor(own, dtype=torch.int64)
        mask[row, : len(own)] = 1
    return {"input_ids": numbers, "attention_mask": mask}


def inverse_document_frequency(ids: Sequence[Sequence[int]], vocabulary: int) -> Tensor:
    """Smoothed idf, as scikit-learn's: ln((1 + n) / (1 + df)) + 1 over n texts.

    Args:
        ids: n lists of token numbers below ``vocabulary``.
        vocabulary: tokens V.

    Returns:
        (V,) float32.
    """
    counts = torch.zeros(vocabulary, dtype=torch.float64)
    for own in ids:
        counts[sorted(set(own))] += 1
    return (torch.log((1 + len(ids)) / (1 + counts)) + 1).float()
