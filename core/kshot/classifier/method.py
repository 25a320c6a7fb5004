"""The learner of a classifier: its own weights trained, and the logits that it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self, final

import torch
from torch import Tensor

from kshot.classifier.curve import CurvePoint, learning_curve
from kshot.classifier.embedder import Embedder
from kshot.classifier.parts import Named, build_learner
from kshot.classifier.support import Support
from kshot.config import Train
from kshot.errors import KshotError
from kshot.interfaces import Learner
from kshot.registry import Registry
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.training import train, trainable

_CHUNK = 512
"""Queries classified at a time."""

_WAY, _QUERIES = 20, 3
"""Training episodes of a support's own examples are of this size at most."""


@final
class Method:
    """A learner by name, built once the encoder is known.

    Args:
        build: makes the learner around an encoder, for so many classes.
    """

    def __init__(self, build: Callable[[torch.nn.Module, int], Learner]) -> None:
        self._build = build
        self._learner: Learner | None = None

    @classmethod
    def named(cls, registry: Registry, named: Named) -> Self:
        """The registered learner."""

        def build(encoder: torch.nn.Module, way: int) -> Learner:
            return build_learner(registry, named, encoder, way)

        return cls(build)

    def adapts(self, embedder: Embedder) -> bool:
        """True where it must see examples, not embeddings: its logits depend on the encoder's weights
        after adaptation, or on the episode's own batch statistics."""
        probe = self._build(embedder.copy(), 2)
        return probe.adapts_encoder or probe.batch_statistics != "frozen"

    def settle(
        self,
        embedder: Embedder,
        support: Support,
        trained: Mapping[str, Tensor] | None,
        *,
        episodes: int,
        seed: int,
    ) -> None:
        """Build the learner for a support set, and train weights of its own on episodes of that set.

        Args:
            embedder: the encoder, which stays as it is.
            support: all examples.
            trained: the learner's own weights, where they were trained before.
            episodes: to train on.
            seed: of the weights and the episodes.
        """
        devices = [embedder.device] if embedder.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            adapts = self.adapts(embedder)
            encoder = embedder.copy() if adapts else embedder.stand_in()
            for parameter in encoder.parameters():
                parameter.requires_grad_(False)
            learner = self._build(encoder, len(support.classes)).to(embedder.device)
            if trained is not None:
                _load(learner, trained)
            elif learner.trains and trainable(learner) and episodes:
                _train(learner, support, embedder.device, episodes, seed)
            if learner.wants_base and trained is None:
                learner.begin(support.embeddings.to(embedder.device), support.numbers.to(embedder.device))
        self._learner, self._device = learner.eval(), embedder.device

    @torch.no_grad()
    def logits(self, support: Support, asked: Support) -> Tensor:
        """(n, way) logits, on the CPU, of examples asked about, whose labels do not matter."""
        learner = self._settled()
        classify = learner.adapt((support.block(self._device),))
        parts: list[Tensor] = []
        for start in range(0, len(asked), _CHUNK):
            inputs = {n: leaf[start : start + _CHUNK].to(self._device) for n, leaf in asked.inputs.items()}
            parts.append(classify(({n: leaf.unsqueeze(0) for n, leaf in inputs.items()},))[0].float().cpu())
        joined = torch.cat(parts)
        if not bool(torch.isfinite(joined).all()):
            raise KshotError("the learner's logits are not finite; lower its rate, or choose another learner")
        return joined

    def learning_curve(self, support: Support, draws: int, seed: int) -> list[CurvePoint]:
        """Accuracy by number of examples; see :func:`kshot.classifier.curve.learning_curve`."""
        return learning_curve(self._settled(), support, self._device, draws, seed)

    def state(self) -> dict[str, Tensor]:
        """The learner's own weights, without the encoder's."""
        kept = self._settled().state_dict()
        return {name: value.cpu() for name, value in kept.items() if not name.startswith("encoder.")}

    def _settled(self) -> Learner:
        assert self._learner is not None, "settle comes first"
        return self._learner


def _train(learner: Learner, support: Support, device: torch.device, episodes: int, seed: int) -> None:
    """On episodes of the support itself, as far as it has classes with two examples."""
    sizes = torch.bincount(support.numbers)
    several = sizes[sizes > 1]
    if len(several) < 2:
        return
    queries = min(_QUERIES, int(several.min()) - 1)
    way = learner.way or min(_WAY, len(several))
    loader = support.loader(device)
    sampler = Sampler(loader.catalogue, "train", Shape(way, 1, queries), seed)
    options: dict[str, Any] = {"episodes": episodes, "way": way, "queries": queries, "schedule": "cosine"}
    train(learner, loader, sampler, Train.model_validate(options))


def _load(learner: Learner, trained: Mapping[str, Tensor]) -> None:
    expected = {name for name in learner.state_dict() if not name.startswith("encoder.")}
    if set(trained) != expected:
        raise KshotError("the classifier's learner has other weights than the installed one; fit it anew")
    try:
        learner.load_state_dict(dict(trained), strict=False)
    except RuntimeError as error:
        raise KshotError(
            f"the classifier's learner has other weights than the installed one: {error}"
        ) from error
