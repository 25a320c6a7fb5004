"""Every check of sources, metrics and readers passes a sound one, and a fault of one kind fails one check."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kshot.errors import DataError
from kshot.interfaces import Presentation, Reader, Source, Split
from kshot.metrics import accuracy, cross_entropy, equal_error_rate
from kshot.sampling import Catalogue, Drawn
from kshot.testing import (
    METRIC_CHECKS,
    READER_CHECKS,
    SOURCE_CHECKS,
    MetricConformance,
    ReaderConformance,
    SourceConformance,
    Toy,
    run_checks,
)
from torch import Tensor


class Sound(Source):
    """Three classes of four numbers in each split."""

    modality = "numbers"

    def __init__(self) -> None:
        self._numbers = np.arange(36, dtype=np.float32)
        self._catalogues = {
            split: self.built(split, k) for k, split in enumerate(("train", "validation", "test"))
        }

    def built(self, split: Split, k: int, version: str = "1") -> Catalogue:
        rows = range(12 * k, 12 * k + 12)
        return Catalogue.build(
            [f"{split}-{row // 4 % 3}" for row in rows],
            [f"{row:02d}" for row in rows],
            rows=rows,
            version=version,
        )

    def catalogue(self, split: Split) -> Catalogue:
        return self._catalogues[split]

    def fetch(self, row: int) -> np.ndarray:
        return self._numbers[row : row + 1].copy()

    def present(self, raw: np.ndarray) -> Presentation:
        return Presentation("text/plain", str(raw).encode())

    def digest(self, row: int) -> str | None:
        return hashlib.sha256(self._numbers[row].tobytes()).hexdigest()

    def fixed_episodes(self, split: Split) -> Mapping[str, Drawn]:
        one = np.asarray([[0, 4]])
        return {"list": Drawn(np.asarray([[0, 1]]), one, np.asarray([[0, 1]]), one + 1, np.asarray([[0, 1]]))}


class Nameless(Sound):
    modality = ""


class NewCatalogues(Sound):
    def catalogue(self, split: Split) -> Catalogue:
        return self.built(split, ("train", "validation", "test").index(split))


class NewVersions(Sound):
    opened = 0

    def built(self, split: Split, k: int, version: str = "1") -> Catalogue:
        type(self).opened += 1
        return super().built(split, k, f"opened {self.opened}")


class OneSplit(Sound):
    def built(self, split: Split, k: int, version: str = "1") -> Catalogue:
        return super().built("train", k)


class Written(Sound):
    def fetch(self, row: int) -> np.ndarray:
        return self._numbers[row : row + 1]


class Missing(Sound):
    def fetch(self, row: int) -> np.ndarray:
        if row == 35:
            raise DataError("file 35.txt: gone")
        return super().fetch(row)


class Draws(Sound):
    def fetch(self, row: int) -> np.ndarray:
        random.random()
        return super().fetch(row)


class Alike(Sound):
    def digest(self, row: int) -> str | None:
        return hashlib.sha256(b"").hexdigest()


class Short(Sound):
    def digest(self, row: int) -> str | None:
        return "abc"


class Forgets(Sound):
    def digest(self, row: int) -> str | None:
        return hashlib.sha256(str(id(self)).encode() + bytes([row])).hexdigest()


class NoPicture(Sound):
    def present(self, raw: np.ndarray) -> Presentation:
        return Presentation("image/png", b"a picture of " + str(raw).encode())


class NoText(Sound):
    def present(self, raw: np.ndarray) -> Presentation:
        return Presentation("text/plain", b"\xff" + str(raw).encode())


class NoPlace(Sound):
    def place(self, row: int) -> str:
        return "somewhere"


class WrongLabels(Sound):
    def fixed_episodes(self, split: Split) -> Mapping[str, Drawn]:
        drawn = super().fixed_episodes(split)["list"]
        turned = drawn.query_labels[:, ::-1]
        return {"list": Drawn(drawn.classes, drawn.support, drawn.support_labels, drawn.query, turned)}


SOURCES = [
    ("modality", Nameless, "modality is ''"),
    ("catalogue", NewCatalogues, "another one at every call"),
    ("catalogue", NewVersions, "opened twice it has two catalogues"),
    ("splits", OneSplit, "share the classes"),
    ("fetch", Written, "after the first was written to"),
    ("randomness", Draws, "draws from Python's random state"),
    ("digest", Alike, "two examples that differ have one digest"),
    ("digest", Short, "gives 'abc'"),
    ("digest", Forgets, "opened again it has another digest"),
    ("present", NoPicture, "no image/png"),
    ("present", NoText, "not UTF-8"),
    ("place", NoPlace, "the same of two rows"),
    ("fixed_episodes", WrongLabels, "a class that is not its own"),
]


class TestSoundSource(SourceConformance):
    make = Sound


class TestToySource(SourceConformance):
    make = Toy


def failures(outcomes: Any) -> dict[str, str]:
    return {one.name: one.reason for one in outcomes if one.result == "failed"}


@pytest.mark.parametrize(
    ("check", "source", "found"), SOURCES, ids=lambda one: getattr(one, "__name__", None)
)
def test_one_fault_of_a_source_fails_one_check(check: str, source: type[Source], found: str) -> None:
    failed = failures(run_checks(SOURCE_CHECKS, source))
    assert list(failed) == [check]
    assert found in failed[check]
    assert failed[check].startswith(source.__name__)


def test_an_example_that_cannot_be_fetched_is_named() -> None:
    reason = failures(run_checks({"fetch": SOURCE_CHECKS["fetch"]}, Missing))["fetch"]
    assert "Missing, test, row 35: fetch() raises DataError: file 35.txt: gone" in reason


def test_every_source_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in SOURCES} == set(SOURCE_CHECKS)


class TestAccuracy(MetricConformance):
    metric = accuracy


def summed(logits: Tensor, labels: Tensor) -> Tensor:
    return accuracy(logits, labels).sum()


def whole(logits: Tensor, labels: Tensor) -> Tensor:
    return (accuracy(logits, labels) * 100).long()


def of_right_classes(logits: Tensor, labels: Tensor) -> Tensor:
    return (labels == 1).sum(1).double() / (labels == 1).sum(1)


def centred(logits: Tensor, labels: Tensor) -> Tensor:
    values = cross_entropy(logits, labels)
    return values - values.mean()


def of_the_first(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits[:, :1], labels[:, :1])


def of_class_zero(logits: Tensor, labels: Tensor) -> Tensor:
    return logits[..., 0].double().mean(1)


def writes(logits: Tensor, labels: Tensor) -> Tensor:
    value = cross_entropy(logits, labels)
    logits[..., 0] += 1 - 1e-9
    return value


def draws(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels) + 1e-12 * torch.rand(len(logits), dtype=torch.float64)


METRICS = [
    ("shapes", whole, "torch.int64"),
    ("shapes", of_right_classes, "NaN or infinity"),
    ("episodes_apart", centred, "depends on others"),
    ("order", of_the_first, "order of the queries"),
    ("order", of_class_zero, "numbered otherwise"),
    ("changes_nothing", draws, "two values"),
]


def brier(logits: Tensor, labels: Tensor) -> Tensor:
    right = F.one_hot(labels, logits.shape[-1])
    return (logits.softmax(-1) - right).square().sum(-1).mean(-1)


def surprise(logits: Tensor, labels: Tensor) -> Tensor:
    """In the logits' own type, and told in another."""
    return F.cross_entropy(logits.mT, labels, reduction="none").mean(-1).double()


@pytest.mark.parametrize("metric", [accuracy, cross_entropy, equal_error_rate, brier, surprise])
def test_sound_metrics_pass(metric: Any) -> None:
    assert failures(run_checks(METRIC_CHECKS, metric)) == {}


@pytest.mark.parametrize(
    ("check", "metric", "found"), METRICS, ids=lambda one: getattr(one, "__name__", None)
)
def test_one_fault_of_a_metric_fails_one_check(check: str, metric: Any, found: str) -> None:
    failed = failures(run_checks(METRIC_CHECKS, metric))
    assert list(failed) == [check]
    assert found in failed[check]


@pytest.mark.parametrize(("metric", "check"), [(summed, "shapes"), (writes, "changes_nothing")])
def test_faults_that_show_in_more_than_one_place(metric: Any, check: str) -> None:
    assert check in failures(run_checks(METRIC_CHECKS, metric))


def test_every_metric_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in METRICS} == set(METRIC_CHECKS)


class Words(Source):
    """One class of texts."""

    modality = "words"

    def catalogue(self, split: Split) -> Catalogue:
        return Catalogue.build(["a"] * 4, list("0123"), version="1")

    def fetch(self, row: int) -> str:
        return f"the number {row}"

    def present(self, raw: str) -> Presentation:
        return Presentation("text/plain", raw.encode())


class SoundReader(Reader):
    """A text, or a file that holds one."""

    suffixes = (".txt",)

    def read(self, given: Any) -> str:
        if isinstance(given, str):
            return given
        if not isinstance(given, Path):
            raise ValueError(f"a {type(given).__name__} is no text")
        text = given.read_text(encoding="utf-8")
        if not text:
            raise ValueError("the file is empty")
        return text

    def present(self, raw: str) -> Presentation:
        return Presentation("text/plain", raw.encode())


class Shouts(SoundReader):
    suffixes = (".TXT", ".txt")


class Cuts(SoundReader):
    def read(self, given: Any) -> str:
        return super().read(given)[:5] if isinstance(given, Path) else super().read(given)


class PathsOnly(SoundReader):
    def read(self, given: Any) -> str:
        if isinstance(given, str):
            raise ValueError("a text is no path")
        return super().read(given)


class Capitals(SoundReader):
    def read(self, given: Any) -> str:
        return super().read(given).upper() if isinstance(given, str) else super().read(given)


class PresentsNothing(SoundReader):
    def present(self, raw: str) -> Presentation:
        return Presentation("audio/wav", raw.encode())


class TakesAll(SoundReader):
    def read(self, given: Any) -> str:
        return super().read(given) if isinstance(given, Path | str) else str(given)


class Stumbles(SoundReader):
    def read(self, given: Any) -> str:
        return super().read(given) if given is not None else given.text


class Uploads(SoundReader):
    unit, most = "characters", 1000

    def decode(self, content: bytes, most: float) -> str:
        text = content.decode()
        if not text or len(text) > most:
            raise ValueError("no text, or too much of it")
        return text


class TakesAnyAmount(Uploads):
    def decode(self, content: bytes, most: float) -> str:
        return super().decode(content, 10**9)


class DecodesOtherwise(Uploads):
    def decode(self, content: bytes, most: float) -> str:
        return super().decode(content, most)[:5]


class BreaksOnDamage(Uploads):
    def decode(self, content: bytes, most: float) -> str:
        try:
            return super().decode(content, most)
        except UnicodeDecodeError:
            raise KeyError(0) from None


READERS = [
    ("suffixes", Shouts, "['.TXT']"),
    ("present", PresentsNothing, "no audio/wav"),
    ("raw", PathsOnly, "read() of the raw example 0 raises ValueError: a text is no path"),
    ("raw", Capitals, "makes another of the raw example 0"),
    ("files", Cuts, "another example"),
    ("refusals", TakesAll, "is accepted"),
    ("refusals", Stumbles, "raises AttributeError"),
    ("uploads", TakesAnyAmount, "takes more than is allowed"),
    ("uploads", DecodesOtherwise, "another example"),
    ("uploads", BreaksOnDamage, "raises KeyError at a damaged file"),
]


class TestUploads(ReaderConformance):
    make = Uploads
    source = Words()


class TestSoundReader(ReaderConformance):
    make = SoundReader
    source = Words()


@pytest.mark.parametrize(
    ("check", "reader", "found"), READERS, ids=lambda one: getattr(one, "__name__", None)
)
def test_one_fault_of_a_reader_fails_one_check(check: str, reader: type[Reader], found: str) -> None:
    failed = failures(run_checks(READER_CHECKS, reader, Words()))
    assert list(failed) == [check]
    assert found in failed[check]


def test_every_reader_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in READERS} == set(READER_CHECKS)
