"""How computations are laid out on a machine, as ``kshot tune`` measures it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kshot.config.strict import Strict


class StrategyEntry(Strict):
    """What some cells do best with on one kind of device. Results agree under all of it, but for rounding.

    What is left out is decided by the shipped table, a function of device and shapes.

    Attributes:
        tasks: how an inner loop that adapts the encoder goes over tasks; an encoder that cannot be
            mapped is looped over all the same.
        concurrent: whether episodes, and batches without a gradient, are computed on threads, a
            core each, or one after the other on all cores (CPU).
        channels_last: whether pictures pass the encoder with their channels last.
        chunk: examples that pass the encoder together, at most, where no gradient is wanted (CPU).
    """

    tasks: Literal["loop", "vmap"] | None = None
    concurrent: bool | None = None
    channels_last: bool | None = None
    chunk: int | None = Field(default=None, ge=1)


class Strategies(Strict):
    """Strategies of cells, by shell patterns of their ids; a later entry goes before an earlier one.

    Attributes:
        cpu: where a run computes on the CPU.
        cuda: where it computes on a GPU.
    """

    cpu: dict[str, StrategyEntry] = Field(default_factory=dict[str, StrategyEntry])
    cuda: dict[str, StrategyEntry] = Field(default_factory=dict[str, StrategyEntry])

    def of(self, device: str) -> dict[str, StrategyEntry]:
        """Those of a type of device, by pattern."""
        return {"cpu": self.cpu, "cuda": self.cuda}.get(device, {})
