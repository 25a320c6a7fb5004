"""Examples through an encoder, many at a time, without a graph."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.functional import concurrently, embed_flat
from kshot.functional.embedding import chunk_size
from kshot.loading.loader import Loader
from kshot.loading.prepare import trimmed

PREPARE_CHUNK = 1024


@torch.no_grad()
def embed_positions(
    encoder: nn.Module, gather: Callable[[np.ndarray], Mapping[str, Tensor]], positions: np.ndarray
) -> Tensor:
    """Embed (N,) positions with running statistics → (N, dim), on the encoder's device."""
    training = encoder.training
    encoder.eval()
    try:
        parts = [
            _embed_chunk(encoder, gather(positions[start : start + PREPARE_CHUNK]))
            for start in range(0, len(positions), PREPARE_CHUNK)
        ]
    finally:
        encoder.train(training)
    return torch.cat(parts)


def embed_examples(encoder: nn.Module, loader: Loader, positions: np.ndarray) -> Tensor:
    """Embed (N,) positions of a loader with running statistics → (N, dim), part by part where its
    examples come from several."""
    blocks = loader.catalogue.blocks
    if blocks is None:
        return embed_positions(encoder, loader.gather, positions)
    groups = blocks.grouped(positions)
    embedded = torch.cat([embed_positions(encoder, loader.gather, positions[one]) for one in groups])
    order = torch.from_numpy(np.argsort(np.concatenate(groups), kind="stable"))
    return embedded[order.to(embedded.device)]


def _embed_chunk(encoder: nn.Module, inputs: Inputs) -> Tensor:
    """Leaves (B, …) → (B, dim), examples of like length together."""
    count = len(next(iter(inputs.values())))
    mask = inputs.get("attention_mask")
    order = torch.arange(count) if mask is None else mask.reshape(count, -1).sum(1).argsort(stable=True).cpu()
    device = next(iter(inputs.values())).device
    alone = device.type == "cpu"
    parts = order.split(
        chunk_size() if alone else PREPARE_CHUNK
    )  # on a CPU small ones, which waste less padding

    def embed(index: Tensor) -> Tensor:
        return embed_flat(encoder, trimmed({name: leaf[index] for name, leaf in inputs.items()})).float()

    joined = torch.cat(concurrently(embed, parts) if alone else [embed(one) for one in parts])
    result = torch.empty_like(joined)
    result[order.to(joined.device)] = joined
    return result


def encoder_state_hash(encoder: nn.Module) -> str:
    """Hash of everything in the encoder's state dict: names, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
