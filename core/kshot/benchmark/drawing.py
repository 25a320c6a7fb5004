"""One episode drawn for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from kshot.benchmark.plan import Part
from kshot.errors import KshotError, PluginError
from kshot.interfaces import Source
from kshot.registry.report import reason
from kshot.results import Sample, SampleExample
from kshot.sampling import AnySampler

Integers = NDArray[np.integer[Any]]


@final
class Drawing:
    """Draws episodes of one source and shape.

    Args:
        part: the source's entry in the plan.
        source: the source.
        sampler: its episodes.
        support: support examples of a class, and of a part, that are drawn at most.
        queries: query examples of a class, and of a part, that are drawn at most.
    """

    def __init__(self, part: Part, source: Source, sampler: AnySampler, support: int, queries: int) -> None:
        self._part = part
        self._source = source
        self._sampler = sampler
        self._support = support
        self._queries = queries

    def episode(self, number: int) -> Sample:
        """An episode as it is.

        Raises:
            KshotError: an example cannot be read or drawn; names the source and the example's place.
        """
        return self._draw(number, None)

    def answered(self, number: int, answers: Integers) -> Sample:
        """An episode with what was said of its queries, those first that were answered wrongly.

        Args:
            number: which episode.
            answers: (Q,) class number that each query was taken for, in the order of the queries.
        """
        return self._draw(number, answers)

    def _draw(self, number: int, answers: Integers | None) -> Sample:
        drawn = self._sampler.draw(number, number + 1)
        classes: list[int] = drawn.classes[0].tolist()
        support: list[int] = drawn.support_labels[0].tolist()
        query: list[int] = drawn.query_labels[0].tolist()
        said = [classes.index(c) for c in answers.tolist()] if answers is not None else [None] * len(query)
        names = self._sampler.catalogue.classes
        return Sample(
            source=self._part.id,
            modality=self._part.entry.modality,
            shape=str(self._sampler.shape),
            classes=[names[c] for c in classes],
            support=self._shown(drawn.support[0], support, [None] * len(support), self._support),
            query=self._shown(drawn.query[0], query, said, self._queries),
            number=number,
        )

    def _shown(
        self, positions: Integers, labels: Sequence[int], said: Sequence[int | None], most: int
    ) -> list[SampleExample]:
        wrong_first = sorted(
            range(len(labels)), key=lambda k: (labels[k], said[k] is None or said[k] == labels[k], k)
        )
        shown: list[SampleExample] = []
        counts: dict[tuple[int, int], int] = {}
        blocks = self._sampler.catalogue.blocks
        for k in wrong_first:
            label = labels[k]
            own = label, int(blocks.of[positions[k]]) if blocks else 0
            counts[own] = counts.get(own, 0) + 1
            if counts[own] <= most:
                shown.append(self._example(int(positions[k]), label, said[k]))
        return shown

    def _example(self, position: int, label: int, answer: int | None) -> SampleExample:
        row = int(self._sampler.catalogue.rows[position])
        try:
            presented = self._source.present(self._source.fetch(row))
            example = SampleExample.of(label, presented.media, presented.data)
        except KshotError:
            raise
        except (Exception, SystemExit) as error:
            place = self._source.place(row)
            raise PluginError(f"{self._part.entry}: {place} cannot be drawn: {reason(error)}") from error
        return example.model_copy(update={"answer": answer})
