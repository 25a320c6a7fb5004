"""The embedded road: every example passes a fixed encoder once, an episode is a gather."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Inputs
from kshot.files import cache_dir, write_atomic_with
from kshot.interfaces import Encoder, Source
from kshot.loading.prepare import RawExamples, trimmed
from kshot.sampling import Catalogue

PREPARE_CHUNK = 1024
FORWARD_CHUNK = {"cpu": 64}
"""Examples per forward by device type: small batches stay in a processor's cache and waste less
padding; other devices take whole chunks."""


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


def _embed_chunk(encoder: nn.Module, inputs: Inputs) -> Tensor:
    """Leaves (B, …) → (B, dim), examples of like length together."""
    count = len(next(iter(inputs.values())))
    mask = inputs.get("attention_mask")
    order = torch.arange(count) if mask is None else mask.reshape(count, -1).sum(1).argsort(stable=True).cpu()
    outputs: list[Tensor] = []
    device = next(iter(inputs.values())).device
    size = FORWARD_CHUNK.get(device.type, PREPARE_CHUNK)
    for start in range(0, count, size):
        index = order[start : start + size]
        outputs.append(encoder(trimmed({name: leaf[index] for name, leaf in inputs.items()})).float())
    joined = torch.cat(outputs)
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


def embedded_split(
    encoder: Encoder,
    source: Source,
    catalogue: Catalogue,
    identity: Mapping[str, object],
    device: torch.device,
) -> Tensor:
    """(N, dim) embeddings of a whole split by a frozen encoder, on the CPU, from the cache if there.

    Args:
        encoder: frozen; on ``device``.
        source: fetches raw examples.
        catalogue: the split.
        identity: what else the embeddings depend on: the encoder's factory, options, version.
        device: where the encoder runs.
    """
    key = hashlib.sha256(
        json.dumps(
            {**identity, "state": encoder_state_hash(encoder), "data": catalogue.fingerprint}, sort_keys=True
        ).encode()
    ).hexdigest()
    path = cache_dir("embeddings", f"{key}.safetensors")
    stored = _load(path, (len(catalogue), encoder.dim))
    if stored is not None:
        return stored

    def gather(positions: np.ndarray) -> dict[str, Tensor]:
        inputs = encoder.prepare(RawExamples(source, catalogue.rows[positions]))
        return {name: leaf.to(device) for name, leaf in inputs.items()}

    embedded = embed_positions(encoder, gather, np.arange(len(catalogue))).cpu()
    write_atomic_with(path, lambda temporary: save_file({EMBEDDING: embedded}, temporary))
    return embedded


def _load(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """A cached tensor, or None where there is none that can be read (it is then made again)."""
    if not path.is_file():
        return None
    try:
        stored = load_file(path).get(EMBEDDING)
    except (OSError, SafetensorError):
        return None
    return stored if stored is not None and tuple(stored.shape) == shape else None
