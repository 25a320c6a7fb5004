"""The modified Hausdorff distance against its formula, by hand and by loops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import kshot_image.hausdorff as hausdorff
import pytest
import torch
from kshot.config import Loading
from kshot.encoders import Embedded
from kshot.episode import Examples
from kshot.errors import CellError
from kshot.evaluation import evaluate
from kshot.interfaces import Source
from kshot.loading import make_loader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import LearnerConformance, Subject, learner_factory
from kshot_image.encoders.conv4 import conv4
from kshot_image.encoders.pixels import pixels
from kshot_image.hausdorff import ModifiedHausdorff
from PIL import Image, ImageDraw
from torch import Tensor

Points = Sequence[tuple[int, int]]
SIDE = 7


def picture(points: Points, dtype: torch.dtype = torch.float32) -> Tensor:
    """(SIDE * SIDE,) paper 0, ink 1 at (row, column)."""
    paper = torch.zeros(SIDE, SIDE, dtype=dtype)
    for row, column in points:
        paper[row, column] = 1
    return paper.flatten()


def learner(side: int = SIDE) -> ModifiedHausdorff:
    return ModifiedHausdorff(Embedded("image", side * side))


def logits(support: Tensor, labels: Tensor, query: Tensor, way: int) -> Tensor:
    """(T, S, P), (T, S) and (T, Q, P) → (T, Q, way)."""
    one = learner(math.isqrt(support.shape[-1]))
    return one.adapt((Examples({"embedding": support}, labels, way),))(({"embedding": query},))


def distances(a: Sequence[Points], b: Sequence[Points], dtype: torch.dtype = torch.float64) -> Tensor:
    """(len(a), len(b)): each of ``b`` is a class of one picture."""
    support = torch.stack([picture(one, dtype) for one in b])[None]
    query = torch.stack([picture(one, dtype) for one in a])[None]
    return -logits(support, torch.arange(len(b))[None], query, len(b))[0]


LINE = [(0, 0), (0, 2)]  # around its mean: (0, -1), (0, 1)
UPRIGHT = [(2, 4), (4, 4)]  # (-1, 0), (1, 0)
DOT = [(5, 5)]
UNEVEN = [(1, 1), (1, 2), (1, 6)]  # (0, -2), (0, -1), (0, 3)


def test_distances_by_hand() -> None:
    found = distances([LINE, DOT, UNEVEN], [UPRIGHT, DOT, LINE])
    root = math.sqrt(5)
    expected = [
        [math.sqrt(2), 1.0, 0.0],  # each end of the line is √2 from each end of the other, 1 from the dot
        [1.0, 0.0, 1.0],
        # to the upright √5, √2, √10 and back √2, √2; to the dot 2, 1, 3 and back 1; to the line 1, 0, 2 and
        # back 0, 2 (from the right end both -1 and 3 are 2 away)
        [(root + math.sqrt(2) + math.sqrt(10)) / 3, 2.0, 1.0],
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def by_loops(a: Tensor, b: Tensor) -> float:
    """The formula for two pictures (side * side,)."""
    side = math.isqrt(len(a))
    one, other = ([(float(i // side), float(i % side)) for i in range(len(x)) if x[i] > 0.5] for x in (a, b))

    def centred(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        y, x = (sum(p[k] for p in points) / len(points) for k in (0, 1))
        return [(p[0] - y, p[1] - x) for p in points]

    def directed(these: list[tuple[float, float]], those: list[tuple[float, float]]) -> float:
        return sum(min(math.dist(p, q) for q in those) for p in these) / len(these)

    one, other = centred(one), centred(other)
    return max(directed(one, other), directed(other, one))


def random_pictures(count: int, episodes: int, side: int, seed: int) -> Tensor:
    """(episodes, count, side * side) greys whose share of ink differs from picture to picture."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(episodes, count, 1, generator=generator, dtype=torch.float64) * 0.5 + 0.1
    ink = torch.rand(episodes, count, side * side, generator=generator, dtype=torch.float64) < share
    ink[..., 0] = True
    return ink.double() * 0.9 + 0.02


@pytest.mark.parametrize("numbers", [1, 500, 2**20], ids=lambda n: f"{n}-at-a-time")
def test_random_pictures_equal_the_loops(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hausdorff, "NUMBERS", numbers)
    support, query = random_pictures(4, 3, 9, 0), random_pictures(5, 3, 9, 1)
    labels = torch.stack([torch.randperm(4, generator=torch.Generator().manual_seed(t)) for t in range(3)])
    found = logits(support, labels, query, 4)
    for t in range(3):
        for q in range(5):
            for s in range(4):
                expected = -by_loops(query[t, q], support[t, s])
                assert float(found[t, q, labels[t, s]]) == pytest.approx(expected, abs=1e-9)


def test_of_several_pictures_of_a_class_the_nearest_counts() -> None:
    support, query = random_pictures(6, 2, 6, 2), random_pictures(3, 2, 6, 3)
    labels = torch.tensor([[0, 1, 1, 2, 1, 2], [2, 2, 2, 2, 1, 0]])
    found = logits(support, labels, query, 3)
    for t in range(2):
        for q in range(3):
            each = [by_loops(query[t, q], one) for one in support[t]]
            expected = [-min(d for d, k in zip(each, labels[t], strict=True) if k == way) for way in range(3)]
            assert found[t, q].tolist() == pytest.approx(expected, abs=1e-9)


def test_a_shifted_picture_is_no_distance_away() -> None:
    shifted = [(row + 1, column + 3) for row, column in [(0, 0), (1, 2), (3, 3)]]
    found = distances([shifted], [[(0, 0), (1, 2), (3, 3)], DOT])
    assert float(found[0, 0]) == pytest.approx(0, abs=1e-12)


def test_a_blank_picture_is_far_from_all_but_blanks() -> None:
    found = distances([[], DOT], [[], DOT, LINE])
    assert found.isfinite().all()
    assert float(found[0, 0]) == float(found[1, 1]) == 0
    assert (found[[0, 0, 1], [1, 2, 0]] > 1e5).all()


def test_equal_pictures_tie() -> None:
    found = distances([LINE], [LINE, LINE, LINE])
    assert (found == found[0, 0]).all()


def test_float32_and_autocast_agree_with_float64() -> None:
    support, query = random_pictures(4, 2, 20, 4), random_pictures(4, 2, 20, 5)
    labels = torch.arange(4).expand(2, 4).contiguous()
    exact = logits(support, labels, query, 4)
    single = logits(support.float(), labels, query.float(), 4)
    torch.testing.assert_close(single.double(), exact, rtol=1e-5, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(logits(support.float(), labels, query.float(), 4), single, rtol=0, atol=0)


def test_other_embeddings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"147 numbers is no square picture.*encoder 'pixels'"):
        ModifiedHausdorff(pixels(size=7, channels=3))
    with pytest.raises(CellError, match=r"reads pixels from 0 .* pair it with the encoder 'pixels'"):
        logits(torch.randn(1, 2, 49), torch.tensor([[0, 1]]), torch.rand(1, 1, 49), 2)
    assert ModifiedHausdorff(conv4(width=4, size=16)).encoder.dim == 4, "a square number passes at first"


def test_it_goes_through_evaluation_with_the_encoder_pixels(letters: Source) -> None:
    encoder = pixels(size=28)
    catalogue = letters.catalogue("test")
    loader = make_loader(letters, catalogue, encoder, torch.device("cpu"), Loading())
    sampler = Sampler(catalogue, "test", Shape(5, 1, 2), seed=1)
    [scored] = evaluate(ModifiedHausdorff(encoder), loader, [sampler], 20)
    batch = next(iter(loader.episodes(sampler, 0, 20, 20)))
    plain = ModifiedHausdorff(encoder).adapt(batch.support)(batch.query_inputs)
    hits = (plain.argmax(-1) == batch.query_labels).double().mean(1)
    torch.testing.assert_close(torch.from_numpy(scored.outcomes.accuracy), hits)
    assert scored.accuracy.mean > 0.4


def test_nothing_is_learnt() -> None:
    one = learner()
    assert not one.trains
    assert not list(one.parameters())
    assert not one.adapts_encoder


def raw() -> list[list[Image.Image]]:
    """Six characters of a few strokes, eight drawings of each, shifted."""
    drawings: list[list[Image.Image]] = []
    for label in range(6):
        generator = torch.Generator().manual_seed(label)
        strokes = torch.randint(4, 24, (4, 2, 2), generator=generator)
        shifts = torch.randint(-2, 3, (8, 2), generator=generator)
        drawings.append([drawn((strokes + shift).tolist()) for shift in shifts])
    return drawings


def drawn(strokes: list[list[list[int]]]) -> Image.Image:
    image = Image.new("L", (28, 28), "white")
    for start, end in strokes:
        ImageDraw.Draw(image).line((*start, *end), fill="black", width=2)
    return image


class TestConformance(LearnerConformance):
    make = learner_factory(ModifiedHausdorff)
    subject = Subject("characters", pixels, raw())
