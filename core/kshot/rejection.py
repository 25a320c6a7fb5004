"""Open-set evaluation: whether queries of classes that an episode does not show are told from its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kshot.episode import Episodes, Inputs, inputs_of, labels_of
from kshot.errors import CellError
from kshot.functional import concatenated, embed, query_pass, support_pass
from kshot.interfaces import Classifier, Learner
from kshot.loading import Loader, trimmed
from kshot.metrics import hits
from kshot.sampling import AnySampler, Catalogue, OtherClasses, OutOfScope, UnknownSampler

Queries = Sequence[Inputs]
"""Queries of T episodes in parts, each leaf (T, n, …)."""


def log_odds(logits: Tensor) -> Tensor:
    """log p / (1 - p) of the largest probability p of the softmax: the largest logit less the others' logsumexp.

    It ranks as p does. The logarithm of p itself rounds to zero where a logit stands 37 above the others, in
    double precision, and queries that differ would be equal.

    Args:
        logits: (T, n, way) with a way of two at least, as every shape has: one class alone has p = 1.

    Returns:
        (T, n).
    """
    ordered = logits.sort(dim=-1, descending=True).values
    return ordered[..., 0] - ordered[..., 1:].logsumexp(dim=-1)


BY_LOGITS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "max_logit": lambda logits: logits.amax(dim=-1),
    "max_softmax": log_odds,
    "energy": lambda logits: logits.logsumexp(dim=-1),
}
"""(T, n, way) logits → (T, n) how known a query looks, by the name of the score.

The largest logit (Vaze, Han, Vedaldi and Zisserman, ICLR 2022), the largest probability of the softmax, by
its log-odds, which rank alike and do not round (Hendrycks and Gimpel, ICLR 2017), and the negative free energy
(Liu, Wang, Owens and Li, NeurIPS 2020).
"""

COSINE: Final = "cosine"
"""The score that :func:`nearest_cosine` gives: the embeddings', not the learner's."""


def nearest_cosine(query: Tensor, support: Tensor, labels: Tensor, way: int) -> Tensor:
    """Cosine of queries with the mean direction of the nearest class, as ``FewShotClassifier`` has it.

    Args:
        query: (T, n, dim) embeddings.
        support: (T, S, dim) embeddings.
        labels: (T, S) class numbers.
        way: number of classes.

    Returns:
        (T, n).
    """
    unit = F.normalize(support.double(), dim=-1)
    members = F.one_hot(labels, way).to(unit)
    return (F.normalize(query.double(), dim=-1) @ F.normalize(members.mT @ unit, dim=-1).mT).amax(dim=-1)


@dataclass(frozen=True, eq=False)
class Looks:
    """How known the queries of T episodes looked.

    Attributes:
        known: (T, Q) by score, in single precision, as they are kept.
        unknown: (T, U) likewise.
        right: (T, Q) 1 where a known query is classified rightly, else 0; shares of ties.
    """

    known: Mapping[str, Tensor]
    unknown: Mapping[str, Tensor]
    right: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Self | None]) -> Self | None:
        """Those of some episodes, then those of others; none where none were asked for."""
        asked = [one for one in parts if one is not None]
        if not asked:
            return None
        known, unknown = (
            {name: torch.cat([getattr(one, side)[name] for one in asked]) for name in getattr(asked[0], side)}
            for side in ("known", "unknown")
        )
        return cls(known, unknown, torch.cat([one.right for one in asked]))


@dataclass(frozen=True)
class Rejection:
    """What is asked of every episode beside its accuracy.

    Attributes:
        classes: unknown classes of an episode; without meaning where ``outside`` is given.
        queries: of each; or of no class, where ``outside`` is given.
        seed: of their draw.
        score: of ``BY_LOGITS``, or ``COSINE``: by it the measures are made. All scores are kept.
        outside: the examples of no class that are asked about; none: other classes of the split.
    """

    classes: int
    queries: int
    seed: int
    score: str = "max_logit"
    outside: Catalogue | None = None

    def sampler(self, known: AnySampler) -> UnknownSampler:
        """Draws the unknown queries of a sampler's episodes.

        Raises:
            DataError: too few classes, or examples, are there for them.
        """
        if self.outside is not None:
            return OutOfScope(known, self.outside, self.queries, self.seed)
        return OtherClasses(known, self.classes, self.queries, self.seed)

    def beside(
        self, learner: Learner, loader: Loader, outside: Loader | None, sampler: AnySampler
    ) -> Callable[[np.ndarray], Queries]:
        """What gives the unknown queries of the episodes of (T,) numbers.

        A query's logits depend on its companions under ``query`` statistics alone. There the known queries
        come with the unknown ones, in one part, or one of each modality: the measures are then of a pass in
        which they share their statistics, as they would if nobody knew which is which. Otherwise the unknown
        ones come in parts no larger than the known, since memory is laid out for these.

        Args:
            learner: whose policy counts.
            loader: the split's tensors.
            outside: those of the examples of no class, where these are asked about.
            sampler: of the episodes.
        """
        unknown, source = self.sampler(sampler), outside if self.outside is not None else loader
        assert source is not None

        def queries(numbers: np.ndarray) -> Queries:
            positions, known = unknown.take(numbers), sampler.take(numbers).query
            runs = _runs(source.catalogue, positions)
            if learner.batch_statistics == "query":
                pairs = zip(_runs(loader.catalogue, known), runs, strict=True)
                return [trimmed(_joined(loader.gather(one), source.gather(other))) for one, other in pairs]
            most = known.shape[1]
            parts = [part for run in runs for part in np.split(run, range(most, run.shape[1], most), axis=1)]
            return [trimmed(source.gather(part)) for part in parts]

        return queries

    def looks(
        self, learner: Learner, classify: Classifier, batch: Episodes, logits: Tensor, queries: Queries
    ) -> Looks:
        """How known the queries of T episodes look, by every score.

        Args:
            learner: whose encoder, as it is before an episode adapts it, gives the embeddings.
            classify: made of the episodes' support.
            batch: the episodes.
            logits: (T, Q, way) of the known queries, by themselves.
            queries: what :meth:`beside` gave.

        Raises:
            CellError: logits are not finite.
        """
        found = [classify((part,)) for part in queries]
        asked: list[tuple[Inputs, ...]] = [(part,) for part in queries]
        if learner.batch_statistics == "query":  # the known ones came along
            counts = [block.labels.shape[1] for block in batch.query]
            known, unknown = _parted(found, counts)
            near, far = _parted(_cosines(learner, batch, asked), counts)
        else:
            known, unknown = logits, torch.cat(found, dim=1)
            first, *others = _cosines(learner, batch, [batch.query_inputs, *asked])
            near, far = first, torch.cat(others, dim=1)
        inside = {name: score(known.double()).float() for name, score in BY_LOGITS.items()}
        outside = {name: score(unknown.double()).float() for name, score in BY_LOGITS.items()}
        inside[COSINE], outside[COSINE] = near.float(), far.float()
        if not all(bool(torch.isfinite(one).all()) for one in (*inside.values(), *outside.values())):
            raise CellError("logits of known or unknown queries are not finite; lower train.learning_rate")
        return Looks(inside, outside, hits(known, batch.query_labels))


def _cosines(learner: Learner, batch: Episodes, queries: Sequence[tuple[Inputs, ...]]) -> list[Tensor]:
    """(T, n) of each of some queries, by the embeddings before adaptation, under the learner's own statistics."""
    policy, labels = learner.batch_statistics, labels_of(batch.support)
    first = support_pass(policy, len(labels))
    support = embed(learner.encoder, inputs_of(batch.support), first)
    embedded = [embed(learner.encoder, blocks, query_pass(policy, first)) for blocks in queries]
    cosines = nearest_cosine(torch.cat(embedded, dim=1), support, labels, batch.support[0].way)
    return list(cosines.split([one.shape[1] for one in embedded], dim=1))


def _runs(catalogue: Catalogue, positions: np.ndarray) -> list[np.ndarray]:
    """(T, n) positions cut where another part of the catalogue begins, whose inputs are others."""
    blocks = catalogue.blocks
    return [positions] if blocks is None else [positions[:, run] for _, run in blocks.runs(positions)]


def _parted(found: Sequence[Tensor], counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Of (T, n, …) parts, the known queries of which come first, those and the unknown ones."""
    known = [one[:, :count] for one, count in zip(found, counts, strict=True)]
    unknown = [one[:, count:] for one, count in zip(found, counts, strict=True)]
    return torch.cat(known, dim=1), torch.cat(unknown, dim=1)


def _joined(known: Inputs, unknown: Inputs) -> Inputs:
    """Leaves (T, Q, …) and (T, U, …), padded to one length where they differ, → (T, Q + U, …)."""
    return {name: concatenated(leaf, unknown[name]) for name, leaf in known.items()}
