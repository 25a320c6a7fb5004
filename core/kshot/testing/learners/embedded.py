"""A learner that leaves the encoder's weights alone needs of an example nothing but its embedding."""

from __future__ import annotations

from unittest import SkipTest

import torch
from torch import Tensor

from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Episodes, Examples, Inputs
from kshot.functional import embed, support_pass
from kshot.interfaces import Learner
from kshot.testing.expectations import expect, expect_close, name_of
from kshot.testing.making import LearnerFactory, logits_of, made
from kshot.testing.outcomes import one_line
from kshot.testing.subject import Subject


def check_embedded(make: LearnerFactory, subject: Subject) -> None:
    """Unless ``adapts_encoder`` is True its logits under ``frozen`` are the same around embeddings that
    were computed beforehand, which is how evaluation has it."""
    learner = made(make, subject, dtype=torch.float64)
    if learner.adapts_encoder:
        raise SkipTest(f"{name_of(learner, subject)} adapts the encoder (adapts_encoder = True)")
    learner.batch_statistics = "frozen"
    who, episodes = name_of(learner, subject), subject.episodes(dtype=torch.float64)
    mend = "reach the encoder and the inputs only through self.encoder, or say adapts_encoder = True"
    with torch.no_grad():  # as in evaluation
        expected = logits_of(learner, episodes)
        embedded = _embedded(learner, episodes)
        width = embedded.support[0].inputs[EMBEDDING].shape[-1]
        identity = Embedded(getattr(learner.encoder, "modality", ""), width).eval()
        try:
            beside = learner.around(identity)
            logits = logits_of(beside, embedded)
        except Exception as error:
            what = (
                f"around embeddings computed beforehand it raises {type(error).__name__}: {one_line(error)}"
            )
            expect(False, who, what, mend)
        else:
            what = "around embeddings computed beforehand its logits are others"
            expect_close(logits, expected, who, what, mend)


def _embedded(learner: Learner, episodes: Episodes) -> Episodes:
    """The same episodes, of each example its embedding alone."""
    current = support_pass("frozen", len(episodes))

    def of(inputs: Inputs) -> dict[str, Tensor]:
        return {EMBEDDING: embed(learner.encoder, [inputs], current)}

    def all_of(blocks: tuple[Examples, ...]) -> tuple[Examples, ...]:
        return tuple(Examples(of(block.inputs), block.labels, block.way) for block in blocks)

    return Episodes(all_of(episodes.support), all_of(episodes.query), episodes.classes)
