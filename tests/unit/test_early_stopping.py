"""Early stopping: when training ends, which weights are kept, and that a cut leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from kshot.config import Loading, Train
from kshot.errors import CellError
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.siamese import Siamese
from kshot.loading import make_loader
from kshot.metrics import Interval
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import Checkpoint, Training, train

OPTIONS = Train(episodes=80, meta_batch=4, validations=10, patience=3)
# Best at 24, of equals the first; then 32, 40 and 48 are no better.
ACCURACIES = {8: 0.3, 16: 0.2, 24: 0.6, 32: 0.5, 40: 0.6, 48: 0.1, 56: 0.9, 64: 0.9, 72: 0.9, 80: 0.9}


class CutError(Exception):
    """Stands for whatever ends a process."""


def build(kind: type[Learner] = Siamese) -> Learner:
    torch.manual_seed(0)
    more = {"way": 5, "learned_rates": "tensor", "multi_step_episodes": 30} if kind is MAML else {"pairs": 20}
    return kind(toy_encoder(), **more)


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learner.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def fit(
    learner: Learner,
    options: Train = OPTIONS,
    checkpoint: Checkpoint | None = None,
    seen: Callable[[int], None] = lambda episodes: None,
) -> Training:
    source = Toy(classes=20)
    catalogue = source.catalogue("train")
    loader = make_loader(source, catalogue, toy_encoder(), torch.device("cpu"), Loading())

    def validate(episodes: int) -> Interval:
        seen(episodes)
        return Interval(ACCURACIES[episodes], 0.01)

    sampler = Sampler(catalogue, "train", Shape(5, 1, 5), 0)
    return train(learner, loader, sampler, options, validate=validate, checkpoint=checkpoint)


def test_training_ends_when_patience_is_out_and_keeps_the_best_weights() -> None:
    learner = build()
    at: dict[int, dict[str, torch.Tensor]] = {}
    found = fit(learner, seen=lambda episodes: at.update({episodes: weights(learner)}))
    assert found.episodes == 48
    assert [point.episodes for point in found.curve] == [8, 16, 24, 32, 40, 48]
    assert found.best == found.curve[2]
    assert same(weights(learner), at[24])
    assert not same(at[24], at[48])


def test_patience_that_lasts_trains_to_the_end_and_still_keeps_the_best() -> None:
    learner = build()
    at: dict[int, dict[str, torch.Tensor]] = {}
    options = OPTIONS.model_copy(update={"patience": 5})
    found = fit(learner, options, seen=lambda episodes: at.update({episodes: weights(learner)}))
    assert (found.episodes, found.best) == (80, found.curve[6])
    assert same(weights(learner), at[56])


def test_without_patience_the_last_weights_stay() -> None:
    learner = build()
    at: dict[int, dict[str, torch.Tensor]] = {}
    options = OPTIONS.model_copy(update={"patience": None})
    found = fit(learner, options, seen=lambda episodes: at.update({episodes: weights(learner)}))
    assert (found.episodes, found.best) == (80, None)
    assert same(weights(learner), at[80])


@pytest.mark.parametrize("kind", [MAML, Siamese])
@pytest.mark.parametrize("cut", [16, 24, 32, 48])
@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["saved-each-step", "saved-at-validations"])
def test_a_cut_leaves_no_trace(kind: type[Learner], cut: int, seconds: float, tmp_path: Path) -> None:
    whole = build(kind)
    expected = fit(whole)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key", seconds=seconds)

    def end(episodes: int) -> None:
        if episodes == cut:
            raise CutError

    with pytest.raises(CutError):
        fit(build(kind), checkpoint=checkpoint, seen=end)
    again = build(kind)
    found = fit(again, checkpoint=checkpoint)
    assert (found.episodes, found.curve, found.best) == (expected.episodes, expected.curve, expected.best)
    assert same(weights(again), weights(whole))


def test_a_training_that_ended_early_stays_ended(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key")
    first, second = build(), build()
    fit(first, checkpoint=checkpoint)
    validated: list[int] = []
    found = fit(second, checkpoint=checkpoint, seen=validated.append)
    assert (found.episodes, validated) == (48, [])
    assert same(weights(first), weights(second))


def test_another_runs_validations_are_not_compared_with(tmp_path: Path) -> None:
    before = Checkpoint(tmp_path / "before.safetensors", "another run")
    fit(build(), OPTIONS.model_copy(update={"episodes": 24, "validations": 3}), before)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key", start=before.path)
    found = fit(build(), checkpoint=checkpoint)
    assert found.best
    assert found.best.episodes == 56, (
        "the best so far is that after 40 episodes, and patience not yet out at 56"
    )


def test_another_training_starts_from_the_weights_that_were_kept(tmp_path: Path) -> None:
    before = Checkpoint(tmp_path / "before.safetensors", "another run")
    first, second = build(), build()
    assert fit(first, checkpoint=before).episodes == 48
    untrained = OPTIONS.model_copy(update={"episodes": 40, "patience": None})
    fit(second, untrained, Checkpoint(tmp_path / "checkpoint.safetensors", "key", start=before.path))
    assert same(weights(first), weights(second))


def test_patience_without_validation_is_refused() -> None:
    source = Toy(classes=20)
    catalogue = source.catalogue("train")
    loader = make_loader(source, catalogue, toy_encoder(), torch.device("cpu"), Loading())
    sampler = Sampler(catalogue, "train", Shape(5, 1, 5), 0)
    with pytest.raises(CellError, match=r"train\.patience counts validations, and nothing is validated"):
        train(build(), loader, sampler, OPTIONS)
    with pytest.raises(ValueError, match="patience counts validations, and validations is 0"):
        Train(patience=1, validations=0)
