"""Open-set evaluation: whether queries of classes that an episode does not show are told from its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from kshot.episode import Episodes, Inputs
from kshot.errors import CellError
from kshot.interfaces import Classifier, Learner
from kshot.loading import Loader, trimmed
from kshot.metrics import auroc, detection_error, false_positive_rate, hits, oscr
from kshot.sampling import AnySampler, UnknownSampler

Queries = Sequence[Inputs]
"""Queries of T episodes in parts, each leaf (T, n, …)."""

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

    def beside(
        self, learner: Learner, loader: Loader, sampler: AnySampler
    ) -> Callable[[np.ndarray], Queries]:
        """What gives the unknown queries of the episodes of (T,) numbers.

        A query's logits depend on its companions under ``query`` statistics alone. There the known queries
        come with the unknown ones, in one part: the measures are then of a pass in which they share their
        statistics, as they would if nobody knew which is which. Otherwise the unknown ones come in parts no
        larger than the known, since memory is laid out for these.

        Args:
            learner: whose policy counts.
            loader: the split's tensors.
            sampler: of the episodes.
        """
        unknown = self.sampler(sampler)

        def queries(numbers: np.ndarray) -> Queries:
            positions, known = unknown.take(numbers), sampler.take(numbers).query
            if learner.batch_statistics == "query":
                parts = [np.concatenate([known, positions], axis=1)]
            else:
                parts = np.split(positions, range(known.shape[1], positions.shape[1], known.shape[1]), axis=1)
            return [trimmed(loader.gather(part)) for part in parts]

        return queries

    def measures(
        self, classify: Classifier, batch: Episodes, known: Tensor, queries: Queries
    ) -> dict[str, Tensor]:
        """Each measure of T episodes, (T,) values in 0 … 1.

        Args:
            classify: made of the episodes' support.
            batch: the episodes.
            known: (T, Q, way) logits of the known queries, by themselves.
            queries: what :meth:`beside` gave.

        Raises:
            CellError: logits are not finite.
        """
        logits = torch.cat([classify((part,)) for part in queries], dim=1)
        count = known.shape[1]
        # Under `query` statistics the known ones came along.
        if logits.shape[1] == count + self.classes * self.queries:
            known, unknown = logits[:, :count], logits[:, count:]
        else:
            unknown = logits
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
