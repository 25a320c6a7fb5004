"""What the encoder and the learner of a classifier are built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from kshot.config import Tuning
from kshot.interfaces import BatchStatistics


@dataclass(frozen=True)
class Named:
    """A registered thing with its options, as a configuration writes them.

    Attributes:
        use: its name, such as ``minilm`` or ``torchvision:resnet18``.
        options: those that differ from the defaults.
    """

    use: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """An encoder with a learner around it.

    Attributes:
        encoder: by its name.
        learner: by its name.
        tuning: what was put into the encoder to be trained.
        way: the number of classes that the learner was built for; none: as many as there are.
        batch_statistics: where batch-dependent norms take their statistics from; none: the learner's own.
        cell: id of the benchmark's cell that trained both; none: nothing did.
    """

    encoder: Named
    learner: Named
    tuning: Tuning = field(default_factory=lambda: Tuning(train="none"))
    way: int | None = None
    batch_statistics: BatchStatistics | None = None
    cell: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return _ADAPTER.dump_python(self, mode="json")

    @staticmethod
    def from_plain(value: Any) -> Recipe:
        """What :meth:`plain` gave.

        Raises:
            ValueError: it is nothing of the kind.
        """
        return _ADAPTER.validate_python(value)


_ADAPTER = TypeAdapter(Recipe)
