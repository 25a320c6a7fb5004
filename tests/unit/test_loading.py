"""The three roads from positions to tensors give equal episodes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.config import Loading
from kshot.episode import Episodes, Inputs
from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot.loading import (
    ResidentLoader,
    StreamingLoader,
    collate,
    embed_positions,
    encoder_state_hash,
    make_loader,
    resident,
)
from kshot.loading.prepare import trimmed
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder

CPU = torch.device("cpu")


class _Cutting(Encoder):
    """Says that it cut what begins above zero."""

    modality, dim, bound = "toy", 16, -1e9

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        values = torch.stack([torch.as_tensor(one) for one in raw])
        return {"values": values, "truncated": values[:, 0] > 0}

    def forward(self, inputs: Inputs) -> torch.Tensor:
        return inputs["values"]


def test_resident_and_streaming_loaders_agree() -> None:
    source, encoder = Toy(), toy_encoder()
    catalogue = source.catalogue("train")
    sampler = Sampler(catalogue, "train", Shape(5, 2, 3), 0)
    ready = make_loader(source, catalogue, encoder, CPU, Loading())
    streaming = make_loader(source, catalogue, encoder, CPU, Loading(memory_gib=1e-9))
    assert isinstance(ready, ResidentLoader)
    assert isinstance(streaming, StreamingLoader)
    pairs = zip(ready.episodes(sampler, 3, 10, 4), streaming.episodes(sampler, 3, 10, 4), strict=True)
    sizes = []
    for one, other in pairs:
        sizes.append(len(one))
        assert one.classes == other.classes
        for a, b in ((one.support[0], other.support[0]), (one.query[0], other.query[0])):
            assert torch.equal(a.inputs["values"], b.inputs["values"])
            assert torch.equal(a.labels, b.labels)
    assert sizes == [4, 3]


@pytest.mark.parametrize("batches", [0, 1, 3, 100])
def test_how_much_is_gathered_at_once_changes_no_batch(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Toy()
    catalogue, shape = source.catalogue("train"), Shape(5, 2, 3)
    loader = make_loader(source, catalogue, toy_encoder(), CPU, Loading())
    sampler, example = Sampler(catalogue, "train", shape, 0), loader.gather(np.arange(1))["values"]
    monkeypatch.setattr(resident, "_AHEAD", 2 * batches * shape.most_examples * example.nbytes)
    found = list(loader.episodes(sampler, 3, 18, 2))
    assert [len(one) for one in found] == [2] * 7 + [1]
    for one, drawn in zip(found, sampler.drawn(3, 18, 2), strict=True):
        assert torch.equal(one.support[0].inputs["values"], loader.gather(drawn.support)["values"])
        assert torch.equal(one.query[0].inputs["values"], loader.gather(drawn.query)["values"])
        assert one.support[0].labels.tolist() == drawn.support_labels.tolist()
        assert one.query_labels.tolist() == drawn.query_labels.tolist()
        assert [[catalogue.classes[c] for c in row] for row in drawn.classes] == list(map(list, one.classes))


@pytest.mark.slow
def test_streaming_does_not_depend_on_the_number_of_workers() -> None:
    source, encoder = Toy(), toy_encoder()
    sampler = Sampler(source.catalogue("train"), "train", Shape(5, 2, 3), 0)
    alone, helped = (
        list(
            StreamingLoader(source, source.catalogue("train"), encoder, CPU, workers).episodes(
                sampler, 0, 9, 2
            )
        )
        for workers in (0, 2)
    )
    assert len(alone) == len(helped) == 5
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.query[0].inputs["values"], other.query[0].inputs["values"])
        assert torch.equal(one.query_labels, other.query_labels)


UNGUARDED = """
import torch
from kshot.errors import KshotError
from kshot.loading.streaming import StreamingLoader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder

source = Toy()
catalogue = source.catalogue("train")
sampler = Sampler(catalogue, "train", Shape(5, 2, 3), 0)
for workers in (0, 1):
    loader = StreamingLoader(source, catalogue, toy_encoder(), torch.device("cpu"), workers)
    try:
        print(len(list(loader.episodes(sampler, 0, 4, 2))))
    except KshotError as error:
        print(error)
    print(flush=True)
"""


@pytest.mark.parametrize("from_file", [True, False], ids=["without a guard", "from the standard input"])
def test_workers_are_refused_to_a_program_that_they_cannot_run(from_file: bool, tmp_path: Path) -> None:
    """They would run it anew, or look for a file called ``<stdin>``, and torch wait for them."""
    program = tmp_path / "program.py"
    program.write_text(UNGUARDED)
    told = subprocess.run(
        [sys.executable, program] if from_file else [sys.executable],
        input=None if from_file else UNGUARDED,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    assert told.startswith("2\n")
    assert "loading.workers: each worker begins by running the program's file" in told.splitlines()[-2]


class _Wide(Encoder):
    """Prepares by a buffer, and has many weights that preparing needs not."""

    modality, dim = "toy", 16

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.Linear(1000, 1000)
        self.register_buffer("shift", torch.full((16,), 2.0))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        return {"values": torch.stack([torch.as_tensor(one) for one in raw]) + self.shift}

    def forward(self, inputs: Inputs) -> torch.Tensor:
        return inputs["values"]


def test_workers_are_sent_what_preparing_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def loader_of_torch(dataset: Any, **options: Any) -> list[Any]:
        sent.append(pickle.dumps(dataset))
        assert options["num_workers"] == 2
        there = pickle.loads(sent[0])  # noqa: S301 (what this test wrote)
        return [there[number] for number in range(len(there))]

    monkeypatch.setattr("kshot.loading.streaming.DataLoader", loader_of_torch)
    source, encoder = Toy(), _Wide()
    sampler = Sampler(source.catalogue("train"), "train", Shape(5, 2, 3), 0)
    here = StreamingLoader(source, source.catalogue("train"), encoder, CPU, 2)
    for episodes, numbers in zip(here.episodes(sampler, 0, 4, 2), ([0, 1], [2, 3]), strict=True):
        expected = here.batch(sampler, np.asarray(numbers))
        assert torch.equal(episodes.query[0].inputs["values"], expected.query[0].inputs["values"])
    assert len(sent[0]) < 2**20 < encoder.weights.weight.nbytes
    assert encoder.weights.weight.device == CPU


def test_torch_finds_how_to_pin_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a GPU is, all tensors of a batch are copied into memory that it fetches from."""
    from torch.utils.data._utils.pin_memory import pin_memory

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda own: own + 1)
    episodes = Episodes.of(torch.zeros(2, 3), torch.tensor([0, 1]), torch.zeros(2, 3), torch.tensor([0, 1]))
    pinned = pin_memory(episodes)
    assert pinned.classes == episodes.classes
    for block in (*pinned.support, *pinned.query):
        assert block.labels.tolist() == [[1, 2]]
        assert torch.equal(block.inputs["tensor"], torch.ones(1, 2, 3))


def test_episodes_hold_the_examples_that_were_drawn() -> None:
    source, encoder = Toy(), toy_encoder()
    catalogue = source.catalogue("test")
    sampler = Sampler(catalogue, "test", Shape(4, 1, 2), 7)
    loader = make_loader(source, catalogue, encoder, CPU, Loading())
    [episodes] = loader.episodes(sampler, 0, 5, 5)
    drawn = sampler.draw(0, 5)
    for t in range(5):
        for place, position in enumerate(drawn.query[t]):
            expected = source.fetch(int(catalogue.rows[position]))
            assert np.array_equal(episodes.query[0].inputs["values"][t, place].numpy(), expected)
        names = [catalogue.classes[c] for c in drawn.classes[t]]
        assert list(episodes.classes[t]) == names


def test_a_loader_refuses_inputs_of_another_split() -> None:
    with pytest.raises(ValueError, match="holds 3 examples"):
        ResidentLoader(Toy().catalogue("test"), {"values": torch.zeros(3, 16)}, CPU)


def test_collating_pads_on_the_right_with_zeros() -> None:
    joined = collate(
        [{"x": torch.ones(2, 3), "y": torch.ones(2)}, {"x": torch.ones(1, 5), "y": torch.ones(1)}]
    )
    assert joined["x"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert joined["y"].shape == (3,)


def test_trimming_cuts_only_common_padding() -> None:
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]])
    features = torch.ones(2, 4, 5)
    cut = trimmed(
        {"attention_mask": mask, "input_ids": mask * 7, "input_features": features, "other": torch.ones(2, 6)}
    )
    assert cut["input_ids"].tolist() == [[7, 7, 0], [7, 7, 7]]
    assert cut["input_features"].shape == (2, 3, 5)
    assert cut["other"].shape == (2, 6)
    assert trimmed({"attention_mask": mask[None], "input_features": features[None]})[
        "input_features"
    ].shape == (1, 2, 3, 5)
    assert trimmed({"values": torch.ones(2, 4)})["values"].shape == (2, 4)


def test_embedding_by_chunks_equals_one_pass_and_leaves_the_mode() -> None:
    source, encoder = Toy(classes=30, examples=50), toy_encoder()
    loader = make_loader(source, source.catalogue("train"), encoder, CPU, Loading())
    positions = np.arange(1500)[::-1].copy()
    encoder.train()
    found = embed_positions(encoder, loader.gather, positions)
    assert encoder.training
    encoder.eval()
    expected = encoder(loader.gather(positions))
    torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-6)


def test_examples_of_all_lengths_keep_their_places() -> None:
    class Sum(torch.nn.Module):
        def forward(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
            assert inputs["attention_mask"].any(0).all(), "no padding that all share"
            return (inputs["values"] * inputs["attention_mask"]).sum(1, keepdim=True)

    lengths = torch.randint(1, 30, (1500, 1), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(30) < lengths).long()
    values = torch.arange(1500.0)[:, None] * mask

    def gather(positions: np.ndarray) -> dict[str, torch.Tensor]:
        return {"values": values[positions], "attention_mask": mask[positions]}

    positions = np.random.default_rng(0).permutation(1500)
    found = embed_positions(Sum(), gather, positions)
    assert torch.equal(found, values[positions].sum(1, keepdim=True))


def test_the_state_hash_sees_names_shapes_and_values() -> None:
    one, same = toy_encoder(), toy_encoder()
    same.load_state_dict(one.state_dict())
    assert encoder_state_hash(one) == encoder_state_hash(same)
    same.state_dict()["norm.running_mean"][0] += 1
    assert encoder_state_hash(one) != encoder_state_hash(same)


class _Choosy(_Cutting):
    """Refuses the values below a bound."""

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        for number, one in enumerate(raw):
            if float(one[0]) < self.bound:
                raise DataError(f"choosy: example {number} is too small")
        return super().prepare(raw)


def test_an_example_that_an_encoder_refuses_is_named() -> None:
    source, encoder = Toy(), _Choosy()
    catalogue = source.catalogue("train")
    first = sorted((float(source.fetch(int(row))[0]), int(row)) for row in catalogue.rows)
    encoder.bound = (first[0][0] + first[1][0]) / 2
    with pytest.raises(DataError, match=rf"^row {first[0][1]}: choosy: example 0 is too small$"):
        make_loader(source, catalogue, encoder, CPU, Loading())


def test_examples_that_were_cut_are_counted() -> None:
    source = Toy()
    catalogue = source.catalogue("train")
    values = [source.fetch(int(row)) for row in catalogue.rows]
    expected = sum(float(one[0]) > 0 for one in values)
    loader = make_loader(source, catalogue, _Cutting(), CPU, Loading())
    assert 0 < expected < len(values)
    assert loader.truncated == expected
    streaming = make_loader(source, catalogue, _Cutting(), CPU, Loading(memory_gib=1e-9))
    assert streaming.truncated is None
    assert make_loader(source, catalogue, toy_encoder(), CPU, Loading()).truncated == 0
