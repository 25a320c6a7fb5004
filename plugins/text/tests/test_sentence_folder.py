"""Folders of sentence-transformers against that library itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kshot.errors import KshotError
from kshot_text.encoders.hf_text import hf_text
from kshot_text.encoders.pooling import POOLINGS
from safetensors.torch import load_file
from torch import nn

from .checks import SAMPLES, check_independence, embed
from .tiny import save_family, sentence_folder

pytest.importorskip("sentence_transformers", reason='the oracle comes with "kshot-text[test]"')

TEXTS = [*SAMPLES, "Open THE File and Read It", "the value of the key " * 9]


def agree(folder: Path, model: Any = None) -> None:
    """Ours, and the library's own reading of the same folder (or the model that was saved there)."""
    from sentence_transformers import SentenceTransformer

    theirs = model or SentenceTransformer(str(folder), device="cpu").eval()
    expected = torch.as_tensor(theirs.encode(TEXTS))
    encoder = hf_text(model=str(folder))
    torch.testing.assert_close(embed(encoder, TEXTS), expected, atol=1e-6, rtol=1e-6)
    assert encoder.dim == expected.shape[1]


def change(path: Path, **settings: Any) -> None:
    """Write settings into a JSON file; None takes one out."""
    kept = {**json.loads(path.read_text()), **settings}
    path.write_text(json.dumps({key: value for key, value in kept.items() if value is not None}))


@pytest.mark.parametrize("mode", POOLINGS)
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_every_pooling(family: str, mode: str, tmp_path: Path) -> None:
    agree(tmp_path / "folder", sentence_folder(tmp_path / "folder", family, mode))


def test_several_poolings_stand_side_by_side_in_the_folders_order(tmp_path: Path) -> None:
    modes = ["mean", "lasttoken", "cls"]
    agree(tmp_path / "folder", sentence_folder(tmp_path / "folder", "mpnet", modes))
    assert hf_text(model=str(tmp_path / "folder")).dim == 48


@pytest.mark.parametrize("modes", [["cls"], ["max", "mean"], ["weightedmean", "lasttoken"], []])
def test_the_keys_of_older_folders(modes: list[str], tmp_path: Path) -> None:
    sentence_folder(tmp_path / "folder")
    ends = {"cls": "cls_token", "lasttoken": "lasttoken", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens"}
    old = {f"pooling_mode_{ends.get(mode, f'{mode}_tokens')}": mode in modes for mode in POOLINGS}
    path = tmp_path / "folder" / "1_Pooling" / "config.json"
    change(path, pooling_mode=None, embedding_dimension=None, word_embedding_dimension=16, **old)
    agree(tmp_path / "folder")


@pytest.mark.parametrize("lower", [True, False])
def test_the_transformers_settings_of_older_folders(lower: bool, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    sentence_folder(folder, max_seq_length=40)
    (folder / "sentence_bert_config.json").unlink()
    name = "sentence_roberta_config.json"
    (folder / name).write_text(json.dumps({"max_seq_length": 7, "do_lower_case": lower}))
    agree(folder)
    encoder = hf_text(model=str(folder))
    assert encoder.prepare(TEXTS)["input_ids"].shape == (len(TEXTS), 7)
    assert torch.allclose(*embed(encoder, ["READ", "read"])) == lower


def layers(width: int, kind: str) -> list[Any]:
    from sentence_transformers.sentence_transformer.modules import Dense, Dropout, Normalize

    torch.manual_seed(0)
    made: dict[str, Callable[[], list[Any]]] = {
        "dense": lambda: [Dense(width, 6)],
        "dense, no bias": lambda: [Dense(width, 6, bias=False, activation_function=nn.ReLU())],
        "identity": lambda: [Dense(width, 6, activation_function=None)],
        "two": lambda: [Dense(width, 6), Dense(6, 9, activation_function=nn.GELU()), Normalize()],
        "residual": lambda: [Dense(width, 6, use_residual=True), Dense(6, 6, use_residual=True)],
        "normalize": lambda: [Normalize()],
        "dropout": lambda: [Dropout(0.5), Normalize()],
    }
    return made[kind]()


@pytest.mark.parametrize(
    "kind", ["dense", "dense, no bias", "identity", "two", "residual", "normalize", "dropout"]
)
def test_what_follows_the_pooling(kind: str, tmp_path: Path) -> None:
    model = sentence_folder(tmp_path / "folder", after=lambda width: layers(width, kind))
    agree(tmp_path / "folder", model)
    check_independence(hf_text(model=str(tmp_path / "folder")))


def test_the_encoder_of_an_encoder_decoder(tmp_path: Path) -> None:
    """As sentence-t5: saved without its decoder, projected, at length 1."""
    model = sentence_folder(tmp_path / "folder", "t5", after=lambda width: layers(width, "two"))
    agree(tmp_path / "folder", model)
    names = set(load_file(tmp_path / "folder" / "model.safetensors"))
    assert not any(name.startswith("decoder") for name in names)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("mode", POOLINGS)
def test_a_prompt_that_every_text_has(mode: str, pooled: bool, tmp_path: Path) -> None:
    model = sentence_folder(
        tmp_path / "folder",
        pooling=mode,
        pool={"include_prompt": pooled},
        prompts={"query": "query : ", "other": "x"},
        default_prompt_name="query",
    )
    agree(tmp_path / "folder", model)
    check_independence(hf_text(model=str(tmp_path / "folder")))
    with pytest.raises(KshotError, match=r"max_length 4 leaves no place .*; take 5 or more"):
        hf_text(model=str(tmp_path / "folder"), max_length=4)


def test_prompts_without_a_default_are_left_alone(tmp_path: Path) -> None:
    agree(tmp_path / "folder", sentence_folder(tmp_path / "folder", prompts={"query": "query : "}))


def test_a_pooling_of_ones_own_takes_the_place_of_the_folders(tmp_path: Path) -> None:
    sentence_folder(tmp_path / "mean", after=lambda width: layers(width, "two"))
    sentence_folder(tmp_path / "max", pooling="max", after=lambda width: layers(width, "two"))
    own = hf_text(model=str(tmp_path / "mean"), pooling="max")
    torch.testing.assert_close(embed(own, TEXTS), embed(hf_text(model=str(tmp_path / "max")), TEXTS))
    sentence_folder(tmp_path / "wide", pooling=["cls", "max"], after=lambda width: layers(width, "two"))
    with pytest.raises(KshotError, match=r"hf-text: the model there does not embed a text: .*shapes"):
        hf_text(model=str(tmp_path / "wide"), pooling="max")


def test_a_folder_of_transformers_alone_is_averaged_as_the_library_does(tmp_path: Path) -> None:
    agree(save_family("roberta", tmp_path / "plain"))


def test_weights_of_a_layer_in_a_pickle_are_read_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    sentence_folder(folder, after=lambda width: layers(width, "dense"))
    expected = embed(hf_text(model=str(folder)), TEXTS)
    safe = folder / "2_Dense" / "model.safetensors"
    torch.save(load_file(safe), safe.with_name("pytorch_model.bin"))
    safe.unlink()
    with pytest.raises(KshotError, match=r"2_Dense is no Dense layer: .*use_safetensors: false only"):
        hf_text(model=str(folder))
    assert torch.equal(embed(hf_text(model=str(folder), use_safetensors=False), TEXTS), expected)
    safe.with_name("pytorch_model.bin").unlink()
    with pytest.raises(KshotError, match=r"2_Dense is no Dense layer: model\.safetensors is missing$"):
        hf_text(model=str(folder))


REFUSED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "another first module": (
        "modules.json names BoW, Pooling",
        lambda at: _retype(at, 0, "sentence_transformers.models.BoW"),
    ),
    "another pooling": (
        "pools by attention, which is not offered; offered: cls, max",
        lambda at: change(at / "1_Pooling" / "config.json", pooling_mode="attention"),
    ),
    "another module": (
        "modules.json names LSTM in '2_Dense'",
        lambda at: _retype(at, 2, "sentence_transformers.models.LSTM"),
    ),
    "a layer on tokens": (
        "names Dense in '2_Dense' .token_embeddings to token_embeddings.",
        lambda at: change(
            at / "2_Dense" / "config.json", module_input_name="token_embeddings", module_output_name=None
        ),
    ),
    "an activation from elsewhere": (
        "activation 'os.system' is not a module of torch.nn",
        lambda at: change(at / "2_Dense" / "config.json", activation_function="os.system"),
    ),
    "a function for an activation": (
        "activation 'torch.nn.functional.tanh' is not a module of torch.nn",
        lambda at: change(at / "2_Dense" / "config.json", activation_function="torch.nn.functional.tanh"),
    ),
    "a layer of another size": (
        "2_Dense is no Dense layer: .*size mismatch",
        lambda at: change(at / "2_Dense" / "config.json", out_features=7),
    ),
    "damaged settings": (
        r"1_Pooling/config\.json cannot be read",
        lambda at: (at / "1_Pooling" / "config.json").write_text("{"),
    ),
    "another task": (
        r"sentence_bert_config\.json asks for what is not offered .transformer_task, modality_config",
        lambda at: change(at / "sentence_bert_config.json", transformer_task="text-generation"),
    ),
    "arguments of its own": (
        r"sentence_bert_config\.json asks for what is not offered .tokenizer_args",
        lambda at: change(at / "sentence_bert_config.json", tokenizer_args={"use_fast": False}),
    ),
    "a prompt that is not there": (
        "default_prompt_name 'gone' is not among the folder's prompts .document, query",
        lambda at: change(at / "config_sentence_transformers.json", default_prompt_name="gone"),
    ),
}


def _retype(folder: Path, place: int, kind: str) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[place]["type"] = kind
    (folder / "modules.json").write_text(json.dumps(modules))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_offered_is_refused_by_name(name: str, tmp_path: Path) -> None:
    message, damage = REFUSED[name]
    sentence_folder(tmp_path / "folder", after=lambda width: layers(width, "dense"))
    damage(tmp_path / "folder")
    with pytest.raises(KshotError, match=f"(?s)^hf-text: .*{message}"):
        hf_text(model=str(tmp_path / "folder"))
