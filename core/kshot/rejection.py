"""Open-set evaluation: whether queries of classes that an episode does not show are told from its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from kshot.episode import Episodes
from kshot.errors import CellError
from kshot.interfaces import BatchStatistics, Classifier
from kshot.loading import Loader, trimmed
from kshot.metrics import auroc, detection_error, false_positive_rate, hits, oscr
from kshot.sampling import AnySampler, UnknownSampler

SCORES: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "max_logit": lambda logits: logits.amax(dim=-1),
    "max_softmax": lambda logits: logits.log_softmax(dim=-1).amax(dim=-1),
    "energy": lambda logits: logits.logsumexp(dim=-1),
}
"""(T, n, way) logits → (T, n) how known a query looks, by the name of the score.

The largest logit (Vaze, Han, Vedaldi and Zisserman, ICLR 2022), the largest probability of the softmax, by
its logarithm, which ranks alike and does not round to one (Hendrycks and Gimpel, ICLR 2017), and the negative
free energy (Liu, Wang, Owens and Li, NeurIPS 2020).
"""


@dataclass(frozen=True)
class Rejection:
    """What is asked of every episode beside its accuracy.

    Attributes:
        classes: unknown classes of an episode.
        queries: of each.
        seed: of their draw.
        score: of ``SCORES``.
    """

    classes: int
    queries: int
    seed: int
    score: str = "max_logit"

    def sampler(self, known: AnySampler) -> UnknownSampler:
        """Draws the unknown queries of a sampler's episodes.

        Raises:
            DataError: too few classes are left for them.
        """
        return UnknownSampler(known, self.classes, self.queries, self.seed)

    def measures(
        self,
        classify: Classifier,
        loader: Loader,
        sampler: AnySampler,
        numbers: np.ndarray,
        known: Tensor,
        batch: Episodes,
        policy: BatchStatistics,
    ) -> dict[str, Tensor]:
        """Each measure of the episodes of (T,) numbers, (T,) values in 0 … 1.

        A query's logits depend on its companions under ``query`` statistics alone. There the measures are
        of a pass in which known and unknown queries share their statistics, as they would if nobody knew
        which is which; what else is reported of the known ones is of their pass without the others.

        Args:
            classify: made of the episodes' support.
            loader: the split's tensors.
            sampler: of the episodes.
            numbers: the episodes.
            known: (T, Q, way) logits of the known queries, by themselves.
            batch: the episodes.
            policy: of the learner.

        Raises:
            CellError: logits are not finite.
        """
        positions = self.sampler(sampler).take(numbers)
        count = known.shape[1]
        if policy == "query":
            mixed = np.concatenate([sampler.take(numbers).query, positions], axis=1)
            known, unknown = _logits(classify, loader, mixed).tensor_split([count], dim=1)
        else:  # no more at a time than there are known ones: memory is laid out for these
            parts = np.split(positions, range(count, positions.shape[1], count), axis=1)
            unknown = torch.cat([_logits(classify, loader, part) for part in parts], dim=1)
        score = SCORES[self.score]
        inside, outside = score(known.double()), score(unknown.double())
        if not bool(torch.isfinite(inside).all() and torch.isfinite(outside).all()):
            raise CellError("logits of known or unknown queries are not finite; lower train.learning_rate")
        return {
            "unknown_auroc": auroc(inside, outside),
            "unknown_fpr95": false_positive_rate(inside, outside),
            "unknown_oscr": oscr(inside, outside, hits(known, batch.query_labels)),
            "unknown_eer": detection_error(inside, outside),
        }


def _logits(classify: Classifier, loader: Loader, positions: np.ndarray) -> Tensor:
    """(T, n) positions → (T, n, way)."""
    return classify((trimmed(loader.gather(positions)),))
