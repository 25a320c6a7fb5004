"""An encoder's embeddings have the promised shape, and depend on the example alone."""

from __future__ import annotations

from unittest import SkipTest

import torch
import torch.nn.functional as F
from torch import Tensor

from kshot.episode import Inputs
from kshot.interfaces import Encoder
from kshot.testing.expectations import expect, expect_close, expect_finite, name_of
from kshot.testing.outcomes import one_line
from kshot.testing.subject import Subject

MASK = "attention_mask"
"""The input that tells content (not zero) from padding, where examples have different lengths."""

MORE = 9
"""Padding that is added."""


def check_shapes(subject: Subject) -> None:
    """``prepare`` gives CPU tensors of B rows without a graph, ``forward`` finite float32 embeddings (B, dim)
    of them as they are, for one example and for several; modality and width are declared."""
    encoder = subject.encoder().eval()
    who = name_of(encoder, subject)
    width, modality = getattr(encoder, "dim", None), getattr(encoder, "modality", None)
    expect(isinstance(width, int) and width > 0, who, f"dim is {width!r}", "set it to the embedding's width")
    expect(isinstance(modality, str) and bool(modality), who, f"modality is {modality!r}", "name it")
    for count in (1, 5):
        inputs = encoder.prepare(subject.flat[:count])
        odd = [name for name, leaf in inputs.items() if leaf.device.type != "cpu" or len(leaf) != count]
        expect(not odd, who, f"prepare() gives {odd} not as (B, …) on the CPU", "stack the examples there")
        led = [name for name, leaf in inputs.items() if leaf.requires_grad]
        expect(not led, who, f"prepare() gives {led} with a gradient", "compute it under torch.no_grad()")
        # As a run gives them: other checks choose the inputs' type themselves.
        given = {name: leaf.to(subject.device) for name, leaf in inputs.items()}
        try:
            embedded = embed(encoder, given)
        except RuntimeError as error:
            types = ", ".join(f"{name} of {leaf.dtype}" for name, leaf in inputs.items())
            raise AssertionError(
                f"{who}: forward() raises on what prepare() gives, {types}: {one_line(error)}; let floating-point "
                "numbers be float32, as the weights are"
            ) from error
        found = f"{tuple(embedded.shape)} {embedded.dtype}"
        right = tuple(embedded.shape) == (count, width) and embedded.dtype == torch.float32
        expect(right, who, f"embeds {count} examples as {found}", f"give float32 ({count}, dim = {width})")
        expect_finite(embedded, who, "embeddings are not finite", "guard divisions and logarithms")


def check_companions(subject: Subject) -> None:
    """In evaluation mode an example has one embedding: alone, in company, in any order, and
    whatever it was prepared with."""
    encoder = subject.encoder(torch.float64).eval()
    who, mend = name_of(encoder, subject), "reduce over an example's own positions only"
    raw = subject.flat[::7]
    inputs = subject.place(encoder.prepare(raw), torch.float64)
    together = embed(encoder, inputs)
    rows = [{name: leaf[i : i + 1] for name, leaf in inputs.items()} for i in range(len(raw))]
    alone = torch.cat([embed(encoder, row) for row in rows])
    expect_close(alone, together, who, "an example's embedding depends on its companions", mend)
    turned = embed(encoder, {name: leaf.flip(0) for name, leaf in inputs.items()}).flip(0)
    expect_close(turned, together, who, "an example's embedding depends on its place in the batch", mend)
    singly = [embed(encoder, subject.place(encoder.prepare([one]), torch.float64)) for one in raw]
    what = "an example's embedding depends on what it was prepared with"
    mend = "compute each example's inputs from that example, and mask what the batch is padded with"
    tolerance = 1e-4 * float(together.abs().max())  # inputs are prepared in float32
    expect_close(torch.cat(singly), together, who, what, mend, rtol=0, atol=tolerance)


def check_padding(subject: Subject) -> None:
    """More padding on the right, whatever stands in it, changes no embedding."""
    encoder = subject.encoder(torch.float64).eval()
    inputs = subject.place(encoder.prepare(subject.flat[::7]), torch.float64)
    if MASK not in inputs:
        raise SkipTest(f"{name_of(encoder, subject)} pads nothing: its inputs have no '{MASK}'")
    who = name_of(encoder, subject)
    mend = (
        f"use '{MASK}' wherever positions of an example meet, and where their number is the size of another "
        "dimension too, name it otherwise"
    )
    expected = embed(encoder, inputs)
    length = inputs[MASK].shape[1]
    wider = {name: _padded(leaf, length) for name, leaf in inputs.items()}
    try:
        padded = embed(encoder, wider)
    except RuntimeError as error:
        raise AssertionError(f"{who}: with more padding it raises: {one_line(error)}; {mend}") from error
    expect_close(padded, expected, who, "more padding changes an embedding", mend)
    filled = {name: leaf if name == MASK else _filled(leaf, wider[MASK]) for name, leaf in wider.items()}
    expect_close(embed(encoder, filled), expected, who, "what stands in the padding is seen", mend)


@torch.no_grad()
def embed(encoder: Encoder, inputs: Inputs) -> Tensor:
    """(B, …) → (B, dim), without a graph."""
    return encoder(inputs)


def _padded(leaf: Tensor, length: int) -> Tensor:
    """Zeros after dimension 1, where it is as long as the mask."""
    return F.pad(leaf, (*[0, 0] * (leaf.ndim - 2), 0, MORE)) if leaf.shape[1:2] == (length,) else leaf


def _filled(leaf: Tensor, mask: Tensor) -> Tensor:
    """(B, L, …) with ones wherever the mask (B, L) is zero."""
    if leaf.shape[:2] != mask.shape:
        return leaf
    return leaf.masked_fill((mask == 0).reshape(*mask.shape, *[1] * (leaf.ndim - 2)), 1)
