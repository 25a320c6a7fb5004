"""The joint encoder: towers chosen by the inputs, what trains in them, what is embedded once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from kshot.config import Loading, Pretrain
from kshot.encoders import Joint, select_trainable
from kshot.errors import CellError, DataError
from kshot.functional import EpisodicBatchNorm, Pass, embed, embed_jointly
from kshot.interfaces import Encoder, Sensed
from kshot.learners.maml import MAML
from kshot.loading import (
    PartedLoader,
    ResidentLoader,
    SensedSource,
    StreamingLoader,
    embed_examples,
    make_loader,
)
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.sources import Aligned
from kshot.testing.senses import Hearing, Seeing, Sense, crossmodal_subject, joint, sensed
from kshot.training import pretrain
from kshot.training.objectives import Pairs

CPU = torch.device("cpu")


def flat(sense: str) -> list[Sensed]:
    return [one for some in sensed(sense, classes=6) for one in some]


def pair(**options: Any) -> Aligned:
    parts = {"a": Sense(sense="seen", noise=0.1), "b": Sense(sense="heard", noise=0.1)}
    return Aligned(of=parts, **options)


def loaders(source: Aligned, encoder: Encoder, split: Any = "train") -> PartedLoader:
    parts = [
        make_loader(SensedSource(part), part.catalogue(split), encoder, CPU, Loading())
        for part in source.parts.values()
    ]
    return PartedLoader(source.catalogue(split), parts)


def test_inputs_choose_the_tower() -> None:
    encoder = joint().eval()
    seen, heard = (encoder.prepare(flat(sense)) for sense in ("seen", "heard"))
    assert set(seen) == {"values", "modality.seen"}
    assert set(heard) == {"values", "attention_mask", "modality.heard"}
    assert encoder(seen).shape == encoder(heard).shape == (48, 16)
    assert torch.allclose(encoder(heard).norm(dim=1), torch.tensor(4.0))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([Sensed("smelt", 1)], "has no tower for smelt .it has: seen, heard.; add `smelt: ENCODER`"),
        ([flat("seen")[0], flat("heard")[0]], "examples of seen and heard in one batch"),
        ([flat("seen")[0].raw], "prepares Sensed.modality, example., not a bare ndarray"),
    ],
)
def test_examples_that_no_tower_takes_are_refused(raw: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        joint().prepare(raw)


def test_inputs_without_a_tower_are_refused() -> None:
    seen = joint().prepare(flat("seen"))
    deaf = Joint(of={"heard": Hearing()})
    with pytest.raises(ValueError, match="has towers for heard, and was given seen"):
        deaf(seen)
    with pytest.raises(ValueError, match="inputs values do not tell their modality"):
        deaf({"values": seen["values"]})


@pytest.mark.parametrize(
    ("of", "dim", "message"),
    [
        ({}, 8, "needs a tower at least"),
        ({"heard": Seeing()}, 8, "the tower of heard is a Seeing for seen"),
        ({"seen": Seeing(dim=4), "heard": Hearing()}, None, "must agree, not seen 4, heard 16; set dim"),
    ],
)
def test_towers_that_do_not_fit_are_refused(of: Any, dim: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Joint(of=of, dim=dim)


def test_pretrained_towers_need_no_projection() -> None:
    towers = {"seen": Seeing(), "heard": Hearing()}
    for one in towers.values():
        one.pretrained = True
        one.requires_grad_(False)
    bare = Joint(of=towers, dim=None)
    assert bare.pretrained
    assert [name for name, _ in bare.named_parameters() if not name.startswith("towers.")] == ["log_length"]
    assert not Joint(of=towers, dim=8).pretrained
    seen = bare.prepare(flat("seen"))
    cosines = torch.nn.functional.cosine_similarity(bare.eval()(seen), towers["seen"].eval()(seen), dim=1)
    assert torch.allclose(cosines, torch.ones(48))


def test_what_is_frozen_in_a_tower_stays_whatever_trains() -> None:
    seeing = Seeing().requires_grad_(False)
    encoder = Joint(of={"seen": seeing, "heard": Hearing()}, dim=8)
    groups = encoder.parameter_groups()
    assert set(groups["last"]) == {
        name for name, _ in encoder.named_parameters() if not name.startswith("towers.")
    }
    select_trainable(encoder, "all")
    assert not any(one.requires_grad for one in seeing.parameters())
    assert all(one.requires_grad for one in encoder.tower("heard").parameters())
    assert encoder.stays("seen")
    assert not encoder.stays("heard")
    norm = next(one for one in seeing.modules() if isinstance(one, EpisodicBatchNorm))
    before = norm.running_mean.clone() if norm.running_mean is not None else torch.empty(0)
    encoder.train()
    episodes = crossmodal_subject().episodes()
    embed(encoder, [block.inputs for block in episodes.support], Pass(3, own=True))
    assert norm.running_mean is not None
    assert torch.equal(norm.running_mean, before)


def test_embedded_towers_give_what_the_towers_gave() -> None:
    encoder = joint().eval()
    over = encoder.over(["heard"])
    heard, seen = encoder.prepare(flat("heard")), encoder.prepare(flat("seen"))
    embedding = encoder.tower("heard")({"values": heard["values"], "attention_mask": heard["attention_mask"]})
    assert torch.equal(
        over({"embedding": embedding, "modality.heard": heard["modality.heard"]}), encoder(heard)
    )
    assert torch.equal(over(seen), encoder(seen))
    assert over.project["heard"] is encoder.project["heard"]


def test_blocks_of_like_inputs_pass_together() -> None:
    """So the statistics of a class seen on both sides are those of both."""
    subject = crossmodal_subject("seen", "seen")
    encoder, episodes = subject.encoder().train(), subject.episodes()
    block = episodes.support[0]
    halves = [
        {name: leaf[:, part] for name, leaf in block.inputs.items()} for part in (slice(0, 2), slice(2, None))
    ]
    whole = embed_jointly(encoder, [block.inputs], episodes.query_inputs)
    parted = embed_jointly(encoder, halves, episodes.query_inputs)
    for one, other in zip(whole, parted, strict=True):
        torch.testing.assert_close(one, other)


def test_norms_of_a_modality_that_only_queries_have_learn_from_these() -> None:
    subject = crossmodal_subject("heard", "seen")
    learner = MAML(subject.encoder(), way=3, inner_steps=1).train()
    norm = next(one for one in learner.encoder.modules() if isinstance(one, EpisodicBatchNorm))
    assert norm.running_mean is not None
    learner.loss(subject.episodes()).backward()
    assert float(norm.running_mean.abs().max()) > 0
    learner.eval()
    adapted = learner.adapt(subject.episodes().support)
    query = subject.episodes().query_inputs
    few = tuple({name: leaf[:, :3] for name, leaf in block.items()} for block in query)
    torch.testing.assert_close(adapted(few), adapted(query)[:, :3])


def test_episodes_have_a_block_for_each_part() -> None:
    source = pair(support={"a": 1, "b": 2}, query="b", directions="one")
    encoder = joint()
    loader = loaders(source, encoder)
    sampler = Sampler(loader.catalogue, "train", Shape(4, 3, 2), 0)
    (episodes,) = loader.episodes(sampler, 0, 5, 5)
    assert [block.labels.shape for block in episodes.support] == [(5, 4), (5, 8)]
    assert ["modality.seen" in block.inputs for block in episodes.support] == [True, False]
    assert [block.labels.shape for block in episodes.query] == [(5, 8)]
    for block in episodes.support:
        assert (torch.bincount(block.labels.flatten()) == block.labels.numel() // 4).all()


def test_streaming_gives_the_episodes_of_the_resident_road() -> None:
    source = pair(support={"a": 1, "b": 1}, query="a")
    encoder = joint().eval()
    catalogue = source.catalogue("train")
    sampler = Sampler(catalogue, "train", Shape(3, 2, 2), 0)
    resident = next(loaders(source, encoder).episodes(sampler, 0, 4, 4))
    streamed = next(StreamingLoader(source, catalogue, encoder, CPU, 0).episodes(sampler, 0, 4, 4))
    for one, other in zip(
        (*resident.support, *resident.query), (*streamed.support, *streamed.query), strict=True
    ):
        assert torch.equal(one.labels, other.labels)
        for name in one.inputs:
            torch.testing.assert_close(one.inputs[name], other.inputs[name])


def test_examples_of_several_parts_are_embedded_in_their_order() -> None:
    source, encoder = pair(), joint().eval()
    loader = loaders(source, encoder)
    positions = torch.randperm(len(loader.catalogue))[:40].numpy()
    together = embed_examples(encoder, loader, positions)
    for place, position in enumerate(positions):
        alone = embed_examples(encoder, loader, positions[place : place + 1])
        torch.testing.assert_close(together[place], alone[0])
        del position
    with pytest.raises(ValueError, match="examples of 2 parts cannot be one batch"):
        loader.gather(positions)


def test_pairs_are_of_one_class_and_classes_of_a_batch_differ() -> None:
    source = pair()
    objective = Pairs(loaders(source, joint()), 8)
    catalogue = source.catalogue("train")
    assert catalogue.blocks
    batches = list(objective.batches(0, 0))
    assert len(batches) == objective.count(0) == 360 // 8
    for batch in batches:
        assert (catalogue.blocks.of[batch] == [[0], [1]]).all()
        labels = catalogue.labels[batch]
        assert (labels[0] == labels[1]).all()
        assert len(set(labels[0])) == 8
    assert all((one == two).all() for one, two in zip(batches, objective.batches(0, 0), strict=True))


def test_pairing_brings_unseen_classes_together() -> None:
    source = pair()
    torch.manual_seed(0)
    encoder = joint()
    pretrain(encoder, loaders(source, encoder), Pretrain(epochs=10, learning_rate=0.003), "linear", 0)
    test = loaders(source, encoder.eval(), "test")
    blocks, labels = test.catalogue.blocks, test.catalogue.labels
    assert blocks
    sides = [embed_examples(encoder, test, (blocks.of == part).nonzero()[0]) for part in range(2)]
    means = [torch.stack([side[k * 12 : (k + 1) * 12].mean(0) for k in range(10)]) for side in sides]
    nearest = torch.cdist(*means).argmin(1)
    assert int((nearest == torch.arange(10)).sum()) >= 7
    assert len(labels) == 240


def test_pairs_need_several_modalities() -> None:
    part = Sense()
    loader = make_loader(part, part.catalogue("train"), Seeing(), CPU, Loading())
    assert isinstance(loader, ResidentLoader)
    with pytest.raises(CellError, match="pairs needs examples of several modalities"):
        pretrain(Seeing(), loader, Pretrain(objective="pairs"), "linear", 0)
