"""A training's state on disk, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from kshot.errors import CellError
from kshot.files import write_atomic_with
from kshot.metrics import Interval
from kshot.training.optimisation import Meter
from kshot.training.record import CurvePoint, Training

_LEARNER, _OPTIMISER, _RANDOM, _LOSSES = "learner/", "optimizer/", "random/", "losses/"
_KEPT = "kept/"


@dataclass
class State:
    """All that the next step of a training depends on.

    Attributes:
        learner: with its encoder.
        optimiser: its moments.
        generators: random number generators by name.
        losses: the losses since the curve's last point.
        training: how far it is.
        kept: what training had made of the learner at the best validation; empty without ``patience``.
    """

    learner: nn.Module
    optimiser: torch.optim.Optimizer
    generators: dict[str, torch.Generator]
    losses: Meter
    training: Training
    kept: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


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
            the weights that it kept, where it stopped early.
    """

    path: Path
    key: str
    start: Path | None = None

    def save(self, state: State) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"{_LEARNER}{name}": value for name, value in learned_state(state.learner).items()}
        for number, slots in state.optimiser.state_dict()["state"].items():
            tensors |= {
                f"{_OPTIMISER}{number}/{name}": torch.as_tensor(value) for name, value in slots.items()
            }
        tensors |= {f"{_RANDOM}{name}": one.get_state() for name, one in state.generators.items()}
        tensors |= {f"{_LOSSES}{name}": value for name, value in state.losses.state().items()}
        tensors |= {f"{_KEPT}{name}": value for name, value in state.kept.items()}
        write_tensors(self.path, tensors, {"key": self.key, "training": json.dumps(asdict(state.training))})

    def load(self, state: State) -> None:
        """Restore what :meth:`save` wrote; the state stays as it is where there is nothing to take up.

        Raises:
            CellError: ``start`` cannot be read, or does not fit the learner and its encoder.
        """
        own = self._own()
        if own:
            own.restore(state)
        elif self.start:
            try:
                started = _Stored.read(self.start)
            except _UNREADABLE as error:
                raise CellError(f"train.start: {self.start} is not a checkpoint: {error}") from error
            misfit = started.misfit(state.learner)
            if misfit:
                raise CellError(f"train.start: {self.start} is of another learner or encoder: {misfit}")
            started.restore(state)
            state.learner.load_state_dict(state.kept, strict=False)
            # Its validations may be of other data, with which this training's cannot be compared.
            state.training.best, state.training.stale, state.kept = None, 0, {}

    def _own(self) -> _Stored | None:
        try:
            stored = _Stored.read(self.path)
        except _UNREADABLE:  # none yet, or damaged: train anew
            return None
        return stored if stored.key == self.key else None


_UNREADABLE = (SafetensorError, OSError, KeyError, ValueError)


@dataclass(frozen=True)
class _Stored:
    """What a checkpoint's file holds."""

    key: str
    tensors: dict[str, Tensor]
    training: Training

    @staticmethod
    def read(path: Path) -> _Stored:
        with safe_open(path, framework="pt") as stored:
            header = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        return _Stored(header["key"], tensors, _training(json.loads(header["training"])))

    def misfit(self, learner: nn.Module) -> str:
        """The first difference between what is stored and what the learner would store; or nothing."""
        stored = {name: tuple(value.shape) for name, value in _below(self.tensors, _LEARNER).items()}
        wanted = {name: tuple(value.shape) for name, value in learned_state(learner).items()}
        for name in sorted(stored.keys() | wanted.keys()):
            if stored.get(name) != wanted.get(name):
                return f"{name} is {_shape(stored.get(name))} there and {_shape(wanted.get(name))} here"
        return ""

    def restore(self, state: State) -> None:
        state.training = self.training
        state.learner.load_state_dict(_below(self.tensors, _LEARNER), strict=False)
        for name, one in state.generators.items():
            one.set_state(self.tensors[f"{_RANDOM}{name}"])
        state.losses.restore(_below(self.tensors, _LOSSES))
        state.kept = _below(self.tensors, _KEPT)
        described = state.optimiser.state_dict()
        described["state"] = _optimiser_state(_below(self.tensors, _OPTIMISER))
        state.optimiser.load_state_dict(described)


def learned_state(learner: nn.Module) -> dict[str, Tensor]:
    """What training changes in a learner: its state dict without the parameters that do not train."""
    fixed = {name for name, parameter in learner.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in learner.state_dict().items() if name not in fixed}


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """A safetensors file, written whole or not at all."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_atomic_with(path, lambda temporary: save_file(plain, temporary, metadata=header))


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimiser_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split("/", 1)
        state.setdefault(int(number), {})[key] = value
    return state


def _training(raw: dict[str, Any]) -> Training:
    curve = [_point(point) for point in raw["curve"]]
    best = _point(raw["best"]) if raw["best"] else None
    return Training(raw["episodes"], raw["seconds"], curve, best, raw["stale"])


def _point(raw: dict[str, Any]) -> CurvePoint:
    validation = Interval(**raw["validation"]) if raw["validation"] else None
    return CurvePoint(raw["episodes"], raw["loss"], validation)
