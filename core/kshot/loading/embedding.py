"""Examples through an encoder, many at a time, without a graph."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.functional import concurrently, embed_flat
from kshot.functional.embedding import chunk_size
from kshot.functional.fitting import Fitting
from kshot.loading.loader import Loader
from kshot.loading.prepare import trimmed

log = logging.getLogger("kshot")

PREPARE_CHUNK = 1024


@torch.no_grad()
def embed_positions(
    encoder: nn.Module, gather: Callable[[np.ndarray], Mapping[str, Tensor]], positions: np.ndarray
) -> Tensor:
    """Embed (N,) positions with running statistics → (N, dim), on the encoder's device.

    Raises:
        CellError: a single example does not fit into memory.
    """
    training = encoder.training
    fitting = Fitting(_told, "example", "take a smaller encoder, or another device")
    encoder.eval()
    try:
        first = _embed_chunk(encoder, gather(positions[:PREPARE_CHUNK]), fitting)
        # Filled chunk by chunk: chunks that are joined in the end need the memory twice.
        embedded = first.new_empty((len(positions), *first.shape[1:]))
        embedded[:PREPARE_CHUNK] = first
        for start in range(PREPARE_CHUNK, len(positions), PREPARE_CHUNK):
            some = slice(start, start + PREPARE_CHUNK)
            embedded[some] = _embed_chunk(encoder, gather(positions[some]), fitting)
    finally:
        encoder.train(training)
    return embedded


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


def _told(most: int) -> None:
    log.warning("memory is short; examples are embedded %d at once", most)


def _embed_chunk(encoder: nn.Module, inputs: Inputs, fitting: Fitting) -> Tensor:
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
        def compute(some: Sequence[range]) -> Tensor:
            chosen = [index[one.start : one.stop] for one in some]
            return torch.cat([_embedded(encoder, inputs, one) for one in chosen])

        return fitting(len(index), compute)

    joined = torch.cat(concurrently(embed, parts) if alone else [embed(one) for one in parts])
    result = torch.empty_like(joined)
    result[order.to(joined.device)] = joined
    return result


def _embedded(encoder: nn.Module, inputs: Inputs, index: Tensor) -> Tensor:
    return embed_flat(encoder, trimmed({name: leaf[index] for name, leaf in inputs.items()})).float()


def encoder_state_hash(encoder: nn.Module) -> str:
    """Hash of everything in the encoder's state dict: names, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
