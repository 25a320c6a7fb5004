"""The linear probe."""

from __future__ import annotations

from typing import Annotated, final

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import per_episode_norms, query_cross_entropy
from kshot.learners.embedding import Comparison, EmbeddingLearner, one_hot
from kshot.learners.logistic import fit_logistic


@final
class LinearProbe(EmbeddingLearner):
    """A linear probe: logistic regression on frozen embeddings.

    Tian et al., "Rethinking Few-Shot Image Classification: a Good Embedding Is All You Need?",
    ECCV 2020. For each episode a multinomial logistic regression is fitted to the support, as
    scikit-learn's with its default penalty; all episodes are solved together::

        min over W, b of  C · Σ CE(W f(x) + b, y) + ½ ‖W‖²

    There is no training of its own: the encoder comes pretrained, or as it was built. ``loss``
    is the queries' cross-entropy with the fitted classifier for a constant. Deviations: the
    paper scales embeddings to length 1, which is an option here; ``balanced`` is an addition.

    Args:
        encoder: embeds the examples; it is not adapted.
        c: inverse strength of the penalty (scikit-learn's ``C``).
        normalise: scale embeddings to length 1 first.
        balanced: let classes count alike whatever their size, as scikit-learn's ``class_weight="balanced"``: the
            cross-entropy of each example is divided by the size of its class and multiplied by the mean size.
    """

    trains = False

    def __init__(
        self,
        encoder: nn.Module,
        *,
        c: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
        normalise: bool = False,
        balanced: bool = False,
    ) -> None:
        super().__init__()
        if not c > 0:
            raise ValueError(f"c must be positive, got {c}")
        self.encoder = per_episode_norms(encoder)
        self._c, self._normalise, self._balanced = c, normalise, balanced
        self.favours_large = not balanced  # every example counts in the fit

    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """Fit each episode's classifier."""
        # Of two classes scikit-learn fits the difference alone, which counts a penalty half.
        c = self._c / 2 if way == 2 else self._c
        targets = one_hot(labels, way, support).double()
        weights = _balance(targets) if self._balanced else torch.ones_like(targets[..., 0])
        fitted = fit_logistic(self._scaled(support.detach()), targets, c * weights)
        return lambda query: fitted.logits(self._scaled(query)).to(query.dtype)

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats."""
        logits = self.training_logits(episodes.support, episodes.query_inputs)
        return query_cross_entropy(logits, episodes.query_labels)

    def _scaled(self, embedded: Tensor) -> Tensor:
        return F.normalize(embedded, dim=-1) if self._normalise else embedded


def _balance(targets: Tensor) -> Tensor:
    """(T, S, way) ones and zeros → (T, S) weights by which classes of an episode weigh alike, 1 on the average."""
    sizes = targets.sum(1, keepdim=True)
    return (targets * (targets.shape[1] / targets.shape[2] / sizes.clamp_min(1))).sum(2)
