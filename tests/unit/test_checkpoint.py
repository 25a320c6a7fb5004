"""A training that was cut off goes on to the bit; what is not finite never replaces what was."""

from __future__ import annotations

import json
import math
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
from kshot.tensorfiles import read_tensors, write_tensors
from kshot.testing import Toy, toy_encoder
from kshot.training import Checkpoint, Training, read_learner, train, trainable
from kshot.training.checkpoint import State
from kshot.training.optimisation import Meter, Optimiser
from safetensors import safe_open

SHAPE = Shape(5, 1, 5)
OPTIONS = Train(episodes=40, meta_batch=4, schedule="halving", halving_every=12, validations=4)


class CutError(Exception):
    """Stands for whatever ends a process."""


def build(kind: type[Learner]) -> Learner:
    torch.manual_seed(0)
    more = {"way": 5, "learned_rates": "tensor", "multi_step_episodes": 30} if kind is MAML else {"pairs": 20}
    return kind(toy_encoder(), **more)


def fit(
    learner: Learner, checkpoint: Checkpoint | None, options: Train = OPTIONS, cut: int | None = None
) -> Training:
    source = Toy(classes=20)
    catalogue = source.catalogue("train")
    loader = make_loader(source, catalogue, toy_encoder(), torch.device("cpu"), Loading())

    def validate(episodes: int) -> Interval:
        if episodes == cut:
            raise CutError
        return Interval(episodes / 100, 0.01)

    return train(
        learner,
        loader,
        Sampler(catalogue, "train", SHAPE, 0),
        options,
        validate=validate,
        checkpoint=checkpoint,
    )


@pytest.mark.parametrize("kind", [MAML, Siamese])
@pytest.mark.parametrize("cut", [20, 32])
def test_a_training_goes_on_to_the_bit(kind: type[Learner], cut: int, tmp_path: Path) -> None:
    whole = build(kind)
    expected = fit(whole, None)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key")
    with pytest.raises(CutError):
        fit(build(kind), checkpoint, cut=cut)
    assert checkpoint.path.is_file()
    torch.manual_seed(99)
    again = build(kind)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.add_(1)
    found = fit(again, checkpoint)
    assert found.curve == expected.curve
    assert found.episodes == 40
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_the_state_may_be_written_between_validations(tmp_path: Path) -> None:
    """A figure depends on neither how often the state is written nor where between two points it was cut."""
    whole = build(MAML)
    expected = fit(whole, None)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key", seconds=0.0)
    with pytest.raises(CutError):
        fit(build(MAML), checkpoint, cut=32)
    with safe_open(checkpoint.path, framework="pt") as stored:
        done = json.loads(stored.metadata()["training"])
    assert (done["episodes"], len(done["curve"])) == (28, 2), "the step before the one that was cut"
    again = build(MAML)
    assert fit(again, checkpoint).curve == expected.curve
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_another_key_or_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    fit(build(MAML), Checkpoint(path, "one"), OPTIONS.model_copy(update={"learning_rate": 0.1}))
    other, anew = build(MAML), build(MAML)
    assert fit(other, Checkpoint(path, "two")).curve == fit(anew, None).curve
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), anew.parameters(), strict=True))
    path.write_bytes(path.read_bytes()[:100])
    assert fit(build(MAML), Checkpoint(path, "two")).episodes == 40


def test_a_longer_training_goes_on_from_a_shorter_one(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key")
    short = OPTIONS.model_copy(update={"episodes": 20})
    fit(build(Siamese), checkpoint, short)
    longer = build(Siamese)
    fit(longer, checkpoint)
    whole = build(Siamese)
    fit(whole, None)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), longer.parameters(), strict=True))


@pytest.mark.parametrize(
    ("first", "then", "batch"),
    [(40, 20, 4), (20, 40, 3)],
    ids=["a shorter one", "in the midst of a meta-batch"],
)
def test_a_training_takes_up_no_state_that_it_does_not_pass(
    tmp_path: Path, first: int, then: int, batch: int
) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key")
    options = OPTIONS.model_copy(update={"meta_batch": batch})
    fit(build(Siamese), checkpoint, options.model_copy(update={"episodes": first}))
    second, anew = build(Siamese), build(Siamese)
    options = options.model_copy(update={"episodes": then})
    assert fit(second, checkpoint, options).episodes == then
    fit(anew, None, options)
    assert all(torch.equal(a, b) for a, b in zip(anew.parameters(), second.parameters(), strict=True))


def test_a_start_in_the_midst_of_a_meta_batch_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    odd = OPTIONS.model_copy(update={"meta_batch": 3})
    fit(build(Siamese), Checkpoint(path, "key"), odd.model_copy(update={"episodes": 10}))
    whole = build(Siamese)
    fit(whole, Checkpoint(tmp_path / "whole.safetensors", "other", start=path), odd)
    own = Checkpoint(tmp_path / "cut.safetensors", "other", start=path)
    with pytest.raises(CutError):
        fit(build(Siamese), own, odd, cut=31)
    path.write_bytes(b"gone")
    again = build(Siamese)
    fit(again, own, odd)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_a_start_that_leaves_nothing_to_train_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "start.safetensors"
    fit(build(Siamese), Checkpoint(path, "key"), OPTIONS)
    own = Checkpoint(tmp_path / "checkpoint.safetensors", "other", start=path)
    started = build(Siamese)
    assert fit(started, own, OPTIONS.model_copy(update={"episodes": 12})).episodes == 40
    assert "was trained on 40 episodes already, and train.episodes asks for 12 in all" in caplog.text
    caplog.clear()
    fit(build(Siamese), own, OPTIONS.model_copy(update={"episodes": 60}))
    assert not caplog.text


def test_a_training_starts_from_anothers_checkpoint_and_then_from_its_own(tmp_path: Path) -> None:
    before = Checkpoint(tmp_path / "before.safetensors", "another run")
    fit(build(Siamese), before, OPTIONS.model_copy(update={"episodes": 20}))
    whole = build(Siamese)
    expected = fit(whole, None)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key", start=before.path)
    started = build(Siamese)
    assert fit(started, checkpoint).curve[-1] == expected.curve[-1]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), started.parameters(), strict=True))
    before.path.write_bytes(b"gone")
    assert fit(build(Siamese), checkpoint).episodes == 40


@pytest.mark.parametrize(("before", "after"), [("sgd", "adam"), ("adam", "sgd")])
def test_a_start_under_another_optimiser_takes_the_weights_alone(
    tmp_path: Path, before: str, after: str
) -> None:
    path = tmp_path / "start.safetensors"
    short = OPTIONS.model_copy(update={"episodes": 20, "optimizer": before})
    fit(build(Siamese), Checkpoint(path, "key"), short)
    own = Checkpoint(tmp_path / "checkpoint.safetensors", "other", start=path)
    fit(build(Siamese), own, OPTIONS.model_copy(update={"optimizer": after}))
    with safe_open(own.path, "pt") as stored:
        slots = {name.rsplit("/", 1)[1] for name in stored.keys() if name.startswith("optimizer/")}  # noqa: SIM118
    assert slots == ({"step", "exp_avg", "exp_avg_sq"} if after == "adam" else {"momentum_buffer"})


@pytest.mark.parametrize("by_name", [True, False])
def test_moments_find_their_parameters_whatever_the_learning_rates(tmp_path: Path, by_name: bool) -> None:
    """An optimiser numbers parameters by their rates; with other rates the numbers are others."""

    def state(decay: float) -> tuple[State[Training], list[torch.nn.Parameter]]:
        learner = build(Siamese)
        own = trainable(learner)
        optimiser = Optimiser(
            own, OPTIONS, 10, 4, {one: decay if k % 2 else 1.0 for k, one in enumerate(own)}
        )
        meter = Meter(torch.device("cpu"))
        return State(learner, optimiser.inner, {}, meter, Training()), own

    path = tmp_path / "start.safetensors"
    before, own = state(1.0)
    for place, parameter in enumerate(own, 1):
        parameter.grad = torch.full_like(parameter, float(place))
    before.optimiser.step()
    Checkpoint(path, "key").save(before)
    if not by_name:  # as files were before
        tensors, texts = read_tensors(path)
        for number, name in enumerate(before.optimised):
            for slot in ("step", "exp_avg", "exp_avg_sq"):
                tensors[f"optimizer/{number}/{slot}"] = tensors.pop(f"optimizer/{name}/{slot}")
        write_tensors(path, tensors, texts)
    after, own = state(0.5 if by_name else 1.0)
    Checkpoint(tmp_path / "none", "other", start=path).load(after)
    for place, parameter in enumerate(own, 1):
        moment = after.optimiser.state[parameter]["exp_avg"]
        torch.testing.assert_close(moment, torch.full_like(parameter, 0.1 * place))


def test_a_start_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    fit(build(Siamese), Checkpoint(path, "key"), OPTIONS.model_copy(update={"episodes": 4}))
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key", start=path)
    with pytest.raises(
        CellError, match=r"train\.start: .* is of another learner or encoder: \S+ is (missing|of shape)"
    ):
        fit(build(MAML), checkpoint)
    path.write_bytes(b"not tensors")
    with pytest.raises(CellError, match=r"train\.start: .*start\.safetensors is not a checkpoint: "):
        fit(build(MAML), checkpoint)
    write_tensors(path, {"learner/one": torch.zeros(1)}, {"key": "key"})
    with pytest.raises(
        CellError, match=r"checkpoint: 'training' is missing; another version of kshot may have"
    ):
        fit(build(MAML), checkpoint)


def test_what_is_not_finite_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "key")
    good = OPTIONS.model_copy(update={"episodes": 8})
    fit(build(Siamese), checkpoint, good)
    broken = build(Siamese)
    broken.register_parameter("spoilt", torch.nn.Parameter(torch.tensor(math.inf)))
    before = checkpoint.path.read_bytes()
    with pytest.raises(CellError, match=r"parameters are not finite after 12 episodes; lower train.learning"):
        fit(broken, Checkpoint(checkpoint.path, "other"))
    assert checkpoint.path.read_bytes() == before
    assert fit(build(Siamese), checkpoint, good).episodes == 8


def test_a_learner_is_taken_up_as_it_was_at_its_best(tmp_path: Path) -> None:
    first, last = torch.ones(2), torch.full((2,), 2.0)
    tensors = {"learner/encoder.weight": last, "learner/scale": last, "optimizer/0/exp_avg": last}
    write_tensors(tmp_path / "checkpoint.safetensors", tensors)
    found = read_learner(tmp_path)
    assert torch.equal(found.encoder["weight"], last)
    kept = {"kept/encoder.weight": first, "kept/scale": first}
    write_tensors(tmp_path / "checkpoint.safetensors", {**tensors, **kept})
    found = read_learner(tmp_path)
    assert (list(found.encoder), list(found.learner)) == (["weight"], ["scale"])
    assert torch.equal(found.encoder["weight"], first)
    assert torch.equal(found.learner["scale"], first)
