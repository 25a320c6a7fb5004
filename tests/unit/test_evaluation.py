"""Evaluation: the fast road equals the plain one, and chance is chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kshot.config import Loading
from kshot.encoders import Embedded
from kshot.errors import CellError, PluginError
from kshot.evaluation import batch_size, evaluate
from kshot.evaluation.answers import Answers, outcomes_of
from kshot.interfaces import Classifier, Learner
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.loading import Loader, make_loader
from kshot.metrics import accuracy, cross_entropy, hits
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.statistics import credit
from kshot.testing import Toy, toy_encoder
from torch import Tensor

CPU = torch.device("cpu")


def setting(*shapes: Shape) -> tuple[Loader, list[Sampler]]:
    source = Toy()
    catalogue = source.catalogue("test")
    loader = make_loader(source, catalogue, toy_encoder(), CPU, Loading())
    return loader, [Sampler(catalogue, "test", shape, 1) for shape in shapes]


class Adapting(Learner):
    """Prototypical networks that claim to adapt their encoder: takes the plain road."""

    adapts_encoder = True

    def __init__(self, inner: Prototypical) -> None:
        super().__init__()
        self.encoder = inner.encoder
        self.inner = inner

    def adapt(self, support):
        return self.inner.adapt(support)

    def loss(self, episodes):
        return self.inner.loss(episodes)


class Holding(Adapting):
    """Made of another learner, through which it reaches the encoder."""

    adapts_encoder = False


def test_a_learner_that_holds_its_encoder_elsewhere_is_told_what_to_do() -> None:
    loader, samplers = setting(Shape(5, 1, 2))
    with pytest.raises(
        PluginError, match=r"Holding holds its encoder in self\.inner too, .* as self\.encoder alone"
    ):
        evaluate(Holding(Prototypical(toy_encoder())), loader, samplers, 4)


class Odd(Adapting):
    """Logits that no learner may give, by what is made of those of prototypical networks."""

    def __init__(self, change: Callable[[Tensor], object]) -> None:
        super().__init__(Prototypical(toy_encoder()))
        self.change = change

    def adapt(self, support):
        classify = super().adapt(support)
        return lambda query: self.change(classify(query))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda logits: torch.cat([logits, logits[..., :1] - 9], -1), r"\(\d+, 10, 6\) of torch.float32"),
        (lambda logits: logits[:, 1:], r"\(\d+, 9, 5\) of torch.float32"),
        (lambda logits: logits.mT, r"\(\d+, 5, 10\) of torch.float32"),
        (lambda logits: logits.long(), r"\(\d+, 10, 5\) of torch.int64"),
        (lambda logits: None, "a NoneType"),
    ],
)
def test_what_is_no_logits_names_the_learner(change: Callable[[Tensor], object], found: str) -> None:
    loader, samplers = setting(Shape(5, 1, 2))
    with pytest.raises(PluginError, match=rf"Odd: its classifier gives {found}; .* \(T, Q, way\) = "):
        evaluate(Odd(change), loader, samplers, 4)


def test_embedding_once_equals_running_the_encoder_in_every_episode() -> None:
    loader, samplers = setting(Shape(5, 1, 5), Shape(3, 4, 2))
    learner = Prototypical(toy_encoder())
    fast = evaluate(learner, loader, samplers, 40, metrics={"cross_entropy": cross_entropy})
    slow = evaluate(Adapting(learner), loader, samplers, 40, metrics={"cross_entropy": cross_entropy})
    for one, other in zip(fast, slow, strict=True):
        np.testing.assert_allclose(one.outcomes.accuracy, other.outcomes.accuracy, rtol=1e-7)
        assert one.metrics["cross_entropy"].mean == pytest.approx(
            other.metrics["cross_entropy"].mean, rel=1e-5
        )


@pytest.mark.parametrize("policy", ["frozen", "support", "query"])
def test_results_do_not_depend_on_the_chunk(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, samplers = setting(Shape(5, 1, 5))
    learner = Prototypical(toy_encoder())
    [whole] = evaluate(learner, loader, samplers, 30, batch_statistics=policy)
    for name in ("EMBEDDED_NUMBERS", "RAW_NUMBERS"):
        monkeypatch.setattr(f"kshot.evaluation.batches.{name}", {"cpu": 16 * 30 * 7})
    [cut] = evaluate(learner, loader, samplers, 30, batch_statistics=policy)
    np.testing.assert_allclose(whole.outcomes.accuracy, cut.outcomes.accuracy, rtol=1e-7)


def test_so_many_episodes_are_classified_together_as_their_numbers_fill_a_batch() -> None:
    """Each of 3 · (2 + 5) examples of 16 numbers, and what a learner keeps of weights for it."""
    loader, [sampler] = setting(Shape(3, 2, 5))
    adapting = MAML(toy_encoder(), way=3)
    assert adapting.weights_per_episode() > 0
    assert batch_size(Prototypical(toy_encoder()), loader, sampler) == 2**20 // 336
    assert batch_size(Prototypical(Embedded("toy", 16)), loader, sampler) == 2**22 // 336
    assert batch_size(adapting, loader, sampler) == 2**20 // (336 + adapting.weights_per_episode())


def test_evaluation_leaves_the_learner_as_it_was() -> None:
    loader, samplers = setting(Shape(5, 1, 5))
    learner = Prototypical(toy_encoder())
    learner.train()
    learner.encoder.eval()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    for policy in ("frozen", "support", "query"):
        evaluate(learner, loader, samplers, 5, batch_statistics=policy)
    assert learner.training
    assert not learner.encoder.training
    assert learner.batch_statistics == "frozen"
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


class Constant(torch.nn.Module):
    """An encoder that maps everything to one point."""

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.ones(len(inputs["values"]), 4)


def test_a_constant_encoder_scores_chance() -> None:
    loader, samplers = setting(Shape(5, 1, 5), Shape(3, 2, 5))
    for scored, chance in zip(
        evaluate(Prototypical(Constant()), loader, samplers, 50), (1 / 5, 1 / 3), strict=True
    ):
        assert scored.accuracy.mean == pytest.approx(chance)


class Broken(Learner):
    """Its logits are not numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Embedded("toy", 16)
        self.adapts_encoder = True

    def adapt(self, support) -> Classifier:
        return lambda query: torch.full((*query[0]["values"].shape[:2], support[0].way), torch.nan)

    def loss(self, episodes):
        raise AssertionError("not trained here")


def test_logits_that_are_not_numbers_fail_the_cell() -> None:
    loader, samplers = setting(Shape(5, 1, 5))
    with pytest.raises(CellError, match="not finite"):
        evaluate(Broken(), loader, samplers, 5)


def test_answers_of_many_episodes_are_those_of_each_query_by_itself() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(4, 6, 3), torch.randint(3, (4, 6))
    classes = np.arange(12).reshape(4, 3)[:, ::-1]
    found = Answers.of(np.arange(4), logits, labels, classes, None)
    for episode, query in np.ndindex(4, 6):
        own, label = logits[episode, query], int(labels[episode, query])
        assert found.labels[episode, query] == classes[episode, label]
        assert found.predicted[episode, query] == classes[episode, int(own.argmax())]
        assert found.rank[episode, query] == sorted(own.tolist(), reverse=True).index(float(own[label]))
        assert found.confidence[episode, query] == pytest.approx(float(own.softmax(0).max()), rel=1e-6)


def test_answers_tell_how_many_classes_tied_with_the_right_one() -> None:
    logits, labels = (
        torch.tensor([[[1.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]),
        torch.tensor([[0, 0, 2]]),
    )
    found = Answers.of(np.arange(1), logits, labels, np.arange(3)[None], None)
    assert found.tied.tolist() == [[2, 1, 2]]
    assert found.rank.tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_outcomes_credit_is_what_accuracy_counted(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(3, (8, 6, 5), generator=generator).to(dtype)
    labels = torch.randint(5, (8, 6), generator=generator)
    answers = Answers.of(np.arange(8), logits, labels, np.tile(np.arange(5), (8, 1)), None)
    kept = outcomes_of(accuracy(logits, labels), [answers], tuple("abcde"))
    np.testing.assert_array_equal(credit(kept), hits(logits, labels).reshape(-1).numpy())


def test_confidence_of_half_logits_is_computed_in_full() -> None:
    torch.manual_seed(0)
    half, labels = (8 * torch.randn(4, 6, 3)).bfloat16(), torch.randint(3, (4, 6))
    classes = np.tile(np.arange(3), (4, 1))
    found = Answers.of(np.arange(4), half, labels, classes, None)
    expected = half.float().softmax(-1).amax(-1)
    np.testing.assert_allclose(found.confidence, expected.numpy(), rtol=1e-6)
