"""How a computation on one task is mapped over T tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from kshot.functional.attention import by_formula
from kshot.functional.chosen import chosen
from kshot.functional.noting import unwatched

Tree = Tensor | Mapping[str, "Tree"] | tuple["Tree", ...]
"""Tensors, each with a leading dimension T, in tuples and mappings."""

StrategyName = Literal["auto", "loop", "vmap"]


@dataclass(frozen=True)
class Strategy:
    """One way to go over tasks; all give the same numbers.

    Attributes:
        vmap: True for ``torch.func.vmap``, False for one task after the other.
        chunk: tasks that are mapped together; none: all.
    """

    vmap: bool
    chunk: int | None = None


def over_tasks(strategy: Strategy, function: Callable[..., Tree], shared: Tree, *each: Tree) -> Any:
    """Map ``function(shared, *each)`` over the leading dimension T of ``each``.

    Nobody watches meanwhile: what the function notes is lost.

    Args:
        strategy: how.
        function: computes one task; returns tensors in tuples and mappings.
        shared: the same for all tasks.
        each: leaves (T, …); the function sees them without T.

    Returns:
        what the function returns, each leaf with T in front.
    """
    with unwatched():
        return _over_tasks(strategy, function, shared, *each)


def _over_tasks(strategy: Strategy, function: Callable[..., Tree], shared: Tree, *each: Tree) -> Any:
    if strategy.vmap:
        in_dims = (None, *(0 for _ in each))
        # Different: a network with dropout draws for every task anew, as it does in a loop.
        mapped = torch.func.vmap(function, in_dims, chunk_size=strategy.chunk, randomness="different")
        # Fused attention has no batching rule: vmap would go from task to task, and warn of it.
        with by_formula():
            return mapped(shared, *(_plain(tree) for tree in each))
    count = _tasks_in(each)
    return _stacked([function(shared, *(_picked(tree, task) for tree in each)) for task in range(count)])


def choose(name: StrategyName, encoder: nn.Module, device: torch.device, adapted: int) -> Strategy:
    """The strategy for an encoder's inner loop: by name, else as it was measured here, else from the
    shipped table.

    Args:
        name: ``loop`` or ``vmap`` where the user decided; else ``auto``.
        encoder: what runs once per task and step.
        device: where.
        adapted: numbers adapted per task; bounds the tasks mapped together.

    Raises:
        ValueError: ``vmap`` for an encoder that declares that it cannot be mapped.
    """
    mappable = is_mappable(encoder)
    if name == "vmap" and not mappable:
        raise ValueError(
            f"{type(encoder).__name__} cannot be mapped by torch.func.vmap; take strategy 'loop' or 'auto'"
        )
    wanted = chosen().tasks if name == "auto" else name
    use = mappable and (_table(device.type, encoder) if wanted is None else wanted == "vmap")
    return Strategy(use, _chunk(device.type, adapted) if use else None)


def is_mappable(encoder: nn.Module) -> bool:
    """True where ``torch.func.vmap`` can map the encoder over weights."""
    return bool(getattr(encoder, "vmap", True)) and not has_recurrence(encoder)


def _table(device: str, encoder: nn.Module) -> bool:
    """True where vmap is the faster, as ``benchmarks/inner_loops.py`` measures it.

    On the CPU a convolution over pictures whose weights differ by task becomes a grouped one,
    which takes 1.1 to 1.4 times as long as a call per task; everything else gains by vmap, small
    networks most (to 2.5 times as fast), since the interpreter is what they wait for. On a GPU
    it is the launching of kernels.
    """
    if device != "cpu":
        return True
    return not any(isinstance(module, nn.Conv2d | nn.Conv3d) for module in encoder.modules())


CHUNK_NUMBERS = {"cpu": 2**25, "cuda": 2**29}
"""Adapted numbers that are mapped together."""


def _chunk(device: str, adapted: int) -> int:
    return max(1, CHUNK_NUMBERS.get(device, 2**27) // max(1, adapted))


def has_recurrence(encoder: nn.Module) -> bool:
    """True where there is an LSTM or its like: vmap has no rule for its weights, cuDNN no second derivative."""
    return any(isinstance(module, nn.RNNBase) for module in encoder.modules())


def _plain(tree: Tree) -> Tree:
    """Mappings as dicts, which vmap knows."""
    if isinstance(tree, Tensor):
        return tree
    if isinstance(tree, tuple):
        return tuple(_plain(one) for one in tree)
    return {name: _plain(one) for name, one in tree.items()}


def _picked(tree: Tree, task: int) -> Tree:
    if isinstance(tree, Tensor):
        return tree[task]
    if isinstance(tree, tuple):
        return tuple(_picked(one, task) for one in tree)
    return {name: _picked(one, task) for name, one in tree.items()}


def _stacked(trees: list[Tree]) -> Tree:
    first = trees[0]
    if isinstance(first, Tensor):
        return torch.stack(cast("list[Tensor]", trees))
    if isinstance(first, tuple):
        return tuple(
            _stacked(list(ones)) for ones in zip(*cast("list[tuple[Tree, ...]]", trees), strict=True)
        )
    return {name: _stacked([cast("Mapping[str, Tree]", tree)[name] for tree in trees]) for name in first}


def _tasks_in(tree: Tree) -> int:
    while not isinstance(tree, Tensor):
        tree = next(one for one in (tree if isinstance(tree, tuple) else tuple(tree.values())) if _holds(one))
    return len(tree)


def _holds(tree: Tree) -> bool:
    """True where there is a tensor somewhere inside."""
    if isinstance(tree, Tensor):
        return True
    return any(_holds(one) for one in (tree if isinstance(tree, tuple) else tree.values()))
