"""Every check of a learner passes a sound one, and catches the breakage it is there for."""

from __future__ import annotations

import random
from collections.abc import Callable
from unittest import SkipTest

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kshot.episode import Episodes, Examples, Inputs, inputs_of, labels_of
from kshot.functional import embed, per_episode_norms, query_pass, support_pass
from kshot.interfaces import Classifier, Learner
from kshot.testing import LEARNER_CHECKS, learner_factory, toy_subject
from torch import Tensor, nn
from torch.func import functional_call


class Sound(Learner):
    """Nearest class means, in steps that the broken ones below replace one by one."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = per_episode_norms(encoder)
        self.scale = nn.Parameter(torch.ones(()))

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        labels, way = labels_of(support), support[0].way
        first = support_pass(self.batch_statistics, len(labels))
        with torch.autocast("cpu", enabled=False):
            means = self.means(embed(self.encoder, inputs_of(support), first), labels, way)

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            embedded = embed(self.encoder, query, query_pass(self.batch_statistics, first))
            with torch.autocast("cpu", enabled=False):
                return self.logits(embedded, means)

        return classify

    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        members = F.one_hot(labels, way).to(support.dtype)
        return members.mT @ support / members.sum(1).unsqueeze(-1)

    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return -self.scale * (query.unsqueeze(2) - means.unsqueeze(1)).square().sum(-1)

    def loss(self, episodes: Episodes) -> Tensor:
        logits = self.adapt(episodes.support)(episodes.query_inputs)
        return F.cross_entropy(logits.flatten(0, 1), episodes.query_labels.flatten())


class OddPolicy(Sound):
    batch_statistics = "batch"


class Transposed(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query, means).mT


class Doubled(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query, means).double()


class NeedsTwoShots(Sound):
    """Divides by the variance within a class."""

    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        members = F.one_hot(labels, way).to(support.dtype)
        return members.mT @ support / (members.sum(1) * (members.sum(1) > 1)).unsqueeze(-1)


class OwnForward(Sound):
    def forward(self, support, support_labels, query, way=None) -> Tensor:
        return super().forward(support, support_labels.flip(-1), query, way)


class VectorLoss(Sound):
    def loss(self, episodes: Episodes) -> Tensor:
        return super().loss(episodes).expand(2)


class SummedLoss(Sound):
    def loss(self, episodes: Episodes) -> Tensor:
        return super().loss(episodes) * len(episodes)


class MixesEpisodes(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        return super().means(support, labels, way) - 0.1 * support.mean((0, 1))


class StoresOnSelf(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.prototypes = super().means(support, labels, way)
        return self.prototypes


class Counts(Sound):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.register_buffer("calls", torch.zeros(()))

    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.calls += 1
        return super().means(support, labels, way)


class Collects(Sound):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.seen: list[Tensor] = []

    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.seen.append(labels)
        return super().means(support, labels, way)


class SwitchesMode(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.encoder.train(not self.encoder.training)
        return super().means(support, labels, way)


class KeepsFastWeights(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.encoder.last.weight = nn.Parameter(self.encoder.last.weight.detach().clone())
        return super().means(support, labels, way)


class LeavesGradients(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.scale.grad = torch.zeros(())
        return super().means(support, labels, way)


class Draws(Sound):
    generate: Callable[[], object] = staticmethod(lambda: torch.rand(1))

    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        self.generate()
        return super().means(support, labels, way)


class DrawsNumpy(Draws):
    generate = staticmethod(lambda: np.random.rand())


class DrawsPython(Draws):
    generate = staticmethod(lambda: random.random())


class KeepsUnsaved(Sound):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.register_buffer("offset", torch.randn(8), persistent=False)

    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query + self.offset, means)


class ForgetsBase(Sound):
    """Centres embeddings by a mean that no state dict holds."""

    wants_base = True
    mean: Tensor | float = 0.0

    def begin(self, embeddings: Tensor, labels: Tensor) -> None:
        self.mean = embeddings.mean(0).abs()

    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query * (1 + self.mean), means)


class AdaptsInSecret(Sound):
    """One inner step on the encoder's weights for each episode, which it does not tell."""

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        inputs, labels, way = support[0].inputs, labels_of(support), support[0].way
        with torch.enable_grad():
            fast = [self.stepped(_of(inputs, t), one, way) for t, one in enumerate(labels)]

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            logits: list[Tensor] = []
            for t, weights in enumerate(fast):
                z = functional_call(self.encoder, weights, (_of(inputs, t),)).unsqueeze(0)
                asked = functional_call(self.encoder, weights, (_of(query[0], t),)).unsqueeze(0)
                logits.append(self.logits(asked, self.means(z, labels[t : t + 1], way)))
            return torch.cat(logits)

        return classify

    def stepped(self, inputs: Inputs, labels: Tensor, way: int) -> dict[str, Tensor]:
        weights = dict(self.encoder.named_parameters())
        if not weights:
            return weights
        z = self.encoder(inputs).unsqueeze(0)
        logits = self.logits(z, self.means(z, labels.unsqueeze(0), way))
        gradients = torch.autograd.grad(F.cross_entropy(logits[0], labels), list(weights.values()))
        return {name: w - 0.1 * slope for (name, w), slope in zip(weights.items(), gradients, strict=True)}


def _of(inputs: Inputs, task: int) -> Inputs:
    return {name: leaf[task] for name, leaf in inputs.items()}


class HoldsTheEncoderTwice(Sound):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.network = nn.Sequential(self.encoder)

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        return Sound.adapt(self.around(self.network), support)


class ScalesOverEpisodes(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        return super().means(support / support.std(), labels, way)


class SeesCompanions(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query - query.mean(1, keepdim=True), means)


class IgnoresPolicy(Sound):
    """Always the queries' own statistics, whatever was asked for."""

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        asked, self.batch_statistics = self.batch_statistics, "query"
        classify = super().adapt(support)

        def late(query: tuple[Inputs, ...]) -> Tensor:
            self.batch_statistics = "query"
            logits = classify(query)
            self.batch_statistics = asked
            return logits

        return late


class AlwaysFirst(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        first = F.one_hot(torch.zeros((), dtype=torch.int64), means.shape[1])
        return 0 * super().logits(query, means) + first.to(query.dtype)


class AssumesSorted(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        return support.unflatten(1, (way, -1)).mean(2)


class Detaches(Sound):
    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        return super().means(support, labels, way).detach()

    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query.detach(), means)


class DetachesInAdapt(Detaches):
    """Trains as it should; what ``adapt`` gives cannot be differentiated."""

    def loss(self, episodes: Episodes) -> Tensor:
        z = embed(self.encoder, inputs_of(episodes.support), support_pass("frozen", len(episodes)))
        means = Sound.means(self, z, labels_of(episodes.support), episodes.way)
        return Sound.logits(self, z, means).square().mean()


class UnusedParameter(Sound):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        self.unused = nn.Parameter(torch.ones(3))


class ZeroedParameter(UnusedParameter):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query, means) + 0 * self.unused.sum()


class InfiniteGradient(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query, means) + (query - query).abs().sqrt().sum(-1, keepdim=True)


class NeedsGraph(Sound):
    """One step down a loss of the means, which without gradients is left out."""

    def means(self, support: Tensor, labels: Tensor, way: int) -> Tensor:
        means = super().means(support, labels, way)
        if not torch.is_grad_enabled():
            return means
        [gradient] = torch.autograd.grad(means.square().sum(), means, create_graph=True)
        return means - 0.1 * gradient


class KeepsGraph(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        with torch.enable_grad():
            return super().logits(query, means)


class HardCodedType(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query.float(), means.float())


class Cancels(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return super().logits(query, means) + 1e7 - 1e7


class HalfPrecision(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.scale * query @ means.mT


class HalfPrecisionLoss(Sound):
    def loss(self, episodes: Episodes) -> Tensor:
        half = torch.is_autocast_enabled("cpu")
        loss = super().loss(episodes)
        return loss * loss.bfloat16().exp().isinf().logical_not().to(loss.dtype) / 0 if half else loss


class PeeksPastTheEncoder(Sound):
    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        means = self.means(support[0].inputs["values"][..., :4], labels_of(support), support[0].way)
        return lambda query: self.logits(query[0]["values"][..., :4], means)


class WrongSign(Sound):
    def logits(self, query: Tensor, means: Tensor) -> Tensor:
        return -super().logits(query, means)

    def loss(self, episodes: Episodes) -> Tensor:
        return -super().loss(episodes).clamp(max=5)


BREAKAGES = [
    ("shapes", Transposed, "not \\(T, Q, way\\)"),
    ("shapes", OddPolicy, "batch_statistics is 'batch'; take one of frozen, support, query, joint"),
    ("shapes", Doubled, "not float32"),
    ("shapes", NeedsTwoShots, "not finite"),
    ("unbalanced", NeedsTwoShots, "not finite"),
    ("plain_use", OwnForward, "answers otherwise"),
    ("loss", VectorLoss, "not a float32 scalar"),
    ("loss", SummedLoss, "not the mean"),
    ("loss", MixesEpisodes, "not the mean"),
    ("adapt_changes_nothing", StoresOnSelf, "attribute 'prototypes'"),
    ("adapt_changes_nothing", Collects, "attribute 'seen'"),
    ("adapt_changes_nothing", Counts, "state 'calls'"),
    ("adapt_changes_nothing", SwitchesMode, "attribute 'encoder.training'"),
    ("adapt_changes_nothing", KeepsFastWeights, "parameter 'encoder.last.weight' itself"),
    ("adapt_changes_nothing", LeavesGradients, "gradient of 'scale'"),
    ("adapt_changes_nothing", Draws, "torch's random state"),
    ("adapt_changes_nothing", DrawsNumpy, "NumPy's random state"),
    ("adapt_changes_nothing", DrawsPython, "Python's random state"),
    ("round_trip", KeepsUnsaved, "other logits"),
    ("round_trip", ForgetsBase, "other logits"),
    ("embedded", AdaptsInSecret, "its logits are others.*adapts_encoder = True"),
    ("embedded", HoldsTheEncoderTwice, "raises PluginError: .* as self.encoder alone"),
    ("embedded", PeeksPastTheEncoder, "raises KeyError"),
    ("episodes_apart", MixesEpisodes, "other episodes"),
    ("episodes_apart", ScalesOverEpisodes, "other episodes"),
    ("companions", SeesCompanions, "depend on its companions.*declare the exception"),
    ("companions", IgnoresPolicy, "'frozen' a query's logits depend"),
    ("label_equivariance", AlwaysFirst, "numbered otherwise"),
    ("label_equivariance", AssumesSorted, "numbered otherwise"),
    ("support_order", AssumesSorted, "order of the support"),
    ("gradients", Detaches, "sends no gradient to encoder"),
    ("gradients", DetachesInAdapt, "adapt\\(\\) send no finite gradient"),
    ("gradients", UnusedParameter, "no gradient to unused"),
    ("gradients", ZeroedParameter, "only zeros to unused"),
    ("gradients", InfiniteGradient, "NaN or infinity"),
    ("without_gradients", NeedsGraph, "are others"),
    ("without_gradients", KeepsGraph, "graph"),
    ("precision", HardCodedType, "are torch.float32"),
    ("precision", Cancels, "disagree"),
    ("autocast", HalfPrecision, "are torch.bfloat16"),
    ("autocast", HalfPrecisionLoss, "loss is (nan|inf)"),
    ("constant_encoder", PeeksPastTheEncoder, "constant encoder"),
    ("learns", AlwaysFirst, "unseen classes"),
    ("learns", WrongSign, "unseen classes"),
]


@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_a_sound_learner_passes(check: str) -> None:
    LEARNER_CHECKS[check](learner_factory(Sound), toy_subject())


@pytest.mark.parametrize(
    ("check", "learner", "found"), BREAKAGES, ids=lambda one: getattr(one, "__name__", None)
)
def test_a_broken_learner_is_caught(check: str, learner: type[Learner], found: str) -> None:
    with pytest.raises(AssertionError, match=found) as caught:
        LEARNER_CHECKS[check](learner_factory(learner), toy_subject())
    assert f"{learner.__name__} with toy" in str(caught.value)


def test_every_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in BREAKAGES} == set(LEARNER_CHECKS)


@pytest.mark.parametrize("check", ["loss", "gradients"])
def test_what_does_not_train_is_not_asked_for_a_loss(check: str) -> None:
    class Untrained(Sound):
        trains = False

        def loss(self, episodes: Episodes) -> Tensor:
            raise NotImplementedError

    with pytest.raises(SkipTest, match="no training episodes"):
        LEARNER_CHECKS[check](learner_factory(Untrained), toy_subject())


def test_a_learner_that_says_that_it_adapts_the_encoder_is_not_tried_around_embeddings() -> None:
    class Honest(AdaptsInSecret):
        adapts_encoder = True

    with pytest.raises(SkipTest, match="adapts the encoder"):
        LEARNER_CHECKS["embedded"](learner_factory(Honest), toy_subject())


def test_the_way_is_given_to_a_learner_that_asks() -> None:
    class Fixed(Sound):
        def __init__(self, encoder: nn.Module, *, way: int, scale: float = 1.0) -> None:
            super().__init__(encoder)
            self.way, self.start = way, scale

    learner = learner_factory(Fixed, scale=2.0)(nn.Identity(), 7)
    assert (learner.way, learner.start) == (7, 2.0)
