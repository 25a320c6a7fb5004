"""What a classifier is once it knows its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kshot.classifier.doubts import tell_poor_negatives
from kshot.classifier.embedder import Embedder
from kshot.classifier.method import Method, Settled
from kshot.classifier.neighbours import familiarity
from kshot.classifier.parts import build_reader
from kshot.classifier.recipe import Recipe
from kshot.classifier.support import Answering, Support
from kshot.classifier.temperature import Calibration
from kshot.classifier.things import Given, things_of
from kshot.classifier.threshold import Threshold, calibrate
from kshot.errors import InputError
from kshot.interfaces import Reader
from kshot.registry import Registry

UNKNOWN = "unknown"
"""What :meth:`FewShotClassifier.predict` answers for an example that is like none of its classes."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What a classifier is made of beside its examples."""

    recipe: Recipe
    reader: Reader
    embedder: Embedder
    method: Method

    @classmethod
    def around(
        cls, registry: Registry, recipe: Recipe, embedder: Embedder, trained: Mapping[str, Tensor] | None
    ) -> Self:
        """The learner around an encoder; ``trained``: its own weights, from a benchmark."""
        reader = build_reader(registry, embedder.modality)
        return cls(recipe, reader, embedder, Method(registry, recipe, embedder, trained))

    def support(self, given: Given, labels: tuple[str, ...]) -> Support:
        """Examples of classes."""
        with given.told():
            return self.embedder.support(given.raw, labels, adapts=self.method.adapts, who=given.who)

    def embeddings(self, given: Given) -> Tensor:
        """(n, dim) of examples that no learner sees."""
        if not given.raw:
            return torch.empty(0, self.embedder.stand_in().dim)
        with given.told():
            labels = ("",) * len(given.raw)
            return self.embedder.support(given.raw, labels, adapts=False, who=given.who).embeddings


@dataclass(frozen=True, eq=False)
class Fitted:
    """All that an answer depends on, in one object that never changes: whoever asks while another thread adds a
    class is answered by what was or by what is, and by nothing between.

    Attributes:
        parts: what it is made of.
        support: the examples of its classes.
        negatives: (m, dim) embeddings of examples of no class.
        settled: the learner for these examples.
        classify: the same, adapted to them.
        calibration: of its probabilities.
        rejection: the threshold of the unknown; None where none was asked for.
    """

    parts: Parts
    support: Support
    negatives: Tensor
    settled: Settled
    classify: Answering
    calibration: Calibration
    rejection: Threshold | None

    @classmethod
    def to(
        cls,
        parts: Parts,
        support: Support,
        negatives: Tensor,
        *,
        unknown: float | None,
        episodes: int,
        seed: int,
        trained: Mapping[str, Tensor] | None = None,
        calibration: Calibration | None = None,
    ) -> Self:
        """Fit to a support set: train the learner's own weights and calibrate, where neither was done before.

        Args:
            parts: what it is made of.
            support: examples of its classes.
            negatives: (m, dim) embeddings of examples of no class.
            unknown: share of known examples that may be refused.
            episodes: on which a learner's own weights are trained.
            seed: of what a learner draws.
            trained: the learner's own weights, where they were trained before.
            calibration: where it was done before.

        Raises:
            KshotError: what cannot serve.
        """
        settled = parts.method.settle(support, trained, episodes=episodes, seed=seed)
        calibration = settled.calibration() if calibration is None else calibration
        rejection = _threshold(support, negatives, unknown)
        if trained is None:
            tell_poor_negatives(rejection)
        return cls(parts, support, negatives, settled, settled.classifier(support), calibration, rejection)

    def rejecting(self, negatives: Tensor, unknown: float | None) -> Self:
        """The same with another threshold of the unknown, by other negatives (m, dim)."""
        rejection = _threshold(self.support, negatives, unknown)
        tell_poor_negatives(rejection)
        return replace(self, negatives=negatives, rejection=rejection)

    @cached_property
    def classes(self) -> NDArray[np.object_]:
        """(way,) sorted names."""
        return np.asarray(self.support.classes, dtype=object)

    def asked(self, X: Any) -> tuple[Tensor, Tensor]:  # noqa: N803 (scikit-learn's own name)
        """(n, way) logits and (n, dim) embeddings of what is asked about."""
        things = things_of(X)
        if not things:
            return torch.empty(0, len(self.classes)), torch.empty(0, self.support.embeddings.shape[1])
        given = Given.read(self.parts.reader, things, "predict")
        asked = self.parts.support(given, (self.support.classes[0],) * len(things))
        return self.classify(asked), asked.embeddings

    def labels(self, logits: Tensor, embeddings: Tensor) -> NDArray[np.object_]:
        """(n,) names of classes, or that of the unknown."""
        answers = self.classes[logits.argmax(1).numpy()]
        if self.rejection is not None:
            answers[(self.familiarity(embeddings) < self.rejection.familiarity).numpy()] = UNKNOWN
        return answers

    def probabilities(self, logits: Tensor) -> NDArray[np.float64]:
        """(n, way), in the order of the classes."""
        return (logits.double() / self.calibration.temperature).softmax(1).numpy()

    def familiarity(self, embeddings: Tensor) -> Tensor:
        """(n,) what the threshold is held against."""
        return familiarity(embeddings, self.support)


def _threshold(support: Support, negatives: Tensor, unknown: float | None) -> Threshold | None:
    """The threshold of the unknown.

    Raises:
        InputError: an answer could mean two things.
    """
    rejection = calibrate(support, negatives, unknown)
    if rejection is not None and UNKNOWN in support.labels:
        raise InputError(
            f"a class is called '{UNKNOWN}', as an example is that belongs to none; give its examples as negatives, or "
            "call it otherwise"
        )
    return rejection
