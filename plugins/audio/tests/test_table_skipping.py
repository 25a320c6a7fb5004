"""Recordings as people have them: damaged, empty and silent ones are skipped on demand, in every form."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kshot.errors import DataError
from kshot.interfaces import Source
from kshot.loading.prepare import prepare
from kshot.splits import ClassSplit
from kshot_audio.encoders.dvector import DVector
from kshot_audio.encoders.mel_statistics import MelStatistics
from kshot_audio.tables import audio_table
from kshot_audio.waveform import Waveform

SPLIT = ClassSplit(train=["a"], test=["b"])
KINDS = ("wav", "flac", "ogg", "mp3")
BAD = ["cut.flac", "empty.wav", "nan.wav", "no_samples.wav", "silent.ogg", "text.mp3"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def recordings(tmp_path: Path, recording: Callable[..., Waveform]) -> Path:
    """Two class folders of good recordings, and of every kind of damage one file among those of class a."""
    import soundfile

    folder = tmp_path / "recordings"
    for label in "ab":
        (folder / label).mkdir(parents=True)
        for number, kind in enumerate(KINDS):
            samples = recording(0.5, 16000, seed=number).samples
            soundfile.write(folder / label / f"{number}.{kind}", samples, 16000)
    flac = (folder / "a" / "1.flac").read_bytes()
    (folder / "a" / "cut.flac").write_bytes(flac[:40])
    (folder / "a" / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "a" / "nan.wav", np.full(800, np.nan), 8000, subtype="FLOAT")
    soundfile.write(folder / "a" / "no_samples.wav", np.zeros(0), 8000)
    soundfile.write(folder / "a" / "silent.ogg", np.zeros(8000), 8000)
    (folder / "a" / "text.mp3").write_bytes(b"<html>404</html>")
    return folder


def serves(source: Source) -> None:
    catalogue = source.catalogue("train")
    assert len(catalogue) == len(KINDS)
    inputs = prepare(MelStatistics(), source, catalogue.rows)
    assert all(len(leaf) == len(KINDS) for leaf in inputs.values())


def test_a_folder(recordings: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = audio_table(path=str(recordings), split=SPLIT, on_error="skip")
    reasons = [
        "not a readable audio file",
        "is empty; mend",
        "NaN or infinite samples",
        "no samples",
        "silent from beginning to end",
        "not a readable audio file",
    ]
    for name, reason, problem in zip(BAD, reasons, source.skipped, strict=True):
        assert f"a/{name}" in problem
        assert reason in problem
    serves(source)
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "skipped 6 of 14 examples" in warning


def test_a_table_of_paths(recordings: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="tables need kshot[tables]")
    files = sorted(recordings.glob("*/*"))
    with (tmp_path / "paths.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["audio", "label"])
        writer.writerows([str(file.relative_to(tmp_path)), file.parent.name] for file in files)
        writer.writerows([["recordings/a/nowhere.wav", "a"], ["", "a"]])
    source = audio_table(path=str(tmp_path / "paths.csv"), split=SPLIT, on_error="skip")
    bad = [row for row, file in enumerate(files) if file.name in BAD]
    for row, problem in zip([*bad, len(files), len(files) + 1], source.skipped, strict=True):
        assert f"paths.csv line {row + 2}, column 'audio'" in problem
    serves(source)


def test_a_table_of_bytes(recordings: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="tables need kshot[tables]")
    import pyarrow
    import pyarrow.parquet

    files = sorted(recordings.glob("*/*"))
    cells = [{"audio": file.read_bytes(), "label": file.parent.name} for file in files]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(cells), tmp_path / "inside.parquet")
    source = audio_table(path=str(tmp_path / "inside.parquet"), split=SPLIT, on_error="skip")
    assert len(source.skipped) == len(BAD)
    serves(source)


def test_a_recording_that_an_encoder_refuses_is_named(recordings: Path) -> None:
    """A tone at 20 kHz can be heard at the file's rate, and is gone at the encoder's."""
    import soundfile

    tone = 0.5 * np.sin(2 * np.pi * 20_000 * np.arange(24_000) / 48_000) * np.hanning(24_000)
    soundfile.write(recordings / "a" / "bat.wav", tone, 48_000)
    source = audio_table(path=str(recordings), split=SPLIT, on_error="skip")
    with pytest.raises(DataError, match=r"recordings/a/bat\.wav: a recording.* is silent"):
        prepare(DVector(dim=8, width=8), source, source.catalogue("train").rows)
