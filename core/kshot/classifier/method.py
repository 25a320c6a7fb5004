"""The learner of a classifier: its own weights trained, and the logits that it gives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, final

import torch
from torch import Tensor

from kshot.classifier.curve import CurvePoint, learning_curve, learning_curve_by_folds
from kshot.classifier.embedder import Embedder
from kshot.classifier.folds import Fold, HeldOut, folds_of
from kshot.classifier.parts import build_learner
from kshot.classifier.recipe import Recipe
from kshot.classifier.support import Answering, Support
from kshot.classifier.temperature import Calibration, fit_temperature
from kshot.config import Train
from kshot.errors import KshotError
from kshot.functional.promised import promised_logits
from kshot.interfaces import Learner
from kshot.registry import Registry
from kshot.results.text import pace
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.training import ENCODER, train, trainable

log = logging.getLogger("kshot")

TOLD_SECONDS = 10.0
"""How often the log says how far a training is."""

_CHUNK = 512
"""Queries classified at a time."""

_WAY, _QUERIES = 20, 3
"""Training episodes of a support's own examples are of this size at most."""

_FOLDS, _FOLDS_TRAINED = 5, 3
"""Parts of a support that are held out in turn; the latter for learners that are trained on it, each of which costs a
training."""


@final
class Method:
    """A registered learner around an encoder.

    Args:
        registry: finds the learner.
        recipe: names it.
        embedder: the encoder, which stays as it is.
        trained: the learner's own weights from a training beforehand, which no support set changes;
            none: each support set trains them anew.

    Attributes:
        favours_large: as the learner has it.
        adapts: True where the learner must see examples, not embeddings: its logits depend on the
            encoder's weights after adaptation, or on the episode's own batch statistics.

    Raises:
        KshotError: unknown, or options that do not fit.
    """

    def __init__(
        self,
        registry: Registry,
        recipe: Recipe,
        embedder: Embedder,
        trained: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._registry, self._recipe, self._embedder, self._trained = registry, recipe, embedder, trained
        with torch.random.fork_rng(devices=[]):
            probe = build_learner(registry, recipe, embedder.copy(), 2)
        if probe.batch_statistics == "query":
            log.warning(
                "%s follows batch_statistics: query: things that are asked about together are answered together, "
                "and one alone has no statistics; train with `support` or `frozen` for answers that stand alone",
                recipe.cell,
            )
        self.favours_large = probe.favours_large
        self.adapts = probe.adapts_encoder or probe.batch_statistics != "frozen"

    def settle(
        self, support: Support, trained: Mapping[str, Tensor] | None, *, episodes: int, seed: int
    ) -> Settled:
        """The learner for a support set, weights of its own trained on episodes of that set.

        Args:
            support: all examples.
            trained: the learner's own weights, where they were trained before.
            episodes: to train on.
            seed: of the weights and the episodes.

        Raises:
            KshotError: the learner was trained for another number of classes, or the weights are not its.
        """
        name = self._recipe.learner.use
        learner = self._learner(support, trained, episodes, seed, name)
        held_out = None
        if self._learns(learner, episodes) and _can_train(learner, support):

            def without(left: Support, weights: Mapping[str, Tensor] | None, which: str) -> Settled:
                if not _can_train(learner, left):
                    # Where too few are left to train on, what all of them trained is nearer to what will be asked.
                    return settled
                again = self._learner(left, weights, episodes, seed, f"{name}, {which}")
                return Settled(again, self._embedder.device, left, None)

            held_out = HeldOut(support, _FOLDS_TRAINED, without)
        settled = Settled(learner, self._embedder.device, support, held_out)
        return settled

    def _learner(
        self, support: Support, trained: Mapping[str, Tensor] | None, episodes: int, seed: int, name: str
    ) -> Learner:
        """The learner for a support set, in evaluation mode; arguments as those of :meth:`settle`, and what a
        training is called in the log."""
        device = self._embedder.device
        fixed = self._trained if trained is None else trained
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            encoder = self._embedder.copy() if self.adapts else self._embedder.stand_in()
            for parameter in encoder.parameters():
                parameter.requires_grad_(False)
            learner = build_learner(self._registry, self._recipe, encoder, len(support.classes)).to(device)
            self._check_way(learner, len(support.classes))
            if fixed is not None:
                _load(learner, fixed)
            else:
                learns = self._learns(learner, episodes)
                if learns and not _can_train(learner, support):
                    log.warning(
                        "%s: its own weights stay as they came; they are trained where %d classes have two examples "
                        "each%s",
                        self._recipe.learner.use,
                        learner.way or 2,
                        ", or any two with `head: prototype`" if learner.way else "",
                    )
                _train(learner, support, device, episodes if learns else 0, seed, name)
        return learner.eval()

    def _learns(self, learner: Learner, episodes: int) -> bool:
        """True where a support set trains weights of the learner's own."""
        return self._trained is None and learner.trains and bool(trainable(learner)) and episodes > 0

    def _check_way(self, learner: Learner, classes: int) -> None:
        if learner.way not in (None, classes):
            raise KshotError(
                f"{self._recipe.cell}: its head was trained with an output for each of {learner.way} classes, and "
                f"serves no other number; here are {classes}. Train one with `head: prototype` or `head: shared`, "
                f"which serve any number, or with `train: {{way: {classes}}}`"
            )


@final
class Settled:
    """A learner whose own weights are settled for a support set.

    Several threads may ask it; they are answered in turn, since a learner that adapts its encoder computes with
    adapted weights put into that one module.

    Args:
        learner: in evaluation mode.
        device: where it computes.
        support: all examples.
        held_out: the same learner trained without some of them in turn, where its own weights are trained on them;
            none: no example has changed these.
    """

    def __init__(
        self, learner: Learner, device: torch.device, support: Support, held_out: HeldOut | None
    ) -> None:
        self._learner, self._device, self._support, self._held_out = learner, device, support, held_out
        self._turn = Lock()

    @torch.no_grad()
    def classifier(self, support: Support) -> Answering:
        """What classifies by a support set; adapted to it once, however much is asked."""
        way = len(support.classes)
        with self._turn:
            classify = self._learner.adapt((support.block(self._device),))

        @torch.no_grad()
        def logits(asked: Support) -> Tensor:
            parts: list[Tensor] = []
            for start in range(0, len(asked), _CHUNK):
                inputs = {
                    n: leaf[start : start + _CHUNK].to(self._device) for n, leaf in asked.inputs.items()
                }
                one_episode = {name: leaf.unsqueeze(0) for name, leaf in inputs.items()}
                shape = (1, min(_CHUNK, len(asked) - start), way)
                with self._turn:
                    found = promised_logits(classify((one_episode,)), self._learner, shape)
                parts.append(found[0].float().cpu())
            joined = torch.cat(parts)
            if not bool(torch.isfinite(joined).all()):
                raise KshotError(
                    "the learner's logits are not finite; lower its rate, or choose another learner"
                )
            return joined

        return logits

    def calibration(self) -> Calibration:
        """The temperature by examples of the support that its own weights have not seen either; see
        :mod:`kshot.classifier.folds`."""
        if self._held_out is not None:
            return fit_temperature(self._support, self._held_out)
        parts = folds_of(self._support, _FOLDS)
        return fit_temperature(self._support, (Fold(left, held, self.classifier) for left, held in parts))

    def learning_curve(self, draws: int, seed: int) -> list[CurvePoint]:
        """Accuracy by number of examples, on examples that its own weights have not seen either; see
        :mod:`kshot.classifier.curve`. Learners that the calibration held examples out of serve again."""
        if self._held_out is not None:
            return learning_curve_by_folds(self._support, self._held_out, draws, seed)
        with self._turn:
            return learning_curve(self._learner, self._support, self._device, draws, seed)

    def state(self) -> dict[str, Tensor]:
        """The learner's own weights, without the encoder's."""
        with self._turn:
            kept = self._learner.state_dict()
        return {name: value.cpu() for name, value in kept.items() if not name.startswith(ENCODER)}


def _train(
    learner: Learner, support: Support, device: torch.device, episodes: int, seed: int, name: str
) -> None:
    """What the learner learns of a support set: by episodes of it, as far as there are classes with two
    examples, and where it must see training embeddings by these."""
    if episodes and _can_train(learner, support):
        _meta_train(learner, support, device, episodes, seed, name)
    if learner.wants_base:
        learner.begin(support.embeddings.to(device), support.numbers.to(device))


def _can_train(learner: Learner, support: Support) -> bool:
    """True where episodes can be drawn: of as many classes as its head tells apart, with two examples each."""
    return int((torch.bincount(support.numbers) > 1).sum()) >= (learner.way or 2)


def _meta_train(
    learner: Learner, support: Support, device: torch.device, episodes: int, seed: int, name: str
) -> None:
    sizes = torch.bincount(support.numbers)
    several = sizes[sizes > 1]
    queries = min(_QUERIES, int(several.min()) - 1)
    way = learner.way or min(_WAY, len(several))
    loader = support.loader(device)
    sampler = Sampler(loader.catalogue, "train", Shape(way, 1, queries), seed)
    options: dict[str, Any] = {"episodes": episodes, "way": way, "queries": queries, "schedule": "cosine"}
    train(learner, loader, sampler, Train.model_validate(options), progress=_telling(name, episodes))


def _telling(name: str, total: int) -> Callable[[int, float, float], None]:
    """Says in the log now and then how far a training is."""
    last = 0.0

    def told(episodes: int, loss: float, seconds: float) -> None:
        nonlocal last
        if seconds - last >= TOLD_SECONDS:
            last = seconds
            log.info(
                "%s: %d/%d episodes, loss %.3f, %s",
                name,
                episodes,
                total,
                loss,
                pace(episodes, total, seconds),
            )

    return told


def _load(learner: Learner, trained: Mapping[str, Tensor]) -> None:
    expected = {name for name in learner.state_dict() if not name.startswith(ENCODER)}
    if set(trained) != expected:
        first = min(set(trained) ^ expected)
        raise KshotError(
            f"the classifier's learner has other weights than the installed one (first: {first}); fit it anew"
        )
    try:
        learner.load_state_dict(dict(trained), strict=False)
    except RuntimeError as error:
        raise KshotError(
            f"the classifier's learner has other weights than the installed one: {error}"
        ) from error
