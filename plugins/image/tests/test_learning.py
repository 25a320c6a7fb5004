"""The embedded task is real: pixels do poorly on it, and training teaches it."""

from __future__ import annotations

import pytest
import torch
from kshot.interfaces import Encoder, Source
from kshot.sampling import Drawn, Sampler
from kshot.shapes import Shape
from kshot_image.encoders.conv4 import conv4
from kshot_image.encoders.pixels import pixels
from torch import Tensor
from torch.nn.functional import cross_entropy


def prepared(source: Source, split: str, encoder: Encoder) -> Tensor:
    """(N, …) inputs of a whole split."""
    rows = source.catalogue(split).rows
    return encoder.prepare([source.fetch(int(row)) for row in rows])["pixel_values"]


def logits(encoder: Encoder, inputs: Tensor, drawn: Drawn, way: int) -> Tensor:
    """(T, Q, way) negative squared distances to class means."""
    count, shot = len(drawn), drawn.support.shape[1] // way
    both = torch.cat([torch.from_numpy(one).reshape(-1) for one in (drawn.support, drawn.query)])
    embedded = encoder({"pixel_values": inputs[both]})
    support, query = embedded.split([drawn.support.size, drawn.query.size])
    order = torch.from_numpy(drawn.support_labels).argsort(dim=1, stable=True)
    members = support.view(count, way * shot, -1).gather(1, order[..., None].expand(-1, -1, encoder.dim))
    means = members.view(count, way, shot, -1).mean(2)
    return -torch.cdist(query.view(count, -1, encoder.dim), means).square()


@torch.no_grad()
def accuracy(encoder: Encoder, source: Source, episodes: int) -> float:
    """5-way 1-shot on the test scripts."""
    inputs = prepared(source, "test", encoder.eval())
    sampler = Sampler(source.catalogue("test"), "test", Shape(5, 1, 10), seed=1234)
    hits = [
        (logits(encoder, inputs, drawn, 5).argmax(-1) == torch.from_numpy(drawn.query_labels)).float().mean()
        for drawn in sampler.blocks(episodes, 20)
    ]
    return float(torch.stack(hits).mean())


def test_pixels_are_above_chance_and_far_from_perfect(letters: Source) -> None:
    assert 0.4 < accuracy(pixels(), letters, 200) < 0.6


@pytest.mark.slow
def test_training_teaches_unseen_scripts(letters: Source) -> None:
    torch.manual_seed(0)
    encoder = conv4(width=32)
    inputs = prepared(letters, "train", encoder)
    sampler = Sampler(letters.catalogue("train"), "train", Shape(5, 1, 5), seed=0)
    optimiser = torch.optim.Adam(encoder.parameters(), lr=2e-3)
    for drawn in sampler.blocks(800, 4):
        scores = logits(encoder, inputs, drawn, 5).flatten(0, 1)
        loss = cross_entropy(scores, torch.from_numpy(drawn.query_labels).flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert accuracy(encoder, letters, 200) > 0.82
