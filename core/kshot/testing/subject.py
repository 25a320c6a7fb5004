"""What a learner or an encoder is tried on: a few raw examples, and the encoder that takes them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, final

import torch
from torch import Tensor, nn

from kshot.episode import Episodes, Examples, Inputs
from kshot.interfaces import Encoder, Source
from kshot.testing.toy import Toy, toy_encoder

CPU = torch.device("cpu")

MOST = 12
"""Classes, and examples of each, that a subject takes of a source."""


@final
@dataclass(frozen=True)
class Subject:
    """A tiny separable source of one modality, and an encoder for it.

    Everything drawn from it is a function of its arguments: two calls give the same, and
    neither touches the global random state.

    Args:
        name: shown in messages and in the ids of tests.
        build: makes the encoder, small and not fitted; called under a fixed seed.
        raw: the raw examples, class by class: at least 6 classes of at least 8 examples each,
            which the encoder tells apart well enough to learn from.
        device: where encoders and episodes live.
        asked: examples of the same classes, likewise, which queries are drawn from where they are of
            another modality than the support; none: queries are drawn from ``raw``.
        hostile: raw examples that are hard or impossible to take, by what is wrong with each.
    """

    name: str
    build: Callable[[], Encoder]
    raw: Sequence[Sequence[Any]]
    device: torch.device = CPU
    asked: Sequence[Sequence[Any]] | None = None
    hostile: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.asked is not None and len(self.asked) != len(self.raw):
            raise ValueError(
                f"subject '{self.name}': raw has {len(self.raw)} classes, asked {len(self.asked)}"
            )
        if len(self.raw) < 6 or min(len(examples) for examples in self.raw) < 8:
            sizes = [len(examples) for examples in self.raw]
            raise ValueError(f"subject '{self.name}' needs 6 classes of 8 examples or more, got {sizes}")

    def __str__(self) -> str:
        return self.name

    def on(self, device: torch.device) -> Subject:
        """The same subject on another device."""
        return replace(self, device=device)

    @property
    def flat(self) -> list[Any]:
        """All raw examples, one class after the other."""
        return _flat(self.raw)

    @property
    def labels(self) -> Tensor:
        """(N,) class number of each of these."""
        sizes = torch.tensor([len(examples) for examples in self.raw])
        return torch.repeat_interleave(torch.arange(len(sizes)), sizes).to(self.device)

    def fresh(self, seed: int = 0) -> Encoder:
        """An encoder as ``build`` makes it: not fitted, on the CPU, in training mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build()

    def encoder(self, dtype: torch.dtype = torch.float32) -> Encoder:
        """A fitted encoder in training mode, always of the same weights."""
        encoder = copy.deepcopy(self._fitted)
        cast(encoder, dtype)
        return encoder.to(self.device)

    def inputs(self, dtype: torch.dtype = torch.float32) -> Inputs:
        """All examples, prepared together: each leaf (N, …), classes in order."""
        return self.place(self._prepared, dtype)

    def place(self, inputs: Inputs, dtype: torch.dtype = torch.float32) -> Inputs:
        """Inputs on the subject's device, the floating-point ones of ``dtype``, complex ones of its numbers."""
        return {name: leaf.to(self.device, _type_in(leaf, dtype)) for name, leaf in inputs.items()}

    def episodes(
        self,
        count: int = 3,
        way: int = 3,
        shots: int | Sequence[int] = 2,
        queries: int | Sequence[int] = 4,
        *,
        dtype: torch.dtype = torch.float32,
        classes: Sequence[int] | None = None,
        seed: int = 0,
    ) -> Episodes:
        """Episodes in which neither the classes nor the examples stand in any order.

        Args:
            count: T.
            way: classes of each.
            shots: support examples of a class, or of each class in turn; the turn begins with
                another class in each episode, so that all have as many examples.
            queries: query examples, likewise.
            dtype: of the floating-point inputs.
            classes: draw from these only; default: all.
            seed: another gives others.
        """
        generator = torch.Generator().manual_seed(seed)
        support: list[tuple[Tensor, Tensor]] = []
        query: list[tuple[Tensor, Tensor]] = []
        names: list[tuple[str, ...]] = []
        pool = torch.tensor(list(range(len(self.raw)) if classes is None else classes))
        for number in range(count):
            chosen = pool[torch.randperm(len(pool), generator=generator)[:way]]
            rows = [_rows(self.raw, int(one), generator) for one in chosen]
            some, more = _each(shots, way, number), _each(queries, way, number)
            support.append(_shuffled([own[:n] for own, n in zip(rows, some, strict=True)], generator))
            if self.asked is None:
                taken = [own[n : n + m] for own, n, m in zip(rows, some, more, strict=True)]
            else:
                others = [_rows(self.asked, int(one), generator) for one in chosen]
                taken = [own[:m] for own, m in zip(others, more, strict=True)]
            query.append(_shuffled(taken, generator))
            names.append(tuple(f"class-{one}" for one in chosen))
        first = self.inputs(dtype)
        second = first if self.asked is None else self.place(self._prepared_asked, dtype)
        return Episodes(
            (self._examples(first, support, way),), (self._examples(second, query, way),), tuple(names)
        )

    @cached_property
    def _fitted(self) -> Encoder:
        encoder = self.fresh()
        encoder.fit([*self.flat, *_flat(self.asked or ())])
        return encoder

    @cached_property
    def _prepared(self) -> Inputs:
        return self._prepare(self.flat)

    @cached_property
    def _prepared_asked(self) -> Inputs:
        return self._prepare(_flat(self.asked or ()))

    def _prepare(self, raw: Sequence[Any]) -> Inputs:
        # What is kept must not depend on which check asks first.
        with torch.autocast("cpu", enabled=False):
            return self._fitted.prepare(raw)

    def _examples(self, inputs: Inputs, drawn: Sequence[tuple[Tensor, Tensor]], way: int) -> Examples:
        rows = torch.stack([one for one, _ in drawn]).to(self.device)
        labels = torch.stack([one for _, one in drawn]).to(self.device)
        return Examples({name: leaf[rows] for name, leaf in inputs.items()}, labels, way)


def cast(module: nn.Module, dtype: torch.dtype) -> None:
    """Let a module compute in another floating-point type, its complex tensors in complex numbers of it,
    which ``module.to(dtype)`` would make real."""
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.to(_type_in(tensor, dtype))


def _type_in(tensor: Tensor, dtype: torch.dtype) -> torch.dtype:
    """What a tensor's type becomes where ``dtype`` is computed in."""
    if tensor.is_complex():
        return dtype.to_complex()
    return dtype if tensor.is_floating_point() else tensor.dtype


def _flat(raw: Sequence[Sequence[Any]]) -> list[Any]:
    return [example for examples in raw for example in examples]


def _rows(raw: Sequence[Sequence[Any]], number: int, generator: torch.Generator) -> Tensor:
    """Rows of one class's examples, in random order."""
    start = sum(len(examples) for examples in raw[:number])
    return start + torch.randperm(len(raw[number]), generator=generator)


def subject_from(
    source: Source, build: Callable[[], Encoder], name: str, *, classes: int = MOST, examples: int = MOST
) -> Subject:
    """An encoder on a source's training classes.

    Args:
        source: trains on 6 classes of 8 examples or more.
        build: as :class:`Subject` has it.
        name: shown in messages.
        classes: the most that are taken.
        examples: the most that are taken of a class.
    """
    catalogue = source.catalogue("train")
    starts = zip(catalogue.offsets[:-1], catalogue.sizes, strict=True)
    chosen = [catalogue.rows[start : start + min(size, examples)] for start, size in list(starts)[:classes]]
    raw = [[source.fetch(int(row)) for row in rows] for rows in chosen]
    return Subject(name, build, raw, hostile=source.hostile())


@cache
def toy_subject() -> Subject:
    """The toy source's training classes, their noise low enough to learn from in a few steps."""
    return subject_from(Toy(classes=12, examples=12, noise=1.0), lambda: toy_encoder(dim=8), "toy")


def _each(count: int | Sequence[int], way: int, turn: int) -> list[int]:
    """A number for each class of an episode."""
    return [count] * way if isinstance(count, int) else [count[(k + turn) % way] for k in range(way)]


def _shuffled(rows: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows of each class → all of them in random order, and their labels."""
    joined = torch.cat(list(rows))
    labels = torch.cat([torch.full((len(own),), label) for label, own in enumerate(rows)])
    order = torch.randperm(len(joined), generator=generator)
    return joined[order], labels[order]
