"""Baseline++."""

from __future__ import annotations

from typing import Annotated, final

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import per_episode_norms, query_cross_entropy
from kshot.learners.embedding import Comparison, EmbeddingLearner, one_hot


@final
class BaselinePlusPlus(EmbeddingLearner):
    """Baseline++: a cosine classifier fitted to the support of each episode.

    Chen, Liu, Kira, Wang, Huang, "A Closer Look at Few-shot Classification", ICLR 2019,
    arXiv:1904.04232. The encoder is pretrained with a cosine classifier of the training classes;
    at test it is frozen and a new cosine classifier is fitted by gradient descent::

        logits_k = scale · cos(f(q), w_k),      w by SGD on the support's cross-entropy

    Learner and pretraining go together: give the configuration a ``pretrain``. ``loss`` is the
    queries' cross-entropy with the fitted classifier for a constant. Deviations: each step takes
    the whole support, not batches of four, so that all episodes are one computation and nothing
    is drawn; the rate is higher in return. Rows start at random, equal in every episode and
    drawn from ``seed``. The published code also learns a norm for each row, has scale 2, rate
    0.01 and dampens its momentum, so that after its 100 epochs the random start still shows;
    here the classifier is the paper's formula and is fitted until it forgets the start.

    Args:
        encoder: embeds the examples; it is not adapted.
        scale: factor of the cosines.
        steps: of SGD.
        learning_rate, momentum, weight_decay: of SGD.
        seed: of the rows' start.
    """

    trains = False
    favours_large = True  # every example counts in the fit
    pretrain_head = "cosine"

    def __init__(
        self,
        encoder: nn.Module,
        *,
        scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0,
        steps: Annotated[int, Field(ge=1)] = 100,
        learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        self.encoder = per_episode_norms(encoder)
        self._scale, self._steps, self._seed = scale, steps, seed
        self._rate, self._momentum, self._decay = learning_rate, momentum, weight_decay

    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """Fit each episode's classifier."""
        rows = self._fitted(support.detach(), one_hot(labels, way, support))
        return lambda query: self._cosines(query, rows)

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats."""
        logits = self.training_logits(episodes.support, episodes.query_inputs)
        return query_cross_entropy(logits, episodes.query_labels)

    def _cosines(self, embedded: Tensor, rows: Tensor) -> Tensor:
        """(T, n, dim) and (T, way, dim) → (T, n, way)."""
        return self._scale * F.normalize(embedded, dim=-1) @ F.normalize(rows, dim=-1).mT

    @torch.no_grad()
    def _fitted(self, support: Tensor, targets: Tensor) -> Tensor:
        """SGD with momentum on (T, way, dim) rows; an episode's gradient is its own.

        The gradient is written out: it needs no autograd, which inference mode would not let run.
        """
        support = F.normalize(support, dim=-1)
        rows = self._start(support, targets.shape[2])
        velocity = torch.zeros_like(rows)
        for _ in range(self._steps):
            lengths = rows.norm(dim=-1, keepdim=True)
            units = rows / lengths
            errors = (self._scale * support @ units.mT).softmax(-1) - targets
            gradient = self._scale / support.shape[1] * errors.mT @ support
            # A row's own direction does not change its cosines.
            gradient = (gradient - (gradient * units).sum(-1, keepdim=True) * units) / lengths
            velocity = self._momentum * velocity + gradient + self._decay * rows
            rows = rows - self._rate * velocity
        return rows

    def _start(self, support: Tensor, way: int) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed)
        rows = torch.randn(way, support.shape[2], generator=generator, dtype=torch.float64)
        return F.normalize(rows, dim=1).to(support).expand(len(support), -1, -1)
