"""What every text encoder must do, checked on any of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from kshot.interfaces import Encoder
from safetensors.torch import load_file, save_file
from torch import Tensor

SAMPLES = [
    "Return the value of the key.",
    "Open a file, and read it to the end: one line after the other, as bytes or as text.",
    "x",
    "Raise an error if the socket has been closed by the other side.",
]


def embed(encoder: Encoder, texts: Sequence[str]) -> Tensor:
    encoder.eval()
    with torch.no_grad():
        return encoder(encoder.prepare(texts))


def check_embedding(encoder: Encoder) -> None:
    result = embed(encoder, SAMPLES)
    assert result.shape == (len(SAMPLES), encoder.dim)
    assert result.dtype == torch.float32
    assert result.isfinite().all()


def check_independence(encoder: Encoder) -> None:
    """Alone, in other company, and behind more padding a text has the same embedding."""
    together = embed(encoder, SAMPLES)
    alone = torch.cat([embed(encoder, [text]) for text in SAMPLES])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)
    torch.testing.assert_close(embed(encoder, SAMPLES[::-1]).flip(0), together, atol=1e-5, rtol=0)
    inputs = encoder.prepare(SAMPLES)
    wider = {
        name: leaf if leaf.ndim == 1 else torch.nn.functional.pad(leaf, (0, 9))
        for name, leaf in inputs.items()
    }
    with torch.no_grad():
        torch.testing.assert_close(encoder(wider), together, atol=1e-5, rtol=0)


def check_state_dict(encoder: Encoder, fresh: Encoder, path: Path) -> None:
    """Through a file and into a fresh instance, bit for bit."""
    expected = embed(encoder, SAMPLES)
    save_file(encoder.state_dict(), path)
    fresh.load_state_dict(load_file(path))
    assert torch.equal(embed(fresh, SAMPLES), expected)
    assert torch.equal(embed(copy.deepcopy(fresh), SAMPLES), expected)


def check_groups(encoder: Encoder) -> None:
    groups = encoder.parameter_groups()
    names = [name for name, _ in encoder.named_parameters()]
    assert list(groups["all"]) == [name for name, one in encoder.named_parameters() if one.requires_grad]
    assert set(groups.get("last", ())) <= set(names)
    assert len(groups.get("last", "1")) > 0
