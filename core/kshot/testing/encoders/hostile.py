"""What an encoder does with examples that nobody should give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot.testing.encoders.embeddings import embed
from kshot.testing.expectations import expect, expect_finite, name_of
from kshot.testing.outcomes import one_line
from kshot.testing.subject import Subject

MEND = "check what comes, and raise a DataError that says what is wrong"


def check_hostile(subject: Subject) -> None:
    """What is no example of the modality is refused with a ``DataError``; what is one, however odd,
    is refused so too, alone and in company alike, or embedded as finite numbers."""
    encoder = subject.encoder().eval()
    for odd in (object(), None, 3):
        refused = _refused(encoder, subject, [odd], f"prepare([{odd!r}])")
        expect(refused, name_of(encoder, subject), f"prepare([{odd!r}]) is accepted", MEND)
    sound = subject.flat[0]
    for what, example in subject.hostile.items():
        alone = _refused(encoder, subject, [example], f"an example that is {what}")
        together = _refused(
            encoder, subject, [sound, example], f"an example that is {what}, after a sound one,"
        )
        # The loader finds a refused batch's culprit, and its place, by asking for each alone.
        found = (
            f"an example that is {what} is {'refused' if alone else 'accepted'} alone and not so in company"
        )
        expect(alone == together, name_of(encoder, subject), found, "look at each example by itself")


def _refused(encoder: Encoder, subject: Subject, raw: Sequence[Any], what: str) -> bool:
    """True where the batch is refused as it should be, False where it is embedded."""
    who = name_of(encoder, subject)
    try:
        embedded = embed(encoder, subject.place(encoder.prepare(raw)))
    except DataError:
        return True
    except Exception as error:
        expect(False, who, f"{what} raises {type(error).__name__}: {one_line(error)}", MEND)
        raise
    expect_finite(embedded, who, f"{what} is embedded as NaN or infinity", MEND)
    return False
