"""Families of Hugging Face vision models, tiny, loaded as users load theirs."""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.functional import checkpoint_activations
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, Subject
from PIL import Image

if importlib.util.find_spec("transformers") is None:
    pytest.skip("transformers is not installed", allow_module_level=True)

from kshot_image.encoders.hf_image import hf_image
from kshot_image.encoders.hub_image import MAPPED
from torch import Tensor

from .tiny import FAMILIES, SIDE, folder, save_family

UNMAPPED = {
    "segformer": "nobody has compared it",
}
BLOCKS = ("clip", "dinov2", "siglip", "vit", "swin", "convnext")


def picture(label: int, generator: np.random.Generator) -> Image.Image:
    """Blocks of colour, brighter from class to class."""
    blocks = generator.integers(30 * label, 100 + 30 * label, (3, 3, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((44, 36), Image.Resampling.NEAREST)


@functools.cache
def subject(family: str) -> Subject:
    generators = [np.random.Generator(np.random.Philox(key=number)) for number in range(6)]
    raw = [[picture(label, one) for _ in range(8)] for label, one in enumerate(generators)]
    return Subject(family, lambda: hf_image(model=str(folder(family))), raw)


def embed(encoder: Encoder, pictures: list[Image.Image]) -> Tensor:
    with torch.no_grad():
        return encoder.eval()(encoder.prepare(pictures))


def by_hand(family: str, pictures: list[Image.Image]) -> Any:
    """What transformers itself makes of pictures; of CLIP and SigLIP their vision tower."""
    import transformers

    tower = {"clip": "CLIPVisionModel", "siglip": "SiglipVisionModel"}.get(family, "AutoModel")
    model = getattr(transformers, tower).from_pretrained(folder(family)).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder(family))
    with torch.no_grad():
        return model(**processor(pictures, return_tensors="pt"))


CLASS = ("vit", "deit", "dinov2", "dinov2_with_registers")


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_to_transformers(family: str) -> None:
    pictures = subject(family).flat[::7]
    output = by_hand(family, pictures)
    if family in CLASS:
        expected = output.last_hidden_state[:, 0]
    elif family == "segformer":
        expected = output.last_hidden_state.mean((2, 3))
    else:
        expected = output.pooler_output.flatten(1)
    encoder = hf_image(model=str(folder(family)))
    assert expected.std(0).mean() > 0.01  # pictures are told apart at all
    torch.testing.assert_close(embed(encoder, pictures), expected, atol=2e-6, rtol=1e-5)
    assert encoder.dim == expected.shape[1]


@pytest.mark.parametrize(
    ("family", "first"),
    [("vit", 1), ("deit", 2), ("clip", 1), ("dinov2_with_registers", 4), ("siglip", 0), ("swin", 0)],
)
def test_the_mean_is_over_patches_alone(family: str, first: int) -> None:
    pictures = subject(family).flat[::7]
    states = by_hand(family, pictures).last_hidden_state
    assert states.shape[1] - first == (SIDE // 8) ** 2
    encoder = hf_image(model=str(folder(family)), pooling="mean")
    torch.testing.assert_close(embed(encoder, pictures), states[:, first:].mean(1), atol=2e-6, rtol=1e-5)


def test_a_pooling_that_cannot_be_is_refused() -> None:
    with pytest.raises(KshotError, match=r"hf-image: .* it has no class token; pool by mean or pooler"):
        hf_image(model=str(folder("convnext")), pooling="cls")
    with pytest.raises(KshotError, match=r"hf-image: .* it has no pooling of its own; pool by mean or cls"):
        hf_image(model=str(folder("segformer")), pooling="pooler")


@pytest.mark.parametrize("family", ["vit_mae", "dinov3_vit"])
def test_nothing_is_left_to_chance(family: str) -> None:
    encoder, pictures = hf_image(model=str(folder(family))), subject("vit").flat[::7]
    expected = embed(encoder, pictures)
    with torch.no_grad():
        trained = encoder.train()(encoder.prepare(pictures))
    torch.testing.assert_close(trained, expected, atol=2e-6, rtol=1e-5)


def test_of_a_masked_autoencoder_all_patches_are_seen() -> None:
    import transformers

    pictures = subject("vit").flat[::7]
    model = transformers.AutoModel.from_pretrained(folder("vit_mae"), mask_ratio=0.0).eval()
    encoder = hf_image(model=str(folder("vit_mae")))
    with torch.no_grad():
        states = model(**encoder.prepare(pictures)).last_hidden_state
    torch.testing.assert_close(embed(encoder, pictures), states[:, 0], atol=2e-6, rtol=1e-5)


def test_a_token_of_the_head_stands_before_no_patches() -> None:
    pictures = subject("vit").flat[::7]
    output = by_hand("aimv2_vision_model", pictures)
    own, mean = (
        embed(hf_image(model=str(folder("aimv2_vision_model")), pooling=pooling), pictures)
        for pooling in (None, "mean")
    )
    torch.testing.assert_close(own, output.pooler_output, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(mean, output.last_hidden_state.mean(1), atol=2e-6, rtol=1e-5)


def test_a_class_token_may_stand_apart_from_the_map() -> None:
    pictures = subject("vit").flat[::7]
    output = by_hand("cvt", pictures)
    encoder = hf_image(model=str(folder("cvt")))
    torch.testing.assert_close(embed(encoder, pictures), output.cls_token_value[:, 0], atol=2e-6, rtol=1e-5)


def test_a_model_that_joins_pictures_is_refused() -> None:
    with pytest.raises(
        KshotError, match=r"hf-image: .* a picture as a vector of its own: two of them give \(1, 16\)"
    ):
        hf_image(model=str(folder("pixtral")))


def test_pictures_that_a_processor_leaves_in_several_shapes_are_refused(tmp_path: Path) -> None:
    """Without a crop they keep their proportions; padded, an embedding would depend on its company."""
    settings = tmp_path / "preprocessor_config.json"
    save_family("resnet", tmp_path)
    kept = {
        **json.loads(settings.read_text()),
        "image_processor_type": "BitImageProcessor",
        "do_center_crop": False,
    }
    settings.write_text(json.dumps({**kept, "do_resize": True, "size": {"shortest_edge": SIDE}}))
    encoder = hf_image(model=str(tmp_path))
    square, wide = Image.new("RGB", (50, 50)), Image.new("RGB", (100, 50))
    assert encoder.prepare([square, Image.new("RGB", (20, 20))])["pixel_values"].shape == (2, 3, SIDE, SIDE)
    for pictures in ([square, wide], [wide], [wide, wide]):
        with pytest.raises(
            DataError, match=r"makes 32 x 64 of it, and 32 x 32 of squares.*set do_center_crop"
        ):
            encoder.prepare(pictures)
    settings.write_text(json.dumps({**kept, "do_resize": False}))
    encoder = hf_image(model=str(tmp_path))
    assert encoder.prepare([wide, wide])["pixel_values"].shape == (2, 3, 50, 100)
    with pytest.raises(DataError, match=r"makes 50 x 50 of it, and 50 x 100 of others"):
        encoder.prepare([wide, square])


@pytest.mark.parametrize("check", ENCODER_CHECKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_conformance(family: str, check: str) -> None:
    encoder = hf_image(model=str(folder(family)))
    if check == "padding":
        pytest.skip("pictures are not padded")
    if check == "vmap" and not encoder.vmap:
        assert encoder.model.config.model_type not in MAPPED
        pytest.skip(f"goes from task to task: {UNMAPPED[family]}")
    ENCODER_CHECKS[check](subject(family))


def test_every_mapped_family_is_tried_here() -> None:
    assert set(MAPPED) <= set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_without_a_part_are_in_no_group(family: str) -> None:
    encoder = hf_image(model=str(folder(family)))
    groups = encoder.parameter_groups()
    trained = [name for name, one in encoder.named_parameters() if one.requires_grad]
    assert groups["all"] == trained
    assert set(groups["last"]) < set(trained)
    assert len(encoder.ordered_blocks()) == 2
    assert not any("mask_token" in name for name in trained)


def test_of_clip_the_vision_tower_serves() -> None:
    both, tower = (hf_image(model=str(folder(one))) for one in ("clip", "clip_vision_model"))
    assert both.state_dict().keys() == tower.state_dict().keys()
    assert not any("text" in name or "projection" in name for name in both.state_dict())


@pytest.mark.parametrize("family", BLOCKS)
def test_a_copy_for_a_worker_can_compute_its_activations_again(family: str) -> None:
    encoder = hf_image(model=str(folder(family)))
    other = pickle.loads(pickle.dumps(encoder))  # noqa: S301
    checkpoint_activations(other)
    inputs = encoder.prepare(subject(family).flat[::7])
    pairs = []
    for one in (encoder, other):
        loss = (one(inputs) @ torch.linspace(-1, 1.5, one.dim)).square().mean()
        pairs.append(torch.autograd.grad(loss, [p for p in one.parameters() if p.requires_grad]))
    for own, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(own, expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (1, 3), (40, 3), (200, 100)])
def test_pictures_of_any_mode_and_size(mode: str, size: tuple[int, int]) -> None:
    encoder = hf_image(model=str(folder("clip")))
    inputs = encoder.prepare([Image.new(mode, size)])
    assert inputs["pixel_values"].shape == (1, 3, SIDE, SIDE)
    flat = inputs["pixel_values"].flatten(2)
    torch.testing.assert_close(flat, flat[..., :1].expand_as(flat))


def test_odd_pictures_are_refused() -> None:
    encoder = hf_image(model=str(folder("vit")))
    with pytest.raises(DataError, match="hf-image: example 1 of the batch: 1 x 5000 is too slim"):
        encoder.prepare([Image.new("L", (9, 9)), Image.new("L", (1, 5000))])
    with pytest.raises(DataError, match="hf-image: example 0 of the batch is a str, not a PIL image"):
        encoder.prepare(["cat.png"])
    with pytest.raises(DataError, match="example 0 of the batch: floating-point pixels"):
        encoder.prepare([Image.new("F", (9, 9))])


def test_stochastic_depth_of_the_folder_is_off() -> None:
    encoder = hf_image(model=str(folder("dinov2"))).train()
    inputs = encoder.prepare(subject("dinov2").flat[::7])
    assert torch.equal(encoder(inputs), encoder(inputs))


def test_another_image_processor_is_another_state(tmp_path: Path) -> None:
    shutil.copytree(folder("vit"), tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**settings, "image_mean": [0, 0, 0]}))
    state = hf_image(model=str(folder("vit"))).state_dict()
    with pytest.raises(ValueError, match="hf-image: this state was saved with other settings"):
        hf_image(model=str(tmp_path)).load_state_dict(state)


def test_weights_of_a_task_serve_without_its_head(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    save_family("vit", tmp_path)
    model = ViTForImageClassification(ViTConfig.from_pretrained(tmp_path))
    model.save_pretrained(tmp_path)
    encoder = hf_image(model=str(tmp_path))  # its pooling layer is missing there, and takes no part
    expected = model.vit.state_dict()
    own = {name.removeprefix("model."): value for name, value in encoder.state_dict().items()}
    assert all(torch.equal(own[name], value) for name, value in expected.items())
    with pytest.raises(
        KshotError, match=r"weights there are of another model, 2 are missing \(such as pooler"
    ):
        hf_image(model=str(tmp_path), pooling="pooler")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_family("vit", tmp_path)
    shutil.copy(folder("convnext") / "model.safetensors", tmp_path)
    with pytest.raises(
        KshotError, match=r"hf-image: the weights there are of another model, \d+ are missing"
    ):
        hf_image(model=str(tmp_path))


def test_a_model_of_texts_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(**shape, vocab_size=20)).save_pretrained(tmp_path)
    with pytest.raises(KshotError, match=r"hf-image: the model there does not see pictures \(BertModel\)"):
        hf_image(model=str(tmp_path))


def test_a_folder_without_an_image_processor_is_refused(tmp_path: Path) -> None:
    save_family("vit", tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(KshotError, match=r"hf-image: .* cannot be loaded as AutoImageProcessor"):
        hf_image(model=str(tmp_path))


def test_a_model_with_code_of_its_own_runs_with_consent_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_family("resnet", tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    auto = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (tmp_path / "config.json").write_text(json.dumps({**settings, "auto_map": auto, "model_type": "own"}))
    (tmp_path / "own.py").write_text(
        "from transformers import ResNetConfig, ResNetModel\n\n\n"
        "class OwnConfig(ResNetConfig):\n    model_type = 'own'\n\n\n"
        "class OwnModel(ResNetModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(KshotError, match="Python code of its own; read it, then set trust_remote_code: true"):
        hf_image(model=str(tmp_path))
    with caplog.at_level(logging.WARNING, "kshot"):
        encoder = hf_image(model=str(tmp_path), trust_remote_code=True)
    assert "own.py" in caplog.text
    assert not encoder.vmap  # nobody has compared it
    pictures = subject("resnet").flat[::7]
    torch.testing.assert_close(
        embed(encoder, pictures), embed(hf_image(model=str(folder("resnet"))), pictures)
    )


@pytest.mark.parametrize("family", ["vit", "clip", "resnet"])
def test_pictures_are_augmented_on_the_scale_that_they_were_seen_on(family: str) -> None:
    encoder = hf_image(model=str(folder(family)), augment=["flip"])
    assert encoder.augments
    inputs = encoder.prepare(subject(family).flat)
    varied = encoder.augment(inputs, torch.Generator().manual_seed(0))["pixel_values"]
    flipped = inputs["pixel_values"].flip(3)
    as_they_were = (varied - inputs["pixel_values"]).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (varied - flipped).abs().amax((1, 2, 3)) < 1e-5
    assert bool((as_they_were | mirrored).all())
    assert 0 < int(mirrored.sum()) < len(varied)


def test_jitter_keeps_pictures_between_black_and_white() -> None:
    encoder = hf_image(model=str(folder("vit")), augment=["jitter"])
    ends = encoder.prepare([Image.new("RGB", (9, 9), shade) for shade in ("black", "white")])["pixel_values"]
    inputs = encoder.prepare(subject("vit").flat)
    varied = encoder.augment(inputs, torch.Generator().manual_seed(0))["pixel_values"]
    assert not torch.allclose(varied, inputs["pixel_values"], atol=0.05)
    assert float(varied.min()) >= float(ends.min()) - 1e-5
    assert float(varied.max()) <= float(ends.max()) + 1e-5


def test_pictures_on_another_scale_are_not_augmented(tmp_path: Path) -> None:
    shutil.copytree(folder("vit"), tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**settings, "do_rescale": False}))
    assert not hf_image(model=str(tmp_path)).augments
    with pytest.raises(KshotError, match="does not bring pixels between 0 and 1, where augment works"):
        hf_image(model=str(tmp_path), augment=["flip"])


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        KshotError, match=r'hf-image: transformers is missing; pip install "kshot-image\[hf\]"'
    ):
        hf_image(model="facebook/dinov2-small")
