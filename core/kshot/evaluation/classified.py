"""Batches of episodes classified, several at a time, and in parts where memory is short."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from kshot.encoders import Embedded
from kshot.episode import Episodes
from kshot.functional import concurrently, in_turn, query_cross_entropy, replica, side_by_side, watched
from kshot.functional.fitting import Fitting
from kshot.functional.noting import Watcher, unwatched
from kshot.functional.promised import promised_logits
from kshot.functional.shares import sharing
from kshot.interfaces import Learner
from kshot.rejection import Looks, Queries, Rejection

Asked = tuple[np.ndarray, Episodes, Queries]
"""Numbers of some episodes, the episodes, and their unknown queries in parts."""

Found = tuple[Tensor, Looks | None]
"""Logits (T, Q, way), and how known the queries look."""


def classified(
    learner: Learner,
    device: torch.device,
    batches: Iterable[Asked],
    rejection: Rejection | None,
    watcher: Watcher | None,
    total: int,
    fitting: Fitting,
) -> Iterator[tuple[np.ndarray, Episodes, Tensor, Looks | None]]:
    """Each batch with its logits (T, Q, way) and how known its queries look; several at a time where the
    learner allows it and nobody watches."""
    # Comparisons of embeddings are moved memory, which torch's own threads share as well without waiting.
    compares = isinstance(learner.encoder, Embedded) and not learner.weights_per_episode()
    several = side_by_side(device) if learner.concurrent() and not compares else 1
    copies = [replica(learner) for _ in range(several)] if several > 1 else [learner]
    waiting, done = iter(batches), 0

    def answered(own: Learner, batch: Episodes, unknown: Queries) -> Found:
        classifier = own.adapt(batch.support)
        shape = (len(batch), batch.query_labels.shape[1], batch.way)
        logits = promised_logits(classifier(batch.query_inputs), own, shape)
        with unwatched():
            return logits, rejection.looks(own, classifier, batch, logits, unknown) if rejection else None

    def classify(one: tuple[Learner, Asked]) -> Found:
        own, (_, batch, unknown) = one

        def compute(parts: Sequence[range]) -> Found:
            if len(parts) == 1:
                return answered(own, batch, unknown)
            found: list[Found] = []
            for part in parts:
                which = slice(part.start, part.stop)
                with sharing(which):
                    beside = [{name: leaf[which] for name, leaf in one.items()} for one in unknown]
                    found.append(answered(own, batch.slice(part.start, part.stop), beside))
            return torch.cat([logits for logits, _ in found]), Looks.joined([looks for _, looks in found])

        return fitting(len(batch), compute)

    def watch(one: tuple[Learner, Asked]) -> Found:
        nonlocal done
        assert watcher
        batch = one[1][1]
        watcher.batch_started(batch, done, total)
        done += len(batch)
        with watched(watcher):
            found = classify(one)
        watcher.batch_finished(query_cross_entropy(found[0], batch.query_labels))
        return found

    while some := list(itertools.islice(waiting, len(copies))):
        pairs = list(zip(copies, some, strict=False))
        found = in_turn(watch, pairs) if watcher else concurrently(classify, pairs)
        for (numbers, batch, _), (logits, looks) in zip(some, found, strict=True):
            yield numbers, batch, logits, looks
