"""Classifiers from elsewhere, in which whoever changed the file made its digest right again."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from kshot import FewShotClassifier
from kshot.classifier.bundle import _digest
from safetensors import safe_open
from safetensors.torch import save

from tests.classifier.things import texts

from .forms import damaged, forms, odd_names
from .harness import Victim

Tensors = dict[str, torch.Tensor]


def _sound(folder: Path) -> tuple[Tensors, dict[str, Any]]:
    path = folder / "sound.kshot"
    if not path.exists():
        FewShotClassifier("tfidf", unknown=0.1).fit(*texts()).save(path)
    with safe_open(path, framework="pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        return tensors, json.loads(stored.metadata()["kshot"])


def _forged(tensors: Tensors, header: dict[str, Any]) -> bytes:
    """The file with a digest that fits."""
    content = {key: value for key, value in header.items() if key != "digest"}
    header = {**content, "digest": _digest(content, tensors)}
    return save(tensors, metadata={"kshot": json.dumps(header)})


def _put(victim: Victim, content: bytes) -> str:
    path = victim.folder / "given.kshot"
    path.write_bytes(content)
    return str(path)


def test_a_forged_one_that_fits_is_read(victim: Victim) -> None:
    tensors, header = _sound(victim.folder)
    assert victim.ends_well("bundle", path=_put(victim, _forged(tensors, header))).value == ["cook", "sing"]


@pytest.mark.parametrize(
    "options",
    [
        {"trust_remote_code": True},
        {"use_safetensors": False},
        {"image": {"use": "hf-image", "model": "a/b", "trust_remote_code": True}},
        {"text": {"use": "hf-text:a/b", "settings": [{"use_safetensors": None}]}},
        {"trust_remote_code": "false"},
    ],
)
@pytest.mark.parametrize("part", ["encoder", "learner"])
def test_it_may_not_ask_for_code_however_deep(victim: Victim, options: dict[str, Any], part: str) -> None:
    tensors, header = _sound(victim.folder)
    header["recipe"][part] = {"use": "joint", "options": options}
    ending = victim.ends_well("bundle", path=_put(victim, _forged(tensors, header)))
    assert "which a file may not ask for" in ending.message


def test_embeddings_that_are_not_the_encoders(victim: Victim) -> None:
    """The learner would compute with the ones, explanations with the others."""
    tensors, header = _sound(victim.folder)
    tensors["support/embedding"] = tensors["embeddings"].flip(0)
    ending = victim.ends_well("bundle", path=_put(victim, _forged(tensors, header)))
    assert "what the learner sees are other embeddings" in ending.message


def test_embeddings_of_another_width(victim: Victim) -> None:
    tensors, header = _sound(victim.folder)
    tensors["embeddings"] = tensors["embeddings"][:, 1:].clone()
    ending = victim.ends_well("bundle", path=_put(victim, _forged(tensors, header)))
    assert "the classifier's embeddings have" in ending.message


_ONE = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'

HEADERS: dict[str, Any] = {
    "longer than the file": struct.pack("<Q", 2**40) + b"{}",
    "the longest number": struct.pack("<Q", 2**64 - 1) + b"{}",
    "empty": struct.pack("<Q", 0),
    "no JSON": struct.pack("<Q", 4) + b"\xff\xff\xff\xff",
    "deep": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "huge shape": b'{"a":{"dtype":"F32","shape":[4294967295,4294967295],"data_offsets":[0,4]}}',
    "shape beyond 64 bits": b'{"a":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,4]}}',
    "negative": b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
    "overlapping": b'{"a":' + _ONE + b',"b":' + _ONE + b"}",
    "a name twice": b'{"a":' + _ONE + b',"a":' + _ONE.replace(b"F32", b"U32") + b"}",
    "a dtype that is none": b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}',
    "no elements": b'{"embeddings":{"dtype":"F32","shape":[0,9999999999],"data_offsets":[0,0]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie(victim: Victim, name: str) -> None:
    content = HEADERS[name]
    if content[:1] == b"{":
        content = struct.pack("<Q", len(content)) + content + b"\0" * 4
    assert victim.ends_well("bundle", path=_put(victim, content)).end == "refused"


_NUMBERS = [
    torch.zeros(()),
    torch.zeros(0),
    torch.zeros(0, 2**40),
    torch.full((15, 3), float("nan")),
    torch.zeros(15, 3, dtype=torch.float64),
    torch.zeros(15, 3, dtype=torch.bfloat16),
    torch.zeros(15, 3, dtype=torch.complex64),
    torch.zeros(15, dtype=torch.bool),
    torch.zeros(15, 3, dtype=torch.float8_e4m3fn),
    torch.full((15, 9), 2**62, dtype=torch.int64),
    torch.full((15,), -1, dtype=torch.int64),
]


def _values() -> st.SearchStrategy[Any]:
    plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | odd_names
    return st.recursive(
        plain, lambda one: st.lists(one, max_size=3) | st.dictionaries(odd_names, one, max_size=3)
    )


@st.composite
def _changes(draw: st.DrawFn) -> list[tuple[str, int, Any]]:
    """Which part of a sound file is to be what instead."""
    part = st.sampled_from(["tensor", "header", "recipe", "parameter", "missing", "labels", "extra"])
    change = st.tuples(part, st.integers(0, 50), _values())
    return draw(st.lists(change, min_size=1, max_size=3))


@forms(20, 300, changes=_changes())
def forged(victim: Victim, changes: list[tuple[str, int, Any]]) -> None:
    tensors, header = _sound(victim.folder)
    for part, number, value in changes:
        name = sorted(tensors)[number % len(tensors)] if tensors else "embeddings"
        other = _NUMBERS[number % len(_NUMBERS)].clone()  # a file's tensors share no memory
        inner = sorted(header["recipe"]) if isinstance(header.get("recipe"), dict) else []
        given = sorted(header["parameters"]) if isinstance(header.get("parameters"), dict) else []
        match part:
            case "tensor":
                tensors[name] = other
            case "extra":
                tensors[f"learner/{number}"] = other
            case "missing":
                tensors.pop(name, None)
            case "labels":
                header["labels"] = [str(value)] * len(header.get("labels") or [])
            case "recipe" if inner:
                header["recipe"][inner[number % len(inner)]] = value
            case "parameter" if given:
                header["parameters"][given[number % len(given)]] = value
            case _:
                header[sorted(header)[number % len(header)]] = value
    try:
        content = _forged(tensors, header)
    except (ValueError, TypeError):  # no JSON, which could not be written either
        return
    victim.ends_well("bundle", path=_put(victim, content))


@st.composite
def _bytes(draw: st.DrawFn) -> int:
    return draw(st.integers(0, 2**31))


@forms(12, 200, number=_bytes(), piece=damaged([b"{}" * 40, b"\xff" * 80]))
def damaged_bytes(victim: Victim, number: int, piece: bytes) -> None:
    tensors, header = _sound(victim.folder)
    content = bytearray(_forged(tensors, header))
    place = number % len(content)
    content[place : place + len(piece) % 40] = piece[: len(piece) % 40]
    victim.ends_well("bundle", path=_put(victim, bytes(content)))


test_forged, test_forged_at_length = forged
test_damaged_bytes, test_damaged_bytes_at_length = damaged_bytes
