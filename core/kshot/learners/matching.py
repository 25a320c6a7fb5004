"""Matching networks."""

from __future__ import annotations

import math
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import note, per_episode_norms, query_cross_entropy, width_of
from kshot.learners.context import FullContext
from kshot.learners.distances import Distance, likeness, log_scale
from kshot.learners.embedding import Comparison, EmbeddingLearner, one_hot


@final
class Matching(EmbeddingLearner):
    """Matching networks: attention over the support, whose labels it adds up.

    Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, "Matching Networks for One Shot
    Learning", NeurIPS 2016. A query attends to the support examples that it resembles; the
    probability of a class is the sum of the attention that its examples get. Both sides are
    embedded in the light of the whole support set (full context embeddings, FCE)::

        a(q, x_i) = softmax over i of  scale · cos(f(q), g(x_i))   or   -scale · ‖f(q) - g(x_i)‖²
        p(k | q)  = Σ a(q, x_i) over the support of class k,       logits_k = log p(k | q)

    f and g are those of :class:`~kshot.learners.context.FullContext` over the encoder's
    embeddings; without FCE both are the encoder. The logits are log-probabilities, so
    cross-entropy applies unchanged. Deviations: the paper's cosine has no scale, and a softmax
    over numbers in -1 … 1 is nearly flat: the scale is explicit and trained. K is 3, as in Ravi
    and Larochelle's code. Squared Euclidean distance is an addition.

    Args:
        encoder: embeds both sides; its batch norms are converted to work per episode. FCE must
            know its width (an attribute ``dim``).
        distance: ``cosine`` or ``squared_euclidean``.
        scale: factor of the similarities; default 10 for cosine, 1 for squared Euclidean.
        learn_scale: train the scale along with the encoder (kept positive).
        fce: full context embeddings.
        steps: K, how often a query reads the support (FCE).
        context_width: hidden width of the LSTMs (FCE); default: the embedding's, as in the
            paper, or 128 for embeddings wider than 512.

    Raises:
        ValueError: a scale, a number of steps or an encoder that cannot be used.
    """

    favours_large = True  # the shares of a class's examples add up

    def __init__(
        self,
        encoder: nn.Module,
        *,
        distance: Distance = "cosine",
        scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        learn_scale: bool = True,
        fce: bool = True,
        steps: Annotated[int, Field(ge=1)] = 3,
        context_width: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        self.encoder = per_episode_norms(encoder)
        self.distance: Distance = distance
        self.log_scale = nn.Parameter(torch.tensor(log_scale(distance, scale)), requires_grad=learn_scale)
        self.context = FullContext(width_of(encoder), steps=steps, width=context_width) if fce else None

    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """Embed the support in its own light.

        Notes ``attention``: its weights (T, Q, S), and the support's labels (T, S).
        """
        seen = self.context.of_support(support) if self.context else support

        def classify(query: Tensor) -> Tensor:
            embedded = self.context.of_queries(query, seen) if self.context else query
            similarities = self.log_scale.exp() * likeness(self.distance, embedded, seen)
            note("attention", lambda: {"weights": similarities.softmax(-1), "labels": labels})
            return class_log_probabilities(similarities, labels, way)

        return classify

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats."""
        logits = self.training_logits(episodes.support, episodes.query_inputs)
        return query_cross_entropy(logits, episodes.query_labels)


def class_log_probabilities(similarities: Tensor, labels: Tensor, way: int) -> Tensor:
    """Log of the softmax over the support, summed within each class.

    Every class is measured from its own most similar example, so that none vanishes, however
    far it lies behind; memory is that of the similarities.

    Args:
        similarities: (T, Q, S).
        labels: (T, S) integers in 0 … way-1.
        way: number of classes.

    Returns:
        (T, Q, way); -inf for a class without support.
    """
    index = labels.unsqueeze(1).expand_as(similarities)
    lowest = similarities.new_full((*similarities.shape[:2], way), -math.inf)
    largest = lowest.scatter_reduce(2, index, similarities.detach(), "amax")
    shares = (similarities - largest.gather(2, index)).exp() @ one_hot(labels, way, similarities)
    return (largest + shares.log()).log_softmax(-1)
