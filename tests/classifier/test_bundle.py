"""A classifier on disk: whole, unchanged, of the right encoder, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot import FewShotClassifier
from kshot.classifier.bundle import _digest
from kshot.errors import KshotError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .things import pictures, texts


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "one.kshot"
    FewShotClassifier("tfidf").fit(*texts()).save(path)
    return path


def parts(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    with safe_open(path, framework="pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        return tensors, json.loads(stored.metadata()["kshot"])


def write(path: Path, tensors: dict[str, torch.Tensor], header: dict) -> None:
    save_file(tensors, path, metadata={"kshot": json.dumps(header)})


def test_it_is_safetensors_and_json(bundle: Path) -> None:
    tensors, header = parts(bundle)
    assert header["labels"] == texts()[1]
    assert header["parameters"]["encoder"] == "tfidf"
    assert set(header["versions"]) == {"kshot", "torch", "kshot-text"}
    assert len(tensors["embeddings"]) == 15
    assert not [name for name in tensors if name.startswith("support/")], "they would stand there twice"


def test_the_form_that_has_embeddings_twice_is_read(bundle: Path) -> None:
    expected = FewShotClassifier.load(bundle).predict_proba(texts()[0])
    tensors, header = parts(bundle)
    tensors["support/embedding"] = tensors["embeddings"].clone()
    header = {**header, "schema_number": 4}
    header["digest"] = _digest({k: v for k, v in header.items() if k != "digest"}, tensors)
    write(bundle, tensors, header)
    np.testing.assert_array_equal(FewShotClassifier.load(bundle).predict_proba(texts()[0]), expected)


def test_a_changed_tensor_is_refused(bundle: Path) -> None:
    tensors, header = parts(bundle)
    tensors["embeddings"][0, 0] += 1
    write(bundle, tensors, header)
    with pytest.raises(KshotError, match="does not match its digest"):
        FewShotClassifier.load(bundle)


@pytest.mark.parametrize("change", [lambda one: one.view(-1, len(one)), lambda one: one.view(torch.int32)])
def test_the_same_bytes_in_another_shape_or_type_are_refused(
    bundle: Path, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    tensors, header = parts(bundle)
    tensors["embeddings"] = change(tensors["embeddings"])
    write(bundle, tensors, header)
    with pytest.raises(KshotError, match="does not match its digest"):
        FewShotClassifier.load(bundle)


def test_a_changed_header_is_refused(bundle: Path) -> None:
    tensors, header = parts(bundle)
    write(bundle, tensors, {**header, "labels": ["x", *header["labels"][1:]]})
    with pytest.raises(KshotError, match="does not match its digest"):
        FewShotClassifier.load(bundle)


def test_a_newer_form_is_refused(bundle: Path) -> None:
    tensors, header = parts(bundle)
    write(bundle, tensors, {**header, "schema_number": 99})
    with pytest.raises(KshotError, match="written in form 99, this kshot reads up to 5; upgrade kshot"):
        FewShotClassifier.load(bundle)


def test_the_form_before_is_refused(bundle: Path) -> None:
    tensors, header = parts(bundle)
    del header["recipe"]
    write(bundle, tensors, {**header, "schema_number": 1})
    with pytest.raises(
        KshotError, match=r"form 1, before a classifier said what it is built from; fit it anew"
    ):
        FewShotClassifier.load(bundle)


@pytest.mark.parametrize("options", [{"trust_remote_code": True}, {"use_safetensors": False}])
@pytest.mark.parametrize("where", ["recipe", "parameters"])
def test_a_file_cannot_ask_for_code(bundle: Path, where: str, options: dict) -> None:
    tensors, header = parts(bundle)
    if where == "recipe":
        header["recipe"]["encoder"] = {"use": "hf-text:somebody/model", "options": options}
    else:  # taken up by whoever fits the classifier anew
        header["parameters"] |= {"encoder": "hf-text:somebody/model", "encoder_options": options}
    del header["digest"]
    header["digest"] = _digest(header, tensors)  # whoever makes the file makes its digest too
    write(bundle, tensors, header)
    with pytest.raises(KshotError, match=f"its encoder has {next(iter(options))} set"):
        FewShotClassifier.load(bundle)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_cut_file_is_refused(bundle: Path, length: int) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(content[:length])
    with pytest.raises(KshotError, match="not a classifier, or damaged"):
        FewShotClassifier.load(bundle)


def test_another_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(KshotError, match="not a classifier that kshot wrote"):
        FewShotClassifier.load(tmp_path / "model.safetensors")
    with pytest.raises(KshotError, match="no such file"):
        FewShotClassifier.load(tmp_path / "none.kshot")


def test_another_encoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kshot_image.encoders import pixels

    path = tmp_path / "one.kshot"
    FewShotClassifier("pixels", encoder_options={"size": 8}).fit(*pictures()).save(path)
    monkeypatch.setattr(
        pixels.Pixels, "get_extra_state", lambda self: torch.ones(1, dtype=torch.uint8), raising=False
    )
    with pytest.raises(KshotError, match="was made with another 'pixels'"):
        FewShotClassifier.load(path)


def made_with(path: Path, **distributions: str) -> None:
    """Let a file say that it was made with other distributions."""
    tensors, header = parts(path)
    kept = {name: header["versions"][name] for name in ("kshot", "torch")}
    header["versions"] = {**kept, **{name.replace("_", "-"): one for name, one in distributions.items()}}
    header["digest"] = _digest({k: v for k, v in header.items() if k != "digest"}, tensors)
    write(path, tensors, header)


def test_another_version_of_the_encoder_s_plugin_is_told(
    bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    FewShotClassifier.load(bundle)
    assert not caplog.messages
    made_with(bundle, kshot_text="0.0.9")
    FewShotClassifier.load(bundle)
    [told] = caplog.messages
    assert "made with kshot-text 0.0.9" in told


def test_a_plugin_that_is_gone_is_named_with_its_version(bundle: Path) -> None:
    tensors, header = parts(bundle)
    header["recipe"]["encoder"]["use"] = "beads"
    write(bundle, tensors, header)
    made_with(bundle, kshot_beads="0.3.1")
    with pytest.raises(
        KshotError, match=r"made with kshot-beads 0\.3\.1, not installed here: unknown encoder"
    ):
        FewShotClassifier.load(bundle)


def test_an_encoder_of_other_weights_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.classifier.embedder.encoder_state_hash", lambda encoder: "another")
    with pytest.raises(KshotError, match="was made with another 'tfidf': weights or settings differ"):
        FewShotClassifier.load(bundle)


def test_saving_is_whole_or_not_at_all(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bundle.read_bytes()
    fitted = FewShotClassifier.load(bundle)

    def failing(*given: object, **named: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: whatever (os error 28)")

    monkeypatch.setattr("kshot.tensorfiles.save_file", failing)
    with pytest.raises(KshotError, match="No space left on device"):
        fitted.save(bundle)
    assert bundle.read_bytes() == before
    assert [one.name for one in bundle.parent.iterdir()] == ["one.kshot"]
