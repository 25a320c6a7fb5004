"""Texts' towers of models that compare texts with another modality, tiny, loaded as users load them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import pytest
import torch
from kshot.errors import KshotError
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, Subject
from kshot_text.encoders.backbone import DUAL_MASKS, FILLED
from kshot_text.encoders.hf_text import hf_text

from .checks import SAMPLES, check_embedding, check_groups, check_independence, check_state_dict, embed
from .test_hf_text import LONG, subject
from .tiny import DUALS, save_dual, save_family, tiny_tokenizer

MAPPED = sorted(DUAL_MASKS)


@functools.cache
def folder(family: str) -> Path:
    made = tempfile.mkdtemp(prefix=f"kshot-{family}-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return save_dual(family, Path(made))


@functools.cache
def loaded(family: str) -> Encoder:
    return hf_text(model=str(folder(family)))


def by_hand(family: str, texts: list[str]) -> torch.Tensor:
    """What transformers itself makes of texts, padded as the model was trained."""
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder(family)).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder(family))
    filled = {"padding": "max_length", "padding_side": "right", "return_attention_mask": False}
    own = filled if family in FILLED else {"padding": True}
    inputs = tokenizer(texts, return_tensors="pt", truncation=True, return_token_type_ids=False, **own)
    with torch.no_grad():
        return model.get_text_features(**inputs).pooler_output


@pytest.mark.parametrize("family", DUALS)
def test_equal_to_transformers(family: str) -> None:
    texts = [*SAMPLES, LONG]
    expected = by_hand(family, texts)
    assert expected.std(0).mean() > 0.004  # texts are told apart at all
    own = loaded(family)
    torch.testing.assert_close(embed(own, texts), expected, atol=2e-6, rtol=1e-5)
    assert own.dim == expected.shape[1]
    assert torch.equal(embed(hf_text(model=str(folder(family)), pooling="shared"), texts), embed(own, texts))


@pytest.mark.parametrize("family", DUALS)
def test_neither_company_nor_padding_matters(family: str, tmp_path: Path) -> None:
    encoder = loaded(family)
    check_embedding(encoder)
    check_independence(encoder)
    check_groups(encoder)
    check_state_dict(encoder, hf_text(model=str(folder(family))), tmp_path / "state.safetensors")


@pytest.mark.parametrize("family", DUALS)
def test_the_other_tower_is_let_go_of(family: str) -> None:
    encoder = loaded(family)
    names = list(encoder.state_dict())
    assert not any(word in name for name in names for word in ("vision", "visual", "image", "audio"))
    assert len(encoder.ordered_blocks()) == 2
    assert encoder.pretrained


@pytest.mark.parametrize("check", ENCODER_CHECKS)
@pytest.mark.parametrize("family", MAPPED)
def test_conformance(family: str, check: str) -> None:
    raw = subject("bert").raw
    ENCODER_CHECKS[check](Subject(family, lambda: hf_text(model=str(folder(family))), raw))


def test_mapped_families_are_tried_here() -> None:
    assert set(DUALS) >= set(DUAL_MASKS) | FILLED
    assert [family for family in DUALS if loaded(family).vmap] == [one for one in DUALS if one in DUAL_MASKS]


def test_a_length_that_cannot_be_is_refused() -> None:
    with pytest.raises(KshotError, match="hf-text: max_length 41 is beyond the model's 40 positions"):
        hf_text(model=str(folder("clip")), max_length=41)
    short = hf_text(model=str(folder("siglip")), max_length=5)
    assert short.prepare([LONG])["truncated"].tolist() == [True]
    torch.testing.assert_close(embed(short, ["x"]), embed(loaded("siglip"), ["x"]))


def test_a_pooling_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KshotError, match=r"hf-text: .* embeds them in its own way; leave pooling out, or"):
        hf_text(model=str(folder("clip")), pooling="mean")
    with pytest.raises(KshotError, match=r"hf-text: pooling 'shared' is of models .* is a BertModel"):
        hf_text(model=str(save_family("bert", tmp_path)), pooling="shared")


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_dual("clip", tmp_path)
    weights = {
        name: leaf
        for name, leaf in load_file(tmp_path / "model.safetensors").items()
        if "text_projection" not in name
    }
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(KshotError, match=r"1 are missing \(such as dual\.text_projection\.weight\)"):
        hf_text(model=str(tmp_path))


def test_a_tower_with_its_padding_named_twice_takes_the_tokenizers(tmp_path: Path) -> None:
    """As SigLIP 2's folders are: the configuration says 1, the tokenizer 0."""
    odd = hf_text(model=str(save_dual("siglip", tmp_path, pad_token_id=1)))
    torch.testing.assert_close(embed(odd, SAMPLES), embed(loaded("siglip"), SAMPLES))


def test_a_model_that_has_many_vectors_for_a_text_is_refused(tmp_path: Path) -> None:
    """FLAVA projects every token."""
    from transformers import FlavaConfig, FlavaModel

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    parts = {f"{part}_config": small for part in ("text", "image", "multimodal")}
    FlavaModel(FlavaConfig(**parts, projection_dim=8)).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(KshotError, match="does not embed a text: get_text_features gives no single vector"):
        hf_text(model=str(tmp_path))
