"""The strip encoder: widths that go along, nothing but the strip itself seen, a word read in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError
from kshot_image.encoders.crnn import crnn
from PIL import Image


def strip(width: int, height: int = 24, seed: int = 0) -> Image.Image:
    grey = np.random.Generator(np.random.Philox(key=seed)).integers(0, 256, (height, width))
    return Image.fromarray(grey.astype(np.uint8))


def test_pictures_come_as_columns_of_one_height() -> None:
    inputs = crnn(height=16).prepare([strip(32, 32), strip(96, 32)])
    assert tuple(inputs["pixel_values"].shape) == (2, 48, 16)
    assert inputs["attention_mask"].sum(1).tolist() == [16, 48]
    whole = strip(20, 16)
    columns = crnn(height=16).prepare([whole])["pixel_values"][0]
    np.testing.assert_array_equal(columns.numpy().T, np.asarray(whole))


def test_what_is_cut_is_told() -> None:
    inputs = crnn(height=8, longest=10).prepare([strip(10, 8), strip(11, 8)])
    assert inputs["truncated"].tolist() == [False, True]
    assert inputs["pixel_values"].shape[1] == 10


def test_a_line_of_any_length_costs_no_more_than_what_counts_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = crnn(height=8, longest=10)
    resize, widths = Image.Image.resize, []

    def watched(image: Image.Image, size: tuple[int, int], *options: Any) -> Image.Image:
        widths.append(size[0])
        return resize(image, size, *options)

    monkeypatch.setattr(Image.Image, "resize", watched)
    inputs = encoder.prepare([Image.new("L", (100_000, 1), "white")])
    assert max(widths) <= 16
    assert inputs["truncated"].tolist() == [True]
    assert inputs["pixel_values"].shape == (1, 10, 8)
    long, cut = strip(400, 16), strip(400, 16).crop((0, 0, 40, 16))
    both = encoder.prepare([long, cut])["pixel_values"].int()
    assert (both[0] - both[1]).abs().max() <= 1


def test_paper_ink_and_contrast_do_not_matter() -> None:
    grey = np.asarray(strip(40)).astype(float)
    faint = Image.fromarray((100 + 0.25 * grey).round().astype(np.uint8))
    torch.manual_seed(0)
    encoder = crnn().double().eval()
    inputs = encoder.prepare([Image.fromarray(grey.astype(np.uint8)), faint])
    plain, pale = encoder(inputs)
    assert torch.cosine_similarity(plain, pale, dim=0) > 0.999


@pytest.mark.parametrize("width", range(8, 17))
def test_an_embedding_does_not_depend_on_the_longest_of_its_batch(width: int) -> None:
    torch.manual_seed(0)
    encoder = crnn(width=4).double().eval()
    one = strip(width, seed=width)
    alone = encoder(encoder.prepare([one]))[0]
    for longer in range(width + 1, width + 9):
        beside = encoder(encoder.prepare([one, strip(longer)]))[0]
        torch.testing.assert_close(beside, alone)


def test_letters_in_another_order_are_another_word() -> None:
    torch.manual_seed(0)
    encoder = crnn().eval()
    image = strip(64)
    turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    plain, mirrored = encoder(encoder.prepare([image, turned]))
    assert not torch.allclose(plain, mirrored, atol=1e-3)


def test_a_blank_strip_has_a_finite_gradient() -> None:
    encoder = crnn(width=4)
    encoder(encoder.prepare([Image.new("L", (30, 24), "white"), strip(20)])).sum().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in encoder.parameters())


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(DataError, match=r"crnn: example 1 of the batch is a str, not a PIL image"):
        crnn().prepare([strip(9), "word"])
