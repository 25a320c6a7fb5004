"""An episode of a source, kept beside the results so that a report can draw it."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import model_validator

from kshot.results.schema import Entry, Fraction, Text

Media = Literal["image/png", "audio/wav", "text/plain"]


class SampleExample(Entry):
    """One example, drawn for people.

    Attributes:
        label: its class, an index into the sample's ``classes``.
        media: what ``data`` is.
        data: the text itself, or base64 of the file's bytes.
        answer: the class that it was taken for, likewise an index; null where nobody was asked.
    """

    label: int
    media: Media
    data: Text
    answer: int | None = None

    @classmethod
    def of(cls, label: int, media: Media, content: bytes) -> SampleExample:
        """The example whose presentation is ``content``."""
        is_text = media == "text/plain"
        data = content.decode("utf-8", "replace") if is_text else base64.b64encode(content).decode("ascii")
        return cls(label=label, media=media, data=data)

    @property
    def content(self) -> bytes:
        """The presentation's bytes."""
        return (
            self.data.encode() if self.media == "text/plain" else base64.b64decode(self.data, validate=True)
        )

    @model_validator(mode="after")
    def _decodable(self) -> Self:
        try:
            _ = self.content
        except binascii.Error as error:
            raise ValueError(f"{self.media} data is not base64: {error}") from error
        return self


class Sample(Entry):
    """One episode of a source.

    Attributes:
        source: the source's id.
        modality: the source's modality.
        shape: such as ``"5w1s"``.
        classes: names of the episode's classes.
        support: support examples.
        query: query examples, all or a few.
        number: the episode's number among the test episodes.
        accuracy: in it, mean over all cells, a fraction.
        answered_by: whose answers stand with the query examples.
    """

    source: Text
    modality: Text
    shape: str
    classes: list[Text]
    support: list[SampleExample]
    query: list[SampleExample]
    number: int | None = None
    accuracy: Fraction | None = None
    answered_by: Text = ""

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        for example in (*self.support, *self.query):
            for label in (example.label, example.answer):
                if label is not None and not 0 <= label < len(self.classes):
                    raise ValueError(f"label {label} is none of the {len(self.classes)} classes")
        return self


def samples_folder(folder: Path) -> Path:
    """Where the sample episodes of a benchmark's folder lie."""
    return folder / "samples"


def sample_path(folder: Path, source: str) -> Path:
    """The file of one source's sample episode in a benchmark's folder."""
    return samples_folder(folder) / f"{quote(source, safe=' ')}.json"


def worst_folder(folder: Path) -> Path:
    """Where the worst episodes of a benchmark's folder lie."""
    return folder / "worst"


def worst_path(folder: Path, source: str, rank: int) -> Path:
    """The file of one source's worst episode (rank 1), the next worst (2) and so on."""
    return worst_folder(folder) / f"{quote(source, safe=' ')}.{rank}.json"
