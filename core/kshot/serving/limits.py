"""How much a client may send, and how much is kept."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Attributes:
        request_bytes: of one request's body; it is not read further.
        file_bytes: of one file.
        things: pictures, recordings or texts in one request.
        examples: of one class.
        classes: of the classifier.
        extent: pixels, seconds or characters of one thing, by the modality; None: the reader's own.
        kept_bytes: of the examples that are kept to be shown; later ones have their name alone.
    """

    request_bytes: int = 64 * MIB
    file_bytes: int = 16 * MIB
    things: int = 64
    examples: int = 200
    classes: int = 200
    extent: float | None = None
    kept_bytes: int = 256 * MIB
