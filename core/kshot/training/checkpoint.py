"""A training's state on disk, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, final

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from kshot.errors import CellError
from kshot.tensorfiles import read_tensors, write_tensors
from kshot.training.optimisation import Meter, kept_by, trainable
from kshot.training.record import Pretraining, Training

CHECKPOINT = "checkpoint.safetensors"
"""Name of the file of a cell's training, in its folder."""

_LEARNER, _OPTIMISER, _RANDOM, _LOSSES = "learner/", "optimizer/", "random/", "losses/"
_KEPT = "kept/"


Record = TypeVar("Record", Training, Pretraining)


@dataclass
class State(Generic[Record]):
    """All that the next step of a training depends on.

    Attributes:
        learner: what trains: a learner with its encoder, or an encoder with a head.
        optimiser: its moments.
        generators: random number generators by name.
        losses: the losses since the curve's last point.
        record: how far it is.
        kept: what training had made of the learner at the best validation; empty without ``patience``.
    """

    learner: nn.Module
    optimiser: torch.optim.Optimizer
    generators: dict[str, torch.Generator]
    losses: Meter
    record: Record
    kept: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    @property
    def optimised(self) -> list[str]:
        """Names of the parameters as the optimiser numbers them, which is by their learning rates first."""
        names = {id(parameter): name for name, parameter in self.learner.named_parameters()}
        return [names[id(one)] for group in self.optimiser.param_groups for one in group["params"]]

    @property
    def finite(self) -> bool:
        """False once a parameter is not: such a state is not worth going on from."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in trainable(self.learner))


@final
@dataclass(frozen=True)
class Checkpoint:
    """One file: safetensors, with the progress as JSON in its header.

    Of the learner it holds what training changes: parameters that train, buffers, extra state.
    Weights that stay as they were built (a frozen pretrained encoder's) are not written again.

    Attributes:
        path: of the file.
        key: what the training depends on; a file with another key is not taken up.
        start: another training's file, taken up whatever its key where ``path`` offers nothing; with
            the weights that it kept, where it stopped early, and without the moments of another kind of
            optimiser.
        seconds: how often the state is written, at most; a training's validations write it too.
    """

    path: Path
    key: str
    start: Path | None = None
    seconds: float = 60.0

    def save(self, state: State[Any]) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"{_LEARNER}{name}": value for name, value in learned_state(state.learner).items()}
        moments, names = state.optimiser.state_dict()["state"], state.optimised
        for number, slots in moments.items():
            own = f"{_OPTIMISER}{names[number]}/"
            tensors |= {own + slot: torch.as_tensor(value) for slot, value in slots.items()}
        tensors |= {f"{_RANDOM}{name}": one.get_state() for name, one in state.generators.items()}
        tensors |= {f"{_LOSSES}{name}": value for name, value in state.losses.state().items()}
        tensors |= {f"{_KEPT}{name}": value for name, value in state.kept.items()}
        write_tensors(self.path, tensors, {"key": self.key, "training": json.dumps(asdict(state.record))})

    def load(self, state: State[Record], passed: Callable[[Record], bool] = lambda record: True) -> bool:
        """Restore what :meth:`save` wrote; the state stays as it is where there is nothing to take up.

        Args:
            state: restored.
            passed: whether a state under the same key is one that this training passes, whose length is no part
                of a key.

        Returns:
            True where ``start`` was taken up.

        Raises:
            CellError: ``start`` cannot be read, or does not fit the learner and its encoder.
        """
        own = self._own(type(state.record))
        if own and passed(own.record):
            own.restore(state)
        elif self.start:
            try:
                started = _Stored.read(self.start, type(state.record))
            except _UNREADABLE as error:
                missing = f"{error} is missing; another version of kshot may have written it"
                why = missing if isinstance(error, KeyError) else error
                raise CellError(f"train.start: {self.start} is not a checkpoint: {why}") from error
            misfit = started.misfit(state.learner)
            if misfit:
                raise CellError(f"train.start: {self.start} is of another learner or encoder: {misfit}")
            started.restore(state)
            state.learner.load_state_dict(state.kept, strict=False)
            # Its validations may be of other data, with which this training's cannot be compared.
            state.kept = {}
            if isinstance(state.record, Training):
                state.record.best, state.record.stale, state.record.at_once = None, 0, None
                state.record.began = state.record.episodes
            return True
        return False

    def remove(self) -> None:
        """Take the file away, once nothing is to go on from it."""
        self.path.unlink(missing_ok=True)

    def _own(self, record: type[Record]) -> _Stored[Record] | None:
        try:
            stored = _Stored.read(self.path, record)
        except _UNREADABLE:  # none yet, or damaged: train anew
            return None
        return stored if stored.key == self.key else None


_UNREADABLE = (SafetensorError, OSError, KeyError, ValueError, TypeError)


@dataclass(frozen=True)
class _Stored(Generic[Record]):
    """What a checkpoint's file holds."""

    key: str
    tensors: dict[str, Tensor]
    record: Record

    @staticmethod
    def read(path: Path, record: type[Record]) -> _Stored[Record]:
        tensors, texts = read_tensors(path)
        return _Stored(texts["key"], tensors, record.from_plain(json.loads(texts["training"])))

    def misfit(self, learner: nn.Module) -> str:
        """The first difference between what is stored and what the learner would store; or nothing."""
        stored = {name: tuple(value.shape) for name, value in _below(self.tensors, _LEARNER).items()}
        wanted = {name: tuple(value.shape) for name, value in learned_state(learner).items()}
        for name in sorted(stored.keys() | wanted.keys()):
            if stored.get(name) != wanted.get(name):
                return f"{name} is {_shape(stored.get(name))} there and {_shape(wanted.get(name))} here"
        return ""

    def restore(self, state: State[Record]) -> None:
        state.record = self.record
        state.learner.load_state_dict(_below(self.tensors, _LEARNER), strict=False)
        for name, one in state.generators.items():
            # Each kind of device has generators of its own; one that is new here starts anew.
            if (drawn := self.tensors.get(f"{_RANDOM}{name}")) is not None:
                one.set_state(drawn)
        state.losses.restore(_below(self.tensors, _LOSSES))
        state.kept = _below(self.tensors, _KEPT)
        described = state.optimiser.state_dict()
        described["state"] = _optimiser_state(_below(self.tensors, _OPTIMISER), state)
        state.optimiser.load_state_dict(described)


def kept_state(path: Path) -> dict[str, Tensor]:
    """What training made of the learner, by its file: at the best validation, or else in the end."""
    tensors, _ = read_tensors(path)
    return _below(tensors, _KEPT) or _below(tensors, _LEARNER)


def learned_state(learner: nn.Module) -> dict[str, Tensor]:
    """What training changes in a learner: its state dict without the parameters that do not train."""
    fixed = {name for name, parameter in learner.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in learner.state_dict().items() if name not in fixed}


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_state(tensors: dict[str, Tensor], of: State[Any]) -> dict[int, dict[str, Tensor]]:
    """By the numbers of the optimiser's parameters; empty where another kind of optimiser kept other things."""
    numbers = {name: number for number, name in enumerate(of.optimised)}
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        name, slot = path.rsplit("/", 1)
        # Files that were written before names were kept have the numbers themselves.
        number = numbers[name] if name in numbers else int(name)
        state.setdefault(number, {})[slot] = value
    fits = all(slots.keys() == kept_by(of.optimiser) for slots in state.values())
    return state if fits else {}
