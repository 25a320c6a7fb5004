"""Networks of torchvision without their classifiers, and the weights that they take."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.functional import add_lora, checkpoint_activations
from kshot.testing import ENCODER_CHECKS, Subject
from kshot_image.encoders.self_attention import SelfAttention
from kshot_image.encoders.torchvision_backbone import torchvision_backbone
from PIL import Image
from safetensors.torch import save_file
from torch import nn

models = pytest.importorskip("torchvision.models")
BIG = pytest.mark.slow
FAMILIES: dict[str, tuple[int, int, str]] = {
    "resnet18": (32, 512, "fc"),
    "mobilenet_v3_small": (32, 1024, "classifier.3"),
    "shufflenet_v2_x0_5": (32, 1024, "fc"),
    "squeezenet1_1": (32, 512, "classifier.1"),
    "mnasnet0_5": (32, 1280, "classifier.1"),
    "regnet_y_400mf": (32, 440, "fc"),
    "densenet121": (32, 1024, "classifier"),
    "efficientnet_b0": (32, 1280, "classifier.1"),
    "convnext_tiny": (32, 768, "classifier.2"),
    "swin_t": (32, 768, "head"),
    "swin_v2_t": (32, 768, "head"),
    "vit_b_16": (32, 768, "heads.head"),
    "alexnet": (64, 4096, "classifier.6"),
    "vgg11_bn": (32, 4096, "classifier.6"),
    "googlenet": (32, 1024, "fc"),
    "inception_v3": (75, 2048, "fc"),
    "maxvit_t": (224, 512, "classifier.5"),
}
"""Network → a size it takes, its width, and where its classifier stands."""

_HEAVY = ("alexnet", "convnext_tiny", "googlenet", "inception_v3", "maxvit_t", "swin_t", "swin_v2_t")
_SLOW = {*_HEAVY, "vgg11_bn", "vit_b_16"}


def families(*left_out: str) -> list[Any]:
    return [
        pytest.param(one, marks=BIG if one in _SLOW else (), id=one)
        for one in FAMILIES
        if one not in left_out
    ]


def pictures(count: int = 3, size: tuple[int, int] = (50, 70), mode: str = "RGB") -> list[Image.Image]:
    noise = np.random.Generator(np.random.Philox(key=7)).integers(0, 256, (count, 5, 7, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize(size[::-1]).convert(mode) for one in noise]


def network(model: str, **options: Any) -> Any:
    """torchvision's own, of settled weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return models.get_model(model, weights=None, **options).eval()


def saved(model: str, file: Path, **options: Any) -> Any:
    made = network(model, **options)
    torch.save(made.state_dict(), file)
    return made


@pytest.mark.parametrize("model", families("googlenet", "inception_v3"))
def test_equal_to_torchvision_without_its_classifier(model: str, tmp_path: Path) -> None:
    """The whole way: torchvision's own transforms and network, its classifier an Identity."""
    size, width, head = FAMILIES[model]
    options = {"vit_b_16": {"image_size": size}}.get(model, {})
    own = saved(model, tmp_path / "own.pth", **options)
    parent, _, last = head.rpartition(".")
    setattr(own.get_submodule(parent), last, nn.Identity())
    encoder = torchvision_backbone(model=model, weights=str(tmp_path / "own.pth"), size=size).eval()
    preset = models.get_model_weights(model).DEFAULT.transforms
    full = preset()
    shorter = round(full.resize_size[0] * size / full.crop_size[0])
    transforms = preset(crop_size=size, resize_size=shorter)
    raw = pictures()
    with torch.no_grad():
        expected = own(torch.stack([transforms(one) for one in raw]))
        embedded = encoder(encoder.prepare(raw))
    assert embedded.shape == (3, width) == (3, encoder.dim)
    # Resized pictures are bytes on both ways: what differs is the order of floating-point operations.
    torch.testing.assert_close(embedded, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max() + 1))


@pytest.mark.parametrize("model", families())
def test_every_parameter_trains_and_chance_has_no_part(model: str) -> None:
    size = FAMILIES[model][0]
    encoder = torchvision_backbone(model=model, weights=None, size=size).train()
    assert not encoder.pretrained
    inputs = encoder.prepare(pictures(4))
    before = torch.get_rng_state()
    encoder(inputs).square().sum().backward()
    assert torch.equal(torch.get_rng_state(), before)
    assert [name for name, one in encoder.named_parameters() if one.grad is None] == []
    blocks = encoder.ordered_blocks()
    assert len(blocks) >= 4
    assert all(any(True for _ in block.parameters()) for block in blocks)
    groups = encoder.parameter_groups()
    assert 0 < len(groups["last"]) < len(groups["all"])


@pytest.mark.parametrize("model", families())
def test_weights_are_read_by_their_names_alone(model: str) -> None:
    """Checkpoints, bundles and safetensors files have no place for the versions of layers."""
    one, other = (torchvision_backbone(model=model, weights=None, size=FAMILIES[model][0]) for _ in range(2))
    other.load_state_dict(dict(one.state_dict()))
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


class Faint(nn.Module):
    """A network's output, a hundredth of it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network(pixels) / 100


@functools.cache
def subject(model: str, *, faint: bool = False) -> Subject:
    def picture(label: int, generator: np.random.Generator) -> Image.Image:
        blocks = generator.integers(30 * label, 100 + 30 * label, (3, 3, 3), dtype=np.uint8)
        return Image.fromarray(blocks).resize((36, 30), Image.Resampling.BICUBIC)

    def build() -> Any:
        encoder = torchvision_backbone(model=model, weights=None, size=FAMILIES[model][0])
        if faint:
            encoder.network = Faint(encoder.network)
        return encoder

    generators = [np.random.Generator(np.random.Philox(key=number)) for number in range(6)]
    return Subject(
        model, build, [[picture(label, one) for _ in range(8)] for label, one in enumerate(generators)]
    )


DERIVATIVES = ("second_order", "vmap")
CONFORMING = ("resnet18", "mobilenet_v3_small", "squeezenet1_1", "convnext_tiny", "swin_t", "vit_b_16")


@BIG
@pytest.mark.parametrize("check", [one for one in ENCODER_CHECKS if one not in ("padding", *DERIVATIVES)])
@pytest.mark.parametrize("model", CONFORMING)
def test_conformance(model: str, check: str) -> None:
    ENCODER_CHECKS[check](subject(model))


@BIG
@pytest.mark.parametrize("check", DERIVATIVES)
@pytest.mark.parametrize("model", CONFORMING)
def test_conformance_of_derivatives(model: str, check: str) -> None:
    """Of faint embeddings: a batch-normed network's own make a loss of millions, and meta-gradients of
    10⁸ whose rounding is beyond what the checks allow to those of 1."""
    ENCODER_CHECKS[check](subject(model, faint=True))


def test_attention_is_torch_s_own() -> None:
    own = nn.MultiheadAttention(12, 3, batch_first=True)
    states = torch.randn(2, 5, 12)
    expected, _ = own(states, states, states, need_weights=False)
    torch.testing.assert_close(SelfAttention(own)(states, states, states)[0], expected)


@BIG
def test_adapters_are_heard_in_a_transformer() -> None:
    encoder = add_lora(subject("vit_b_16").encoder(), rank=2)
    encoder(encoder.prepare(pictures(2))).square().sum().backward()
    adapters = {name: one for name, one in encoder.named_parameters() if ".lora_B." in name}
    assert any("qkv" in name for name in adapters)
    assert [name for name, one in adapters.items() if one.grad is None or not one.grad.any()] == []


@pytest.mark.parametrize("model", ["resnet18", "vit_b_16", "swin_t", "inception_v3", "convnext_base"])
def test_pictures_are_presented_as_the_weights_want_them(model: str) -> None:
    """Bytes, at the full size, of any mode: equal to torchvision's transforms after standardising."""
    from kshot_image.cropping import Cropping
    from kshot_image.encoders.standard import Standardise

    full = models.get_model_weights(model).DEFAULT.transforms()
    cropping = Cropping(model, full.crop_size[0], full.resize_size[0], full.interpolation)
    for mode in ("RGB", "L", "CMYK", "1"):
        raw = pictures(2, (300, 411), mode)
        made = cropping(raw)
        assert made.dtype == torch.uint8
        expected = torch.stack([full(one.convert("RGB")) for one in raw])
        torch.testing.assert_close(Standardise(full.mean, full.std)(made), expected)


def test_from_scratch_the_whole_shorter_side_is_seen() -> None:
    encoder = torchvision_backbone(model="squeezenet1_1", weights=None)
    wide = Image.new("L", (100, 50), "black")
    wide.paste("white", (25, 0, 75, 50))
    pixels = encoder.prepare([wide])["pixel_values"]
    assert pixels.shape == (1, 3, 224, 224)
    assert (pixels[..., 4:-4] > 250).all()


def test_odd_pictures_are_refused() -> None:
    encoder = torchvision_backbone(model="squeezenet1_1", weights=None, size=32)
    with pytest.raises(DataError, match="torchvision:squeezenet1_1: example 1 of the batch: 5000 x 2 is too"):
        encoder.prepare([*pictures(1), Image.new("L", (5000, 2))])
    with pytest.raises(DataError, match="example 0 of the batch is a int, not a PIL image"):
        encoder.prepare([3])


@pytest.mark.parametrize("model", ["shufflenet_v2_x0_5", "mnasnet0_5"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_file_with_other_classes(suffix: str, model: str, tmp_path: Path) -> None:
    own, file = network(model, num_classes=7), tmp_path / f"own{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(own.state_dict(), file)
    encoder = torchvision_backbone(model=model, weights=str(file), size=32)
    assert all(torch.equal(value, own.state_dict()[k]) for k, value in encoder.network.state_dict().items())
    assert encoder.pretrained
    assert encoder.weights_licence == ""


def test_names_of_densenet_s_published_weights_are_older(tmp_path: Path) -> None:
    own = saved("densenet121", tmp_path / "own.pth")
    older = re.compile(r"(denselayer\d+\.(?:norm|conv))([12]\.)")
    state = {older.sub(r"\1.\2", name): value for name, value in own.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    torch.save(state, tmp_path / "older.pth")
    one, other = (
        torchvision_backbone(model="densenet121", weights=str(tmp_path / f"{name}.pth"), size=32)
        for name in ("own", "older")
    )
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@BIG
def test_a_transformer_s_positions_are_stretched_to_another_size(tmp_path: Path) -> None:
    from torchvision.models.vision_transformer import interpolate_embeddings

    own = saved("vit_b_16", tmp_path / "own.pth")
    encoder = torchvision_backbone(model="vit_b_16", weights=str(tmp_path / "own.pth"), size=64)
    expected = interpolate_embeddings(64, 16, own.state_dict())["encoder.pos_embedding"]
    assert expected.shape == (1, 17, 768)
    assert torch.equal(encoder.network.encoder.pos_embedding, expected)


def test_published_weights_are_fetched_without_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchvision asks for them: by address, with its hash; and inception's own scaling is on."""
    own, asked = network("resnet18"), {}

    def fetch(url: str, **options: Any) -> Any:
        asked.update(options, url=url)
        return own.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    encoder = torchvision_backbone(model="resnet18", weights="IMAGENET1K_V1")
    assert asked["url"].endswith("/models/resnet18-f37072fd.pth")
    assert asked["check_hash"] is True
    assert asked["weights_only"] is True
    assert torch.equal(encoder.network.conv1.weight, own.conv1.weight)
    assert encoder.pretrained
    assert "ImageNet" in encoder.weights_licence
    assert encoder.prepare(pictures(1))["pixel_values"].shape == (1, 3, 224, 224)


@BIG
def test_googlenet_is_as_torchvision_loads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights hold auxiliary classifiers, and want pixels scaled otherwise than its transforms do."""
    own = network("googlenet", init_weights=True, transform_input=True)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, **_: own.state_dict())
    encoder = torchvision_backbone(model="googlenet").eval()
    own.fc = nn.Identity()
    transforms = models.GoogLeNet_Weights.DEFAULT.transforms()
    with torch.no_grad():
        expected = own(torch.stack([transforms(one) for one in pictures()]))
        torch.testing.assert_close(encoder(encoder.prepare(pictures())), expected, rtol=1e-4, atol=1e-6)


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No cache and no network."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    return tmp_path / "checkpoints"


def test_without_a_network_the_file_and_its_place_are_named(_alone: Path) -> None:
    with pytest.raises(KshotError) as caught:
        torchvision_backbone(model="resnet50")
    for part in (
        "torchvision:resnet50: the weights IMAGENET1K_V2 are not on this machine and could not be fetched (no network)",
        "put resnet50-11ad3fa6.pth (models/resnet50-11ad3fa6.pth of download.pytorch.org)",
        f"into {_alone}",
        "weights: null",
    ):
        assert part in str(caught.value)


def test_a_damaged_file_in_the_cache_is_named(_alone: Path) -> None:
    _alone.mkdir()
    (_alone / "resnet18-f37072fd.pth").write_bytes(b"not weights")
    with pytest.raises(KshotError, match=r"resnet18-f37072fd.pth cannot be read \(.*\); delete it"):
        torchvision_backbone(model="resnet18")


def test_pickled_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    torch.save({"x": Path("/")}, tmp_path / "own.pth")
    with pytest.raises(KshotError, match=r"own.pth cannot be read as weights without pickle"):
        torchvision_backbone(model="resnet18", weights=str(tmp_path / "own.pth"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnt18"}, "no classification network 'resnt18'; did you mean 'resnet18'"),
        ({"model": "fcn_resnet50"}, "no classification network 'fcn_resnet50'"),
        ({"model": "resnet18", "weights": "V9"}, "no weights 'V9'; there are IMAGENET1K_V1, DEFAULT, a file"),
        ({"model": "resnet18", "weights": "no.pth"}, "torchvision:resnet18: no such file: no.pth"),
        ({"model": "alexnet", "weights": None, "size": 8}, "alexnet does not take pictures of 8 pixels: "),
        (
            {"model": "vit_b_16", "weights": None, "size": 30},
            "vit_b_16 does not take pictures of 30 pixels: ",
        ),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(KshotError, match=message):
        torchvision_backbone(**options)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    saved("squeezenet1_1", tmp_path / "other.pth")
    with pytest.raises(
        KshotError, match=r"shufflenet_v2_x0_5: these weights are of another network: .* missing"
    ):
        torchvision_backbone(model="shufflenet_v2_x0_5", weights=str(tmp_path / "other.pth"), size=32)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(KshotError, match=r"list.pth holds no state_dict; save model.state_dict\(\) there"):
        torchvision_backbone(model="resnet18", weights=str(tmp_path / "list.pth"), size=32)


@BIG
@pytest.mark.parametrize("model", ["convnext_tiny", "swin_t", "vit_b_16"])
def test_activations_can_be_computed_again(model: str) -> None:
    encoder = subject(model).encoder()
    inputs, parameters = encoder.prepare(pictures(2)), list(encoder.parameters())
    expected = torch.autograd.grad(encoder(inputs).square().mean(), parameters)
    checkpoint_activations(encoder)
    again = torch.autograd.grad(encoder(inputs).square().mean(), parameters)
    for one, other in zip(again, expected, strict=True):
        torch.testing.assert_close(one, other)
