"""Pictures' towers of models that compare them with texts, tiny, loaded as users load them."""

from __future__ import annotations

import functools
import importlib.util

import pytest
import torch
from kshot.errors import KshotError
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, Subject

if importlib.util.find_spec("transformers") is None:
    pytest.skip("transformers is not installed", allow_module_level=True)

from kshot_image.encoders.hf_image import hf_image

from .test_hf_image import embed, subject
from .tiny import DUALS, FAMILIES, folder

BOTH = [*(name for name, (_, _, shape) in FAMILIES.items() if "text_config" in shape), *DUALS]


@functools.cache
def shared(family: str) -> Encoder:
    return hf_image(model=str(folder(family)), pooling="shared")


@pytest.mark.parametrize("family", BOTH)
def test_equal_to_transformers(family: str) -> None:
    from transformers import AutoImageProcessor, AutoModel

    pictures = subject(family).flat[::7]
    model = AutoModel.from_pretrained(folder(family)).eval()
    inputs = AutoImageProcessor.from_pretrained(folder(family))(pictures, return_tensors="pt")
    with torch.no_grad():
        expected = model.get_image_features(pixel_values=inputs["pixel_values"]).pooler_output
    assert expected.std(0).mean() > 0.004  # pictures are told apart at all
    torch.testing.assert_close(embed(shared(family), pictures), expected, atol=2e-6, rtol=1e-5)
    assert shared(family).dim == expected.shape[1]


@pytest.mark.parametrize("family", BOTH)
def test_the_texts_tower_is_let_go_of(family: str) -> None:
    encoder = shared(family)
    assert not any("text" in name or "logit" in name for name in encoder.parameter_groups()["all"])
    assert not any("text_" in name for name in encoder.state_dict())
    assert encoder.pretrained


@pytest.mark.parametrize("check", [check for check in ENCODER_CHECKS if check != "padding"])
@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_conformance(family: str, check: str) -> None:
    other = subject(family)
    ENCODER_CHECKS[check](Subject(f"{family}, shared", lambda: shared_anew(family), other.raw))


def shared_anew(family: str) -> Encoder:
    return hf_image(model=str(folder(family)), pooling="shared")


def test_the_space_is_not_what_the_tower_gives_by_itself() -> None:
    assert shared("clip").dim == 12
    assert hf_image(model=str(folder("clip"))).dim == 16


def test_a_model_of_pictures_alone_is_refused() -> None:
    with pytest.raises(KshotError, match=r"hf-image: pooling 'shared' is of models .* is a ViTModel"):
        hf_image(model=str(folder("vit")), pooling="shared")
