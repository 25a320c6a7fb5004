"""The transformer from scratch."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.interfaces import Encoder, Source
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_text.encoders.mini_transformer import mini_transformer
from kshot_text.tokens import PAD, UNKNOWN
from torch.func import functional_call, grad, vmap

from .checks import SAMPLES, check_embedding, check_groups, check_independence, check_state_dict, embed


def fitted(texts: list[str], seed: int = 0, **options: float) -> Encoder:
    torch.manual_seed(seed)
    encoder = mini_transformer(**{"vocabulary": 300, "dim": 48, "hidden": 32, **options})
    encoder.fit(texts)
    return encoder


@pytest.fixture(scope="module")
def small(texts: list[str]) -> Encoder:
    return fitted(texts[:300])


def test_what_every_text_encoder_does(small: Encoder) -> None:
    check_embedding(small)
    check_independence(small)
    check_groups(small)


def test_a_state_dict_restores_tokenizer_and_idf(texts: list[str], small: Encoder, tmp_path: Path) -> None:
    other = fitted(texts[300:500], seed=1)
    assert not torch.equal(embed(other, SAMPLES), embed(small, SAMPLES))
    check_state_dict(small, other, tmp_path / "fitted.safetensors")
    never_fitted = mini_transformer(vocabulary=300, dim=48, hidden=32)
    check_state_dict(small, never_fitted, tmp_path / "again.safetensors")


def test_an_unfitted_encoder_says_so_also_after_a_round_trip(tmp_path: Path) -> None:
    encoder = mini_transformer(vocabulary=300, dim=48, hidden=32)
    fresh = mini_transformer(vocabulary=300, dim=48, hidden=32)
    fresh.load_state_dict(encoder.state_dict())
    for one in (encoder, fresh):
        with pytest.raises(KshotError, match=r"mini_transformer has no tokenizer yet: call fit"):
            one.prepare(SAMPLES)


def test_what_is_no_text_is_refused(small: Encoder) -> None:
    with pytest.raises(DataError, match="mini_transformer: example 0 of the batch is a int"):
        small.prepare([3])


def test_fit_sees_the_training_texts_only() -> None:
    encoder = fitted(["red green blue", "red green", "red"])
    inputs = encoder.prepare(["red", "green", "blue"])
    weights = encoder.idf[inputs["input_ids"][:, 0]]
    assert inputs["attention_mask"].sum(1).tolist() == [1, 1, 1]
    expected = torch.log(torch.tensor([4 / 4, 4 / 3, 4 / 2])) + 1
    torch.testing.assert_close(weights, expected)
    assert encoder.idf[[PAD, UNKNOWN]].tolist() == [0, 0]
    assert encoder.prepare(["žž"])["input_ids"].tolist() == [[UNKNOWN, UNKNOWN]]


def test_the_embedding_is_what_the_docstring_says(small: Encoder) -> None:
    """With c = 0 a normalised, idf-weighted mean of rows of the wide table."""
    torch.manual_seed(0)
    bag = mini_transformer(vocabulary=300, dim=48, hidden=32, context=0)
    bag.load_state_dict(small.state_dict())
    numbers = small.prepare(SAMPLES[:1])["input_ids"][0]
    mean = (small.idf[numbers, None] * small.wide(numbers)).sum(0) / small.idf[numbers].sum()
    expected = 4.5 * mean / mean.norm()
    torch.testing.assert_close(embed(bag, SAMPLES[:1])[0], expected.detach(), atol=1e-5, rtol=0)
    assert not torch.allclose(embed(small, SAMPLES[:1])[0], expected, atol=1e-2)


def test_word_order_matters_to_the_context_only(small: Encoder) -> None:
    one, other = embed(small, ["open the file", "file the open"])
    assert not torch.allclose(one, other, atol=1e-3)
    assert torch.cosine_similarity(one, other, dim=0) > 0.9


def test_all_embeddings_have_one_length(small: Encoder) -> None:
    torch.testing.assert_close(embed(small, SAMPLES).norm(dim=1), torch.full((4,), 4.5))


def test_a_text_without_tokens_is_harmless(small: Encoder) -> None:
    result = small(small.prepare(["", "žž", "a word"]))
    assert not result[:2].any()
    small.zero_grad()
    result.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in small.parameters())


def test_every_parameter_has_a_gradient(texts: list[str]) -> None:
    encoder = fitted(texts[:100])
    embedded = encoder(encoder.prepare(SAMPLES))
    (embedded @ torch.randn(encoder.dim, generator=torch.Generator().manual_seed(0))).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_an_inner_loop_has_second_derivatives_alone_and_in_parallel(small: Encoder) -> None:
    exact = copy.deepcopy(small).double()
    inputs = {name: leaf.reshape(2, 2, -1) for name, leaf in exact.prepare(SAMPLES).items()}
    parameters = {name: value.detach().requires_grad_() for name, value in exact.named_parameters()}
    target = torch.randn(exact.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loss(weights: dict[str, torch.Tensor], numbers: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        embedded = functional_call(exact, weights, ({"input_ids": numbers, "attention_mask": mask},))
        return (embedded @ target).square().mean()

    def adapted(numbers: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        gradient = grad(loss)(parameters, numbers, mask)
        moved = {name: value - 0.1 * gradient[name] for name, value in parameters.items()}
        return loss(moved, numbers, mask)

    leaves = (inputs["input_ids"], inputs["attention_mask"])
    parallel = vmap(adapted)(*leaves)
    alone = torch.stack([adapted(*(leaf[task] for leaf in leaves)) for task in range(2)])
    torch.testing.assert_close(parallel, alone)
    for one, other in zip(
        torch.autograd.grad(parallel.sum(), list(parameters.values())),
        torch.autograd.grad(alone.sum(), list(parameters.values())),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_augmentation_drops_tokens_by_its_generator_and_never_all(small: Encoder, texts: list[str]) -> None:
    inputs = small.prepare(["x", *texts[:200]])
    one, other = (small.augment(inputs, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one["attention_mask"], other["attention_mask"])
    assert torch.equal(one["input_ids"], inputs["input_ids"])
    share = one["attention_mask"].sum() / inputs["attention_mask"].sum()
    assert 0.67 < share < 0.73
    assert one["attention_mask"].any(dim=1).all()
    assert small.augments
    assert not mini_transformer(vocabulary=300, word_dropout=0).augments


def test_dropped_tokens_do_not_reach_the_embedding(small: Encoder) -> None:
    inputs = small.prepare(SAMPLES)
    kept = small.augment(inputs, torch.Generator().manual_seed(0))
    scrambled = {**kept, "input_ids": torch.where(kept["attention_mask"] == 0, 7, kept["input_ids"])}
    with torch.no_grad():
        torch.testing.assert_close(small(scrambled), small(kept), atol=1e-5, rtol=0)


def test_training_mode_draws_nothing_from_the_global_state(small: Encoder) -> None:
    inputs = small.prepare(SAMPLES)
    state = torch.get_rng_state()
    small.train()
    first, second = small(inputs), small(inputs)
    small.eval()
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_training_on_other_modules_helps_on_unseen_ones(pydocs: Source, texts: list[str]) -> None:
    torch.manual_seed(0)
    encoder = mini_transformer()
    encoder.fit(texts)
    before = accuracy(encoder, pydocs)
    train(encoder, pydocs, texts, steps=100)
    after = accuracy(encoder, pydocs)
    assert before > 0.2 + 0.15
    assert after > before + 0.015


def train(encoder: Encoder, source: Source, texts: list[str], steps: int) -> None:
    inputs, generator = encoder.prepare(texts), torch.Generator().manual_seed(0)
    sampler = Sampler(source.catalogue("train"), "train", Shape(5, 1, 5), 0)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    for step in range(steps):
        drawn = sampler.draw(4 * step, 4 * step + 4)
        positions = torch.from_numpy(np.concatenate([drawn.support, drawn.query], axis=1)).reshape(-1)
        batch = encoder.augment({name: leaf[positions] for name, leaf in inputs.items()}, generator)
        support, query = encoder(batch).reshape(4, 30, -1).split([5, 25], dim=1)
        order = torch.from_numpy(drawn.support_labels).argsort(dim=1)
        prototypes = support.gather(1, order[:, :, None].expand(-1, -1, encoder.dim))
        logits = -torch.cdist(query, prototypes).square()
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), torch.from_numpy(drawn.query_labels).flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def accuracy(encoder: Encoder, source: Source) -> float:
    """Nearest prototype at 5-way 1-shot on 300 test episodes."""
    catalogue = source.catalogue("test")
    embedded = embed(encoder, [source.fetch(int(row)) for row in catalogue.rows])
    drawn = Sampler(catalogue, "test", Shape(5, 1, 15), 1).draw(0, 300)
    nearest = torch.cdist(embedded[drawn.query], embedded[drawn.support]).argmin(dim=2)
    guessed = torch.from_numpy(drawn.support_labels).gather(1, nearest)
    return float((guessed == torch.from_numpy(drawn.query_labels)).float().mean())
