"""What was said of the queries of batches, put together as outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kshot.outcomes import Knownness, Outcomes
from kshot.rejection import Looks


@dataclass(frozen=True, eq=False)
class Answers:
    """Of a batch of (T,) episodes: (T, Q) labels and predicted labels, which are the catalogue's class numbers
    and not the episode's, ranks, ties and confidences; and how known queries looked, where that was asked."""

    numbers: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray
    tied: np.ndarray
    confidence: np.ndarray
    looks: Looks | None

    @classmethod
    def of(
        cls, numbers: np.ndarray, logits: Tensor, labels: Tensor, classes: np.ndarray, looks: Looks | None
    ) -> Answers:
        # Classes come first, since sums over a short last dimension are slow.
        by_class = logits.movedim(-1, 0).contiguous()
        best, predicted = by_class.max(dim=0)
        own = by_class.gather(0, labels.unsqueeze(0))
        rank, tied = (one.sum(dim=0, dtype=torch.int32) for one in (by_class > own, by_class == own))
        # The softmax's largest value.
        confidence = (by_class.float() - best.float()).exp().sum(dim=0).reciprocal()
        meant, said = (np.take_along_axis(classes, one.cpu().numpy(), axis=1) for one in (labels, predicted))
        ranks, ties, sure = (one.cpu().numpy() for one in (rank, tied, confidence))
        return cls(numbers, meant, said, ranks, ties, sure, looks)


def outcomes_of(accuracies: Tensor, answers: Sequence[Answers], classes: tuple[str, ...]) -> Outcomes:
    """What was said of all queries, by the episodes' numbers, in whatever order they were scored."""
    episode = np.concatenate([np.repeat(one.numbers, one.labels.shape[1]) for one in answers])
    ordered = bool((episode[1:] >= episode[:-1]).all())
    order = slice(None) if ordered else np.argsort(episode, kind="stable")

    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(one, field).reshape(-1) for one in answers])[order]

    return Outcomes(
        accuracy=accuracies.numpy(),
        queries=np.bincount(episode, minlength=len(accuracies)),
        labels=joined("labels"),
        predicted=joined("predicted"),
        rank=joined("rank"),
        confidence=joined("confidence"),
        classes=classes,
        unknown=_knownness(answers, order),
        tied=joined("tied"),
    )


def _knownness(answers: Sequence[Answers], order: np.ndarray | slice) -> Knownness | None:
    """How all queries looked; ``order`` puts the known ones into that of their episodes."""
    looks = [one.looks for one in answers if one.looks is not None]
    if not looks:
        return None
    episodes = np.argsort(np.concatenate([one.numbers for one in answers]))

    def known(parts: Iterable[Tensor]) -> np.ndarray:
        return np.concatenate([part.cpu().numpy().reshape(-1) for part in parts])[order]

    def unknown(name: str) -> np.ndarray:
        return np.concatenate([one.unknown[name].cpu().numpy() for one in looks])[episodes]

    return Knownness(
        known={name: known(one.known[name] for one in looks) for name in looks[0].known},
        unknown={name: unknown(name) for name in looks[0].unknown},
        right=known(one.right for one in looks),
    )
