"""Lines of writing, read column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, final

import numpy as np
import torch
import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.functional import AttentionPooling, BidirectionalGRU
from kshot.interfaces import Encoder
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from kshot_image.pictures import named, plain

_SHRINK = 4  # columns that become one step
_FLOOR = 1e-4  # variance of a strip that shows nothing


@final
class CRNN(Encoder):
    """Convolutions over a strip, a recurrent network over its columns, attention over its steps.

    Shi et al., "An end-to-end trainable neural network for image-based sequence recognition and its
    application to scene text recognition" (TPAMI 2017), three of its convolutional layers and one
    of its recurrent ones, GRU for LSTM; in place of the transcription stands attention pooling, since
    what is wanted is one embedding of length ``scale``.

    Pictures are made grey and of one height, their width goes along; each is standardised by its own
    mean and deviation, which takes out paper, ink and contrast.

    Args:
        dim: width of the embedding.
        width: channels of the first layer; the others have two and four times as many, as has each
            direction of the recurrent layer.
        heads: of the pooling.
        scale: length of the embedding.
        height: to which pictures are resized, a multiple of 8.
        longest: columns that count, of a picture so resized.
    """

    modality = "image"
    vmap = False  # nn.GRU

    def __init__(self, dim: int, width: int, heads: int, scale: float, height: int, longest: int) -> None:
        super().__init__()
        self.dim, self.scale = dim, scale
        self._height, self._longest = height, longest
        self.layers = nn.ModuleList(
            nn.Conv2d(incoming, outgoing, 3, padding=1)
            for incoming, outgoing in ((1, width), (width, 2 * width), (2 * width, 4 * width))
        )
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.recurrent = BidirectionalGRU(4 * width * (height // 8), 4 * width)
        self.pooling = AttentionPooling(self.recurrent.width, heads)
        # Sequences differ little beside what all of them share: taken out, a contrastive loss falls from
        # its first steps on.
        self.norm = nn.BatchNorm1d(self.pooling.width)
        self.project = nn.Linear(self.pooling.width, dim)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, W, height) bytes, column by column, black 0 and white
        255; ``attention_mask`` (B, W), ``truncated`` (B,)."""
        columns: list[np.ndarray] = []
        for number, image in enumerate(raw):
            with named(image, number, "crnn"):
                columns.append(self._columns(plain(image).convert("L")))
        lengths = torch.tensor([min(len(one), self._longest) for one in columns])
        pixels = torch.zeros(len(columns), int(lengths.max()), self._height, dtype=torch.uint8)
        for row, one in enumerate(columns):
            pixels[row, : lengths[row]] = torch.from_numpy(one[: self._longest])
        mask = torch.arange(pixels.shape[1]) < lengths[:, None]
        cut = torch.tensor([len(one) > self._longest for one in columns])
        return {"pixel_values": pixels, "attention_mask": mask.long(), "truncated": cut}

    def _columns(self, image: Image.Image) -> np.ndarray:
        # What is far beyond the last column that counts is not even resized: a line may be very long.
        most = math.ceil((self._longest + 2) * image.height / self._height)
        if image.width > most:
            image = image.crop((0, 0, most, image.height))
        width = max(1, round(image.width * self._height / image.height))
        if image.size != (width, self._height):
            image = image.resize((width, self._height), Image.Resampling.BILINEAR)
        return np.array(image).T

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, W, height) columns and their mask (B, W) → (B, dim) embeddings of length ``scale``."""
        mask = F.pad(inputs["attention_mask"], (0, -inputs["attention_mask"].shape[1] % _SHRINK))
        valid = mask[:, None, :, None].to(self.project.weight.dtype)
        hidden = self._ink(inputs["pixel_values"], valid)
        for layer, pool in zip(self.layers, ((2, 2), (2, 2), (1, 2)), strict=True):
            # A layer reaches over the end of a word; what it writes there is wiped out. A column that is
            # pooled with a valid one may keep it: it tells of the word alone.
            valid = valid[:, :, :: pool[0]]
            hidden = F.relu(F.max_pool2d(layer(hidden), pool)) * valid
        steps = hidden.permute(0, 2, 1, 3).flatten(2)
        mask = mask[:, ::_SHRINK]
        pooled = self.pooling(self.recurrent(steps, mask), mask)
        return self.scale * F.normalize(self.project(self.norm(pooled)), dim=1)

    def _ink(self, pixels: Tensor, valid: Tensor) -> Tensor:
        """(B, W, H) light → (B, 1, W', H) ink of mean 0 and deviation 1 over the valid columns."""
        padding = valid.shape[2] - pixels.shape[1]
        ink = 1 - F.pad(pixels, (0, 0, 0, padding)).unsqueeze(1).to(valid.dtype) / 255
        count = valid.sum((1, 2, 3), keepdim=True).clamp_min(1) * pixels.shape[2]
        centred = (ink - (ink * valid).sum((2, 3), keepdim=True) / count) * valid
        variance = centred.square().sum((2, 3), keepdim=True) / count
        # Channels last, convolutions and pooling take half the time on the CPU.
        return (centred * (variance + _FLOOR).rsqrt()).contiguous(memory_format=torch.channels_last)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The convolutions, the recurrent layer, the linear layer after the pooling."""
        return (*self.layers, self.recurrent, self.project)


def crnn(
    *,
    dim: Annotated[int, Field(ge=1)] = 128,
    width: Annotated[int, Field(ge=1)] = 12,
    heads: Annotated[int, Field(ge=1)] = 4,
    scale: Annotated[float, Field(gt=0)] = 4.0,
    height: Annotated[int, Field(ge=8, multiple_of=8)] = 24,
    longest: Annotated[int, Field(ge=8)] = 256,
) -> Encoder:
    """Strips of writing as long as they are (CRNN): convolutions, GRU, attention; (B, dim).

    Args:
        dim: width of the embedding.
        width: channels of the first layer; the others have two and four times as many.
        heads: of the attention pooling.
        scale: length of the embedding.
        height: to which pictures are resized; their width goes along.
        longest: columns that count, of a picture so resized.
    """
    return CRNN(dim, width, heads, scale, height, longest)
