"""Every family of Hugging Face text models, tiny, loaded as users load theirs."""

from __future__ import annotations

import atexit
import functools
import logging
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.functional import checkpoint_activations
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, Subject
from kshot_text.encoders.backbone import MASKS
from kshot_text.encoders.hf_text import hf_text

from .checks import SAMPLES, check_embedding, check_groups, check_independence, check_state_dict, embed
from .tiny import FAMILIES, SPECIAL, WORDS, save_family, tiny_tokenizer

LONG = "open a file and read it to the end one line after the other as bytes or as text " * 3
EXCEPTIONS = {("t5", "second_order"): "its norm rounds to float32, finite differences with it"}


@functools.cache
def folder(family: str) -> Path:
    made = tempfile.mkdtemp(prefix=f"kshot-{family}-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return save_family(family, Path(made))


@functools.cache
def loaded(family: str) -> Encoder:
    return hf_text(model=str(folder(family)))


def by_hand(family: str, texts: list[str], length: int) -> list[torch.Tensor]:
    """Token states of each text alone, without padding or a mask, by transformers itself."""
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder(family)).eval()
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    tokenizer = AutoTokenizer.from_pretrained(folder(family))
    with torch.no_grad():
        return [
            model(
                input_ids=tokenizer(text, return_tensors="pt", truncation=True, max_length=length)[
                    "input_ids"
                ]
            ).last_hidden_state[0]
            for text in texts
        ]


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_to_transformers_without_padding(family: str) -> None:
    """A long text among short ones, so that all but one are padded, and windows are shorter than it."""
    encoder = loaded(family)
    texts = [*SAMPLES, LONG]
    states = by_hand(family, texts, 64)
    pools = {
        "mean": lambda own: own.mean(0),
        "max": lambda own: own.max(0).values,
        "cls": lambda own: own[0],
    }
    for name, pool in pools.items():
        own = hf_text(model=str(folder(family)), pooling=name, max_length=64)
        expected = torch.stack([pool(one) for one in states])
        torch.testing.assert_close(embed(own, texts), expected, atol=2e-6, rtol=1e-5)
    assert encoder.vmap == (family in MASKS)


@pytest.mark.parametrize("family", ["fnet", "convbert", "mobilebert"])
def test_where_padding_is_seen_texts_are_not_padded(family: str) -> None:
    encoder = loaded(family)
    expected = torch.stack([states.mean(0) for states in by_hand(family, [*SAMPLES, LONG], 64)])
    own = hf_text(model=str(folder(family)), max_length=64)
    torch.testing.assert_close(embed(own, [*SAMPLES, LONG]), expected, atol=2e-6, rtol=1e-5)
    check_independence(encoder)


@pytest.mark.parametrize("family", ["prophetnet", "big_bird"])
def test_no_dropout_is_left(family: str) -> None:
    encoder = hf_text(model=str(folder(family)))
    expected = embed(encoder, SAMPLES)
    with torch.no_grad():
        trained = encoder.train()(encoder.prepare(SAMPLES))
    torch.testing.assert_close(trained, expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_every_text_encoder_does(family: str, tmp_path: Path) -> None:
    encoder = loaded(family)
    check_embedding(encoder)
    check_independence(encoder)
    check_groups(encoder)
    check_state_dict(encoder, hf_text(model=str(folder(family))), tmp_path / "state.safetensors")
    layers = 1 if family == "albert" else FAMILIES[family][1].get("num_hidden_layers", 2)
    assert len(encoder.ordered_blocks()) == layers  # ALBERT's layers share one


def gradients(encoder: Encoder) -> list[torch.Tensor]:
    loss = (encoder(encoder.prepare(SAMPLES)) @ torch.linspace(-1, 1.5, encoder.dim)).square().mean()
    return list(torch.autograd.grad(loss, [one for one in encoder.parameters() if one.requires_grad]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_copy_for_a_worker_can_compute_its_activations_again(family: str) -> None:
    encoder = loaded(family)
    other = pickle.loads(pickle.dumps(encoder))  # noqa: S301
    checkpoint_activations(other)
    for one, expected in zip(gradients(other), gradients(encoder), strict=True):
        torch.testing.assert_close(one, expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_stays_near(family: str) -> None:
    encoder = loaded(family)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(encoder.prepare(SAMPLES)).float()
    exact = embed(encoder, SAMPLES)
    assert (rough - exact).abs().max() < 0.03 * exact.abs().max()


def sentence(label: int, generator: np.random.Generator) -> str:
    return " ".join(generator.choice(WORDS[8 * label : 8 * label + 8], size=int(generator.integers(1, 9))))


@functools.cache
def subject(family: str) -> Subject:
    generators = [np.random.Generator(np.random.Philox(key=number)) for number in range(6)]
    raw = [[sentence(label, one) for _ in range(8)] for label, one in enumerate(generators)]
    return Subject(family, lambda: hf_text(model=str(folder(family))), raw)


@pytest.mark.parametrize("check", ENCODER_CHECKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_conformance(family: str, check: str) -> None:
    if check == "vmap" and family not in MASKS:
        assert not loaded(family).vmap
    elif (family, check) in EXCEPTIONS:
        with pytest.raises(AssertionError):
            ENCODER_CHECKS[check](subject(family))
    else:
        ENCODER_CHECKS[check](subject(family))


def test_second_derivatives_of_t5_are_right_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.t5.modeling_t5 import T5LayerNorm

    def exact(norm: Any, states: torch.Tensor) -> torch.Tensor:
        return norm.weight * states * (states.square().mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()

    before = embed(loaded("t5"), SAMPLES)
    monkeypatch.setattr(T5LayerNorm, "forward", exact)
    torch.testing.assert_close(embed(loaded("t5"), SAMPLES), before)
    ENCODER_CHECKS["second_order"](subject("t5"))


def test_every_mapped_family_is_tried_here() -> None:
    assert set(MASKS) <= set(FAMILIES)


def test_padding_does_not_run_out_of_positions() -> None:
    """RoBERTa counts places by tokens that are not padding: 64 of 66 rows serve."""
    encoder = loaded("roberta")
    inputs = encoder.prepare([LONG, LONG * 2, "x"])
    assert inputs["input_ids"].shape == (3, 64)
    assert inputs["truncated"].tolist() == [False, True, False]
    filled = {**inputs, "input_ids": inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, 7)}
    with torch.no_grad():
        assert torch.equal(encoder(filled), encoder(inputs))


def test_the_limit_is_the_smallest_that_is_stated(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = 9
    tokenizer.save_pretrained(save_family("bert", tmp_path / "nine"))
    cut = hf_text(model=str(tmp_path / "nine")).prepare([LONG])
    assert cut["input_ids"].shape == (1, 9)
    assert cut["input_ids"][0, -1] == tokenizer.sep_token_id
    assert hf_text(model=str(tmp_path / "nine"), max_length=30).prepare([LONG])["input_ids"].shape == (1, 30)
    assert loaded("t5").prepare([LONG * 20])["input_ids"].shape == (1, 512)  # none states any
    assert loaded("bert").prepare(["x " * 510, "x " * 511])["truncated"].tolist() == [False, True]


def test_a_length_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KshotError, match="hf-text: max_length 65 is beyond the model's 64 positions"):
        hf_text(model=str(folder("roberta")), max_length=65)
    with pytest.raises(KshotError, match=r"max_length 2 leaves no place for a text .*; take 3 or more"):
        hf_text(model=str(folder("bert")), max_length=2)


def test_loading_says_nothing_and_draws_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging as noise

    before = noise.get_verbosity(), noise.is_progress_bar_enabled()
    hf_text(model=str(folder("bert")))
    assert tuple(capfd.readouterr()) == ("", "")
    assert (noise.get_verbosity(), noise.is_progress_bar_enabled()) == before


def test_weights_of_a_task_serve_without_its_head(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    save_family("bert", tmp_path)
    bert = BertForMaskedLM(BertConfig.from_pretrained(tmp_path))
    bert.save_pretrained(tmp_path)
    encoder = hf_text(model=str(tmp_path))
    assert torch.equal(
        encoder.model.encoder.layer[1].output.dense.weight, bert.bert.encoder.layer[1].output.dense.weight
    )
    assert not any("cls" in name or "pooler" in name for name in encoder.state_dict())


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_family("distilbert", tmp_path / "other")
    save_family("bert", tmp_path / "bert")
    weights = tmp_path / "bert" / "model.safetensors"
    weights.write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(KshotError, match=r"weights there are of another model, \d+ are missing \(such as "):
        hf_text(model=str(tmp_path / "bert"))


def test_a_model_that_reads_no_text_is_refused(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    ViTModel(ViTConfig(**shape, image_size=8, patch_size=4)).save_pretrained(tmp_path)
    with pytest.raises(KshotError, match=r"hf-text: the model there does not read text alone \(ViTModel\)"):
        hf_text(model=str(tmp_path))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    save_family("bert", tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(KshotError, match=r"hf-text: .* has no tokenizer; save the model's own there"):
        hf_text(model=str(tmp_path))


def test_a_tokenizer_of_another_model_is_told(tmp_path: Path) -> None:
    encoder = hf_text(model=str(save_family("bert", tmp_path, vocab_size=20)))
    encoder.prepare(["the"])
    with pytest.raises(DataError, match=r"has token \d+, but the model knows 20: its folder holds another"):
        encoder.prepare(["under every"])


def test_a_model_with_code_of_its_own_runs_with_consent_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_family("bert", tmp_path)
    config = (tmp_path / "config.json").read_text()
    auto = '"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}, "model_type": "own"'
    (tmp_path / "config.json").write_text(config.replace('"model_type": "bert"', auto))
    (tmp_path / "own.py").write_text(
        "from transformers import BertConfig, BertModel\n\n\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n\n\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(KshotError, match="Python code of its own; read it, then set trust_remote_code: true"):
        hf_text(model=str(tmp_path))
    with caplog.at_level(logging.WARNING, "kshot"):
        encoder = hf_text(model=str(tmp_path), trust_remote_code=True)
    assert "Python code of" in caplog.text
    assert "own.py" in caplog.text
    assert not encoder.vmap  # nobody has compared it
    torch.testing.assert_close(embed(encoder, SAMPLES), embed(loaded("bert"), SAMPLES))


HOSTILE = {
    "spaces": " \t\n ",
    "no width": "\u200b\ufeff\u2060",
    "nul": "open\0the file",
    "right to left": "\u202eשלום עולם ‏مرحبا",
    "emoji": "👩‍👩‍👧‍👦 🇨🇿 ✈️ and text",
    "one word of a megabyte": "x" * 2**20,
    "a megabyte of words": "open the file " * 75_000,
    "marks in the text": "[PAD] [CLS] the [SEP]",
    "combining": "e\u0301" * 50,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_odd_texts_are_embedded_alike_alone_and_in_company(family: str, name: str) -> None:
    encoder, text = loaded(family), HOSTILE[name]
    together = embed(encoder, [*SAMPLES, text])
    assert together.isfinite().all()
    torch.testing.assert_close(embed(encoder, [text])[0], together[-1], atol=1e-5, rtol=1e-5)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(DataError, match=r"hf-text: example 1 of the batch has half a character \(U\+D83D\)"):
        loaded("bert").prepare(["x", "smile \ud83d"])


def test_a_text_without_a_token_is_refused(tmp_path: Path) -> None:
    tiny_tokenizer(marks=False).save_pretrained(save_family("bert", tmp_path))
    with pytest.raises(DataError, match="hf-text: example 1 of the batch has no token that the tokenizer"):
        hf_text(model=str(tmp_path)).prepare(["x", " "])


def test_dropout_of_the_folder_is_off(tmp_path: Path) -> None:
    save_family("bert", tmp_path, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    encoder: Any = hf_text(model=str(tmp_path)).train()
    inputs = encoder.prepare(SAMPLES)
    assert torch.equal(encoder(inputs), encoder(inputs))


def test_the_vocabulary_is_what_the_tests_take_it_for() -> None:
    assert tiny_tokenizer(1).pad_token_id == 1
    assert len(tiny_tokenizer()) == len(SPECIAL) + len(set(WORDS)) == len(SPECIAL) + len(WORDS)
