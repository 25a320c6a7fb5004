"""What sentence-transformers folders put after the pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from kshot.errors import KshotError
from kshot.hub import ModelFiles
from safetensors.torch import load_file
from torch import Tensor, load, nn

from kshot_text.encoders.pooling import unit


@final
class Normalise(nn.Module):
    """To length 1."""

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) → (B, D)."""
        return unit(pooled)


@final
class Dense(nn.Module):
    """A linear layer and what comes after it, with the input added where the folder says so.

    Args:
        width: D of what comes in.
        out: O of what goes out.
        bias: True for a layer with a bias.
        activation: of the layer's output.
        residual: True where the input is added, by a matrix of its own where O is not D.
    """

    def __init__(self, width: int, out: int, bias: bool, activation: nn.Module, residual: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out, bias=bias)
        self.activation = activation
        if residual:
            self.residual = nn.Identity() if width == out else nn.Linear(width, out, bias=False)
        else:
            self.residual = None

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) → (B, O)."""
        result = self.activation(self.linear(pooled))
        return result if self.residual is None else result + self.residual(pooled)


def dense(files: ModelFiles, path: str, settings: Mapping[str, Any]) -> Dense:
    """The layer in a sub-folder, with its weights.

    Raises:
        KshotError: settings, weights or activation are missing, odd, or in a pickle file unasked.
    """
    try:
        layer = Dense(
            int(settings["in_features"]),
            int(settings["out_features"]),
            bool(settings.get("bias", True)),
            _activation(settings.get("activation_function", "torch.nn.Tanh")),
            bool(settings.get("use_residual", False)),
        )
        layer.load_state_dict(_weights(files, path))
    except (KeyError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise KshotError(f"{files.who}: {files.folder / path} is no Dense layer: {error}") from error
    return layer


def _activation(name: str) -> nn.Module:
    """By its name; a class of ``torch.nn`` only, so that no folder runs what it likes."""
    kind = getattr(nn, name.rpartition(".")[2], None) if name.startswith("torch.nn.") else None
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ValueError(f"activation '{name}' is not a module of torch.nn")
    return kind()


def _weights(files: ModelFiles, path: str) -> Mapping[str, Tensor]:
    safe, pickled = (files.folder / path / name for name in ("model.safetensors", "pytorch_model.bin"))
    if safe.is_file():
        return load_file(safe)
    if not files.use_safetensors and pickled.is_file():
        return load(pickled, weights_only=True, map_location="cpu")
    mend = "pytorch_model.bin beside it is read by use_safetensors: false only" if pickled.is_file() else ""
    raise ValueError(f"{safe.name} is missing{mend and f'; {mend}'}")
