"""From episodes to embeddings: the one place where the dimensions T and n are flattened."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kshot.episode import TENSOR, Inputs
from kshot.functional.chosen import chosen
from kshot.functional.concurrent import alone, concurrently
from kshot.functional.norms import Pass, statistics
from kshot.functional.promised import promised_embeddings
from kshot.interfaces import BatchStatistics


def embed(encoder: nn.Module, blocks: Sequence[Inputs], current: Pass) -> Tensor:
    """Embed blocks of T episodes in one pass each.

    Args:
        encoder: maps inputs with leaves (B, …) to (B, dim).
        blocks: each leaf (T, n, …).
        current: where batch-dependent norms take their statistics from.

    Returns:
        (T, n, dim), n summed over blocks in order; float32 or wider.
    """
    parts: list[Tensor] = []
    # Without a graph, and where examples do not see each other, they may pass in small batches.
    apart = not (torch.is_grad_enabled() or current.own or current.recorded)
    with statistics(current):
        for block in blocks:
            flat = {name: leaf.flatten(0, 1) for name, leaf in block.items()}
            embedded = embed_chunks(encoder, flat) if apart else embed_flat(encoder, flat)
            parts.append(embedded.unflatten(0, (current.episodes, -1)))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


CHUNK = 40
"""Examples that pass a network together on a CPU: what it makes of them stays in the cache."""


def chunk_size() -> int:
    """How many examples pass a network together, at most, on this CPU where no graph is wanted."""
    return chosen().chunk or CHUNK


def chunks_of(examples: int) -> int:
    """In how many chunks of like size a number of examples passes: an even one, so that two cores end together."""
    size = chunk_size()
    return 1 if examples <= max(1, size // 2) else min(examples, 2 * math.ceil(examples / (2 * size)))


def embed_chunks(encoder: nn.Module, inputs: Inputs) -> Tensor:
    """:func:`embed_flat` in the batches that a device does best with, for examples that do not see each other."""
    leaves = list(inputs.values())
    computes = next(encoder.parameters(), None) is not None
    count = chunks_of(len(leaves[0])) if leaves[0].device.type == "cpu" and computes else 1
    if count == 1:
        return embed_flat(encoder, inputs)
    chunks = [
        dict(zip(inputs, some, strict=True))
        for some in zip(*(x.tensor_split(count) for x in leaves), strict=True)
    ]
    embedded = concurrently(lambda chunk: embed_flat(encoder, chunk), chunks)
    with alone():
        return torch.cat(embedded)


def embed_flat(encoder: nn.Module, inputs: Inputs) -> Tensor:
    """Inputs with leaves (B, …) → (B, dim), float32 or wider."""
    inputs = laid_out(inputs)
    count = len(next(iter(inputs.values())))
    return widened(promised_embeddings(encoder(inputs.get(TENSOR, inputs)), encoder, count))


def laid_out(inputs: Inputs) -> Inputs:
    """Inputs with pictures (B, C, H, W) channels last, the layout that convolutions then keep to:
    half as fast again on a CPU, and what half precision wants on a GPU."""
    if chosen().channels_last is False:
        return inputs
    return {name: _channels_last(leaf) if leaf.ndim == 4 else leaf for name, leaf in inputs.items()}


def _channels_last(x: Tensor) -> Tensor:
    if x.shape[1] != 1:
        return x.contiguous(memory_format=torch.channels_last)
    # Of one channel both layouts are the same numbers, and only strides tell convolutions which is meant.
    return x.contiguous().view(len(x), *x.shape[2:], 1).permute(0, 3, 1, 2)


def widened(embedded: Tensor) -> Tensor:
    """Half precision as float32: distances lose their meaning in less."""
    return embedded.float() if embedded.dtype in (torch.float16, torch.bfloat16) else embedded


def width_of(encoder: nn.Module) -> int:
    """Width of an encoder's embeddings.

    Raises:
        ValueError: the encoder does not tell.
    """
    dim = getattr(encoder, "dim", None)
    if not isinstance(dim, int) or dim < 1:
        raise ValueError(
            f"this learner must know the embedding's width: give the {type(encoder).__name__} "
            "an attribute 'dim', such as encoder.dim = 64"
        )
    return dim


def support_pass(policy: BatchStatistics, episodes: int) -> Pass:
    """The pass over a support set under a batch-statistics policy.

    Raises:
        ValueError: ``joint``, which has no separate support pass.
    """
    if policy == "joint":
        raise ValueError("batch statistics 'joint' need support and query in one pass: training only")
    return Pass(episodes, own=policy != "frozen", records=policy == "support")


def query_pass(policy: BatchStatistics, support: Pass) -> Pass:
    """The pass over the queries that belong to a support set embedded in ``support``."""
    return Pass(support.episodes, own=policy == "query", recorded=support.recorded)


def embed_jointly(
    encoder: nn.Module, support: Sequence[Inputs], query: Sequence[Inputs]
) -> tuple[Tensor, Tensor]:
    """Support and query in one pass, as metric learners train: (T, S, dim) and (T, Q, dim).

    Blocks of unlike inputs, which come from different modalities, have a pass each. An encoder in
    evaluation mode (a frozen one) keeps its running statistics.

    Args:
        encoder: maps inputs with leaves (B, …) to (B, dim).
        support: blocks with leaves (T, S, …).
        query: blocks with leaves (T, Q, …).
    """
    blocks = [*support, *query]
    current = Pass(len(next(iter(support[0].values()))), own=encoder.training)
    alike: dict[frozenset[str], list[int]] = {}
    for number, block in enumerate(blocks):
        alike.setdefault(frozenset(block), []).append(number)
    embedded: dict[int, Tensor] = {}
    for numbers in alike.values():
        joined = dict(blocks[numbers[0]])
        for number in numbers[1:]:
            joined = {name: concatenated(leaf, blocks[number][name]) for name, leaf in joined.items()}
        counts = [next(iter(blocks[number].values())).shape[1] for number in numbers]
        parts = embed(encoder, [joined], current).split(counts, dim=1)
        embedded.update(zip(numbers, parts, strict=True))
    ordered = [embedded[number] for number in range(len(blocks))]
    return _side(ordered[: len(support)]), _side(ordered[len(support) :])


def _side(parts: Sequence[Tensor]) -> Tensor:
    """(T, n, dim) of each block → all of them, in order."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)


def concatenated(a: Tensor, b: Tensor) -> Tensor:
    """(T, n, …) and (T, m, …) → (T, n + m, …), the shorter padded with zeros on the right."""
    if a.shape[2:] != b.shape[2:]:
        target = [max(x, y) for x, y in zip(a.shape[2:], b.shape[2:], strict=True)]
        a, b = _padded(a, target), _padded(b, target)
    return torch.cat([a, b], dim=1)


def _padded(x: Tensor, target: Sequence[int]) -> Tensor:
    missing = [wanted - size for wanted, size in zip(target, x.shape[2:], strict=True)]
    return F.pad(x, [amount for gap in reversed(missing) for amount in (0, gap)])
