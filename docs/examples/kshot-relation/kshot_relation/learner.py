"""Relation networks."""

from __future__ import annotations

from typing import Annotated, Literal, final

import torch
import torch.nn.functional as F
from kshot.episode import TENSOR, Episodes, Examples, Inputs, inputs_of, labels_of
from kshot.functional import (
    Pass,
    embed,
    embed_jointly,
    per_episode_norms,
    query_pass,
    support_pass,
    width_of,
)
from kshot.interfaces import Classifier, Learner
from pydantic import Field
from torch import Tensor, nn

from kshot_relation.modules import OfMaps, OfVectors

Aggregate = Literal["sum", "mean"]


@final
class RelationNetwork(Learner):
    """Relation networks: a second network says how alike a query and a class are.

    Sung, Yang, Zhang, Xiang, Torr, Hospedales, "Learning to Compare: Relation Network for Few-Shot
    Learning", CVPR 2018. A class is the sum of its support embeddings; it is put beside each query, and
    the relation module g, trained along with the encoder f, gives the pair a score between 0 and 1,
    which training draws to 1 for the query's own class and to 0 for the others::

        s_k    = sum of f(x) over the support of class k
        r_k    = sigmoid(g([s_k, f(q)]))
        loss   = mean over queries and classes of (r_k - 1[q is of class k])²
        logits = log-odds of r, which has the same order

    With ``channels`` embeddings are read as square feature maps and g is the paper's convolutional
    module (figure 2); without, g is the paper's two fully connected layers for vectors (its zero-shot
    form), which goes with any encoder.

    A sum grows with the shot, so the paper trains for the shot that is asked; trained for one shot the
    module is at a loss over five. A mean (an addition) has one size at any shot.

    Deviations: logits are log-odds, since kshot's probabilities and metrics are of a softmax over
    classes; the paper reads the largest score, which is the same class. Batch norms in g follow the
    house's rule that statistics never cross episodes: an episode's own in training, running ones
    afterwards, whatever ``evaluate.batch_statistics`` says of the encoder. Maps narrower than two
    pixels are not pooled. The paper's encoder has two poolings, so that g still has maps to look at;
    kshot-image's ``conv4`` has four, and leaves 5×5 maps of pictures of 84×84.

    Args:
        encoder: the embedding function f; its batch norms are converted to work per episode. It must
            tell its width (an attribute ``dim``).
        channels: of the feature maps that an embedding is, such as 64 for ``conv4``; none: a vector.
        hidden: units of g's hidden layer; 8 in the paper for maps.
        aggregate: what a class is, the ``sum`` of its support as in the paper, or the ``mean``.

    Raises:
        ValueError: an encoder that does not tell its width, or whose embeddings are no square maps
            of so many channels.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        channels: Annotated[int, Field(ge=1)] | None = None,
        hidden: Annotated[int, Field(ge=1)] = 64,
        aggregate: Aggregate = "sum",
    ) -> None:
        super().__init__()
        width = width_of(encoder)
        self.encoder = per_episode_norms(encoder)
        module = OfVectors(width, hidden) if channels is None else OfMaps(width, channels, hidden)
        self.relation = per_episode_norms(module)
        self.aggregate: Aggregate = aggregate

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        """Sum the support of each class, (T, n) labels a block."""
        labels, way = labels_of(support), support[0].way
        first = support_pass(self.batch_statistics, len(labels))
        classes = self._classes(embed(self.encoder, inputs_of(support), first), labels, way)

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            embedded = embed(self.encoder, query, query_pass(self.batch_statistics, first))
            return self._compare(classes, embedded, Pass(len(labels), own=False))

        return classify

    def training_logits(self, support: tuple[Examples, ...], query: tuple[Inputs, ...]) -> Tensor:
        """Log-odds (T, Q, way), support and query in one pass of the encoder, as in the paper's code."""
        embedded, queries = embed_jointly(self.encoder, inputs_of(support), query)
        classes = self._classes(embedded, labels_of(support), support[0].way)
        return self._compare(classes, queries, Pass(len(classes), own=self.relation.training))

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean squared error of the relation scores, over queries and classes."""
        logits = self.training_logits(episodes.support, episodes.query_inputs)
        own = F.one_hot(episodes.query_labels, episodes.way).to(logits.dtype)
        return F.mse_loss(logits.sigmoid(), own)

    def _classes(self, embedded: Tensor, labels: Tensor, way: int) -> Tensor:
        """(T, S, dim) embeddings, (T, S) labels → (T, way, dim)."""
        members = F.one_hot(labels, way).to(embedded.dtype)
        sums = members.mT @ embedded
        return sums if self.aggregate == "sum" else sums / members.sum(1).unsqueeze(-1)

    def _compare(self, classes: Tensor, queries: Tensor, current: Pass) -> Tensor:
        """(T, way, dim) sums and (T, Q, dim) queries → (T, Q, way) log-odds."""
        way, count = classes.shape[1], queries.shape[1]
        beside = (
            classes.unsqueeze(1).expand(-1, count, -1, -1),
            queries.unsqueeze(2).expand(-1, -1, way, -1),
        )
        pairs = torch.stack(beside, dim=3).flatten(1, 2)  # (T, Q · way, 2, dim)
        # Differences of embeddings are mostly rounding in half precision.
        with torch.autocast(pairs.device.type, enabled=False):
            return embed(self.relation, ({TENSOR: pairs},), current).reshape(-1, count, way)
