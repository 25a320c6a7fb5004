"""A learner as its training left it, for whoever takes it up to classify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor, nn

from kshot.errors import KshotError
from kshot.interfaces import Encoder, Learner
from kshot.tensorfiles import read_tensors, write_tensors
from kshot.training.checkpoint import CHECKPOINT, kept_state

LEARNER = "learner.safetensors"
"""Name of the file, in a cell's folder."""

ENCODER = "encoder."
"""What the names of the encoder's tensors begin with."""


@dataclass(frozen=True, eq=False)
class Lasting:
    """What lasts of a learner: all that its factories would not make again.

    Attributes:
        encoder: the encoder's part, under its own names.
        learner: the learner's own.
    """

    encoder: Mapping[str, Tensor]
    learner: Mapping[str, Tensor]

    @staticmethod
    def parted(state: Mapping[str, Tensor]) -> Lasting:
        """The two parts of a learner's state."""
        encoder = {n.removeprefix(ENCODER): value for n, value in state.items() if n.startswith(ENCODER)}
        return Lasting(encoder, {n: value for n, value in state.items() if not n.startswith(ENCODER)})


def lasting_state(learner: Learner) -> dict[str, Tensor]:
    """The state dict without the weights that a pretrained encoder came with and that nothing changed."""
    fixed = {ENCODER + name for name in _as_it_came(learner.encoder)}
    return {name: value for name, value in learner.state_dict().items() if name not in fixed}


def lasting_encoder_state(encoder: Encoder) -> dict[str, Tensor]:
    """The encoder's part of :func:`lasting_state`, under its own names."""
    fixed = _as_it_came(encoder)
    return {name: value for name, value in encoder.state_dict().items() if name not in fixed}


def write_learner(folder: Path, learner: Learner) -> None:
    """Write what lasts of a learner into a cell's folder, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    write_tensors(folder / LEARNER, lasting_state(learner))


def read_learner(folder: Path) -> Lasting:
    """What lasts of the learner of a cell.

    A cell without such a file may have a checkpoint: then it is what that training ended with, which
    lacks an encoder's parts that training does not change.

    Raises:
        KshotError: nothing is there, or it is damaged.
    """
    for name, read in ((LEARNER, _state), (CHECKPOINT, kept_state)):
        path = folder / name
        if path.is_file():
            try:
                return Lasting.parted(read(path))
            except (SafetensorError, OSError) as error:
                raise KshotError(f"{path}: not a learner's weights, or damaged ({error})") from error
    raise KshotError(
        f"{folder}: neither {LEARNER} nor {CHECKPOINT} is there; remove the folder and run the benchmark again"
    )


def _as_it_came(encoder: nn.Module) -> set[str]:
    """Names of the parameters that came with the encoder and do not train."""
    if not getattr(encoder, "pretrained", False):
        return set()
    return {name for name, parameter in encoder.named_parameters() if not parameter.requires_grad}


def _state(path: Path) -> dict[str, Tensor]:
    tensors, _ = read_tensors(path)
    return tensors
