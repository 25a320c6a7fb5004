"""Models by hub id or folder, and what the encoders around them have in common."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kshot.encoders import HubEncoder
from kshot.errors import KshotError
from kshot.functional import parameter_subset
from kshot.functional.layer_norms import LayerNorm
from kshot.hub import ModelFiles, model_files
from torch import nn

from .hub_bert import hub_bert, save_bert

pytest.importorskip("transformers", reason='transformers comes with "kshot-text"')
pytest.importorskip("huggingface_hub", reason='huggingface_hub comes with "kshot[hub]"')

NUMBERS = {"input_ids": torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])}
NUMBERS_OF_ONE = {"input_ids": torch.tensor([[1, 2, 3]])}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_bert(tmp_path / "bert")


def pickled(folder: Path) -> Path:
    """The same weights as torch.save writes them, and no others."""
    from safetensors.torch import load_file

    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def own_code(folder: Path) -> Path:
    """The same model under a name and a class of its own."""
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        "from transformers import BertConfig, BertModel\n\n\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n\n\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    return folder


def load(files: ModelFiles) -> Any:
    from transformers import AutoModel

    return files.load_model(AutoModel)[0]


class Download:
    """Stands in for the hub's ``snapshot_download``: notes what it was asked, gives a folder or fails."""

    def __init__(self, result: Path | Exception) -> None:
        self.result = result
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, model: str, **options: Any) -> str:
        self.asked.append((model, options))
        if isinstance(self.result, Exception):
            raise self.result
        return str(self.result)


@pytest.fixture
def download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    one = Download(folder)
    monkeypatch.setattr("huggingface_hub.snapshot_download", one)
    return one


def test_a_folder_is_found_and_loaded_in_silence(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    files = model_files(str(folder), "me")
    assert files == ModelFiles("me", folder)
    model = load(files)
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert tuple(capfd.readouterr()) == ("", "")


def test_the_weights_lie_as_those_of_a_copy_do(folder: Path) -> None:
    """Mapped from the file they would begin anywhere, and a copy would compute other last bits."""
    model = load(model_files(str(folder), "me"))
    assert {one.data_ptr() % 64 for one in (*model.parameters(), *model.buffers())} == {0}


def test_half_precision_weights_are_loaded_in_full(folder: Path) -> None:
    load(model_files(str(folder), "me")).half().save_pretrained(folder)
    assert {one.dtype for one in load(model_files(str(folder), "me")).parameters()} == {torch.float32}


def test_the_home_folder_may_be_written_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert model_files("~/bert", "me").folder == folder


def test_a_folder_that_is_not_there_names_its_neighbour(folder: Path) -> None:
    with pytest.raises(KshotError, match=r"me: no such folder: .*/bret; did you mean 'bert'\?"):
        model_files(str(folder.with_name("bret")), "me")


def test_what_is_missing_in_a_folder_is_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(KshotError, match=r"model\.safetensors is missing; save the model there by save_pre"):
        model_files(str(folder), "me")
    (folder / "config.json").unlink()
    with pytest.raises(KshotError, match=r"config\.json is missing; name the folder that save_pretrained"):
        model_files(str(folder), "me")


def test_damaged_files_are_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(KshotError, match=r"me: .*bert cannot be loaded as AutoModel: "):
        load(model_files(str(folder), "me"))
    (folder / "config.json").write_text("{")
    with pytest.raises(KshotError, match=r"me: .*bert cannot be loaded as AutoModel: "):
        load(model_files(str(folder), "me"))


def test_pickled_weights_are_read_when_asked_only(folder: Path) -> None:
    expected = load(model_files(str(folder), "me")).state_dict()
    pickled(folder)
    with pytest.raises(KshotError, match=r"holds pytorch_model\.bin, which only use_safetensors: false"):
        model_files(str(folder), "me")
    found = load(model_files(str(folder), "me", use_safetensors=False)).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_pickle_beside_safe_weights_is_left_alone(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"harm")
    load(model_files(str(folder), "me"))
    load(model_files(str(folder), "me", use_safetensors=False))


def test_a_revision_is_of_the_hub(folder: Path) -> None:
    with pytest.raises(KshotError, match=r"me: revision 'v2' is of the hub, but .*bert is a folder here"):
        model_files(str(folder), "me", revision="v2")


def test_code_of_the_model_runs_with_consent_only(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    own_code(folder)
    with pytest.raises(KshotError, match="Python code of its own; read it, then set trust_remote_code: true"):
        load(model_files(str(folder), "me"))
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING, "kshot"):
        files = model_files(str(folder), "me", trust_remote_code=True)
    assert "me: trust_remote_code is set: Python code of" in caplog.text
    assert "own.py" in caplog.text
    assert type(load(files)).__name__ == "OwnModel"


def test_the_hub_is_asked_for_what_is_needed(download: Download, folder: Path) -> None:
    assert model_files("some/model", "me", revision="v2").folder == folder
    model, options = download.asked[0]
    assert (model, options["revision"]) == ("some/model", "v2")
    wanted = options["allow_patterns"]
    assert {"*.json", "*.txt", "*.safetensors"} <= set(wanted)
    assert not {"*.bin", "*.py"} & set(wanted)


def test_pickles_and_code_come_from_the_hub_when_asked(download: Download) -> None:
    model_files("model", "me", use_safetensors=False, trust_remote_code=True)
    assert {"*.bin", "*.py"} <= set(download.asked[0][1]["allow_patterns"])


def test_the_hub_out_of_reach(download: Download) -> None:
    download.result = OSError("no route to host\nand much more")
    message = (
        r"me: some/model at revision v2 is no folder here, not in the hub's cache, and cannot be had from the "
        r"hub \(no route to host\); name a folder with config\.json and model\.safetensors, or go online once"
    )
    with pytest.raises(KshotError, match=message):
        model_files("some/model", "me", revision="v2")


def test_the_real_hub_client_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(KshotError, match="me: nobody/nothing is no folder here, not in the hub's cache"):
        model_files("nobody/nothing", "me")


def test_the_hash_of_settings_changes_with_any_of_them_only(folder: Path) -> None:
    def found() -> bytes:
        return model_files(str(folder), "me").settings_hash()

    first = found()
    assert len(first) == 32
    seen = {first}
    for name in ("tokenizer.json", "vocab.txt", "spiece.model", "own.py", "1_Pooling/config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
        assert found() not in seen, name
        seen.add(found())
        (folder / name).write_text('{"other": 1}')
        assert found() not in seen, name
        seen.add(found())
    last = found()
    for name in (
        "README.md",
        "more.safetensors",
        "pytorch_model.bin",
        "model.safetensors.index.json",
        "a.png",
    ):
        (folder / name).write_text("anything")
        assert found() == last, name
    (folder / ".cache").mkdir()
    (folder / ".cache" / "notes.json").write_text("{}")
    assert found() == last


def test_the_licence_stands_in_the_card(folder: Path) -> None:
    files = model_files(str(folder), "me")
    assert files.licence() == ""
    card = folder / "README.md"
    for text, licence in {
        "---\nlanguage: en\nlicense: apache-2.0\ntags:\n- a\n---\n# Model\n": "apache-2.0",
        "---\nlanguage: en\n---\n# Model\n\nlicense: mit\n": "",
        "# Model\nlicense: mit\n": "",
        '---\nlicense: "cc-by-4.0"\n---\n': "cc-by-4.0",
    }.items():
        card.write_text(text)
        assert files.licence() == licence, text


def test_an_encoder_is_made_fit_for_inner_loops(folder: Path) -> None:
    encoder = hub_bert(save_bert(folder, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)).train()
    assert not any(isinstance(module, nn.LayerNorm) for module in encoder.modules())
    assert any(isinstance(module, LayerNorm) for module in encoder.modules())
    state = torch.get_rng_state()
    assert torch.equal(encoder(NUMBERS), encoder(NUMBERS))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("embedded", "reason"),
    [
        (lambda states: states.mean((0, 1)).unsqueeze(0), r"a text as a vector of its own: .* \(1, 8\)"),
        (lambda states: states, r"a text as a vector of its own: .* \(2, 3, 8\)"),
        (lambda states: states[:, 0] * torch.tensor([[1.0], [1.1]]), "chance: a text .* has two embeddings"),
    ],
)
def test_what_gives_no_vector_of_each_example_is_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedded: Callable[[torch.Tensor], torch.Tensor],
    reason: str,
) -> None:
    encoder = hub_bert(folder)
    assert encoder._settle(NUMBERS_OF_ONE, (), "a text") == 8
    monkeypatch.setattr(
        type(encoder), "forward", lambda self, inputs: embedded(self.model(**inputs).last_hidden_state)
    )
    with pytest.raises(KshotError, match=f"hub_bert: the model there .*{reason}"):
        encoder._settle(NUMBERS_OF_ONE, (), "a text")


def test_an_encoder_embeds_as_the_library_does(folder: Path) -> None:
    encoder, model = hub_bert(folder).eval(), load(model_files(str(folder), "me"))
    with torch.no_grad():
        torch.testing.assert_close(encoder(NUMBERS), model(**NUMBERS).pooler_output)


def test_an_encoders_blocks_and_groups(folder: Path) -> None:
    encoder = hub_bert(folder)
    assert encoder.ordered_blocks() == list(encoder.model.encoder.layer)
    last = parameter_subset(encoder, "last")
    assert last
    assert all(name.startswith(("model.encoder.layer.2.", "model.pooler.")) for name in last)
    assert parameter_subset(encoder, "all") == [name for name, _ in encoder.named_parameters()]


def test_what_takes_no_part_is_in_no_group(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = hub_bert(folder)
    unused = "model.embeddings.token_type_embeddings.weight"
    monkeypatch.setattr(HubEncoder, "_unused", lambda self: frozenset({unused}))
    assert unused not in encoder.parameter_groups()["all"]
    assert len(encoder.parameter_groups()["all"]) == len(list(encoder.parameters())) - 1


def test_a_state_goes_back_to_the_model_that_it_came_from(folder: Path, tmp_path: Path) -> None:
    encoder, same = hub_bert(folder), hub_bert(folder)
    assert encoder.get_extra_state().dtype == torch.uint8
    same.load_state_dict(encoder.state_dict())
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    told = hub_bert(folder)
    told.load_state_dict(encoder.state_dict())
    assert told.weights_licence == "mit"
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="hub_bert: this state was saved with other settings"):
        hub_bert(folder).load_state_dict(encoder.state_dict())
