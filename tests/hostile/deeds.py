"""What is done to hostile input: the product's own doors, one function each. Run in the watched process alone."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

FETCHED = 20
"""Rows of a table that are looked at."""


def prepare() -> None:
    """Import what is slow to import, so that no piece of input pays for it."""
    import datasets
    import kshot_audio.tables
    import kshot_image.table
    import kshot_text.table
    import torch
    import torchaudio.transforms
    from kshot.benchmark import make_plan
    from kshot.classifier import FewShotClassifier
    from kshot.cli import main
    from kshot.registry import load_registry
    from kshot.report import write_report

    del FewShotClassifier, main, make_plan, write_report, kshot_audio, kshot_image, kshot_text, torchaudio
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    for entry in load_registry().entries("sources"):
        with contextlib.suppress(Exception):
            entry.resolve()
    for modality, table in _tables().items():  # its first opening imports the most
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Exception):
            path = Path(folder) / "first.csv"
            path.write_text(f"{modality},label\na,b\nc,d\n")
            table(path=str(path))
    _encoders()
    from kshot.report.spectrogram import Spectrogram
    from matplotlib import font_manager

    del Spectrogram, font_manager  # which looks for the machine's fonts, by a program


def _tables() -> dict[str, Any]:
    from kshot_audio.tables import audio_table
    from kshot_image.table import image_table
    from kshot_text.table import text_table

    return {"image": image_table, "audio": audio_table, "text": text_table}


def configuration(path: str, overrides: list[str] | None = None) -> int:
    """Read, check and plan a configuration file; the number of its cells."""
    from kshot.benchmark import make_plan
    from kshot.config import read
    from kshot.registry import load_registry

    return len(make_plan(read(Path(path), overrides or []), path, load_registry()).cells)


def table(modality: str, path: str, **options: Any) -> int:
    """Open a table, fetch some rows, draw them for people; the number of its rows."""
    from kshot.interfaces import Source
    from kshot.options import OptionsOf

    factory = _tables()[modality]
    given = {"path": path, "split": {"fractions": [1, 0, 0]}, **options}
    source: Source = factory(**OptionsOf(factory).resolve(given, "table").arguments)
    catalogue = source.catalogue("train")
    for row in catalogue.rows[:FETCHED]:
        source.present(source.fetch(int(row)))
        source.digest(int(row))
        source.place(int(row))
    return len(catalogue.rows)


def image(path: str) -> list[int]:
    """Read a picture as a source, a reader and an encoder do, and draw it."""
    from kshot_image.pictures import decode, pixel_values, present

    picture = decode(Path(path).read_bytes())
    pixel_values([picture], 32, 3, "an encoder")
    present(picture)
    return list(picture.size)


def image_sent(path: str) -> list[int]:
    """Read a picture as the server does."""
    from kshot_image.reading import ImageReader

    reader = ImageReader()
    picture = reader.decode(Path(path).read_bytes(), reader.most)
    reader.present(picture)
    return list(picture.size)


def audio(path: str) -> float:
    """Read a recording as a source does, hear it as an encoder does, and draw it."""
    from kshot.report.spectrogram import spectrogram
    from kshot_audio.recordings import Listener
    from kshot_audio.waveform import decode, encode_wav

    waveform = decode(Path(path).read_bytes())
    Listener(16_000, seconds=3).hear([waveform])
    with contextlib.suppress(ValueError):  # the report says so in the drawing's place
        spectrogram(encode_wav(waveform))
    return waveform.seconds


def audio_sent(path: str) -> float:
    """Read a recording as the server does."""
    from kshot_audio.reading import AudioReader

    reader = AudioReader()
    waveform = reader.decode(Path(path).read_bytes(), reader.most)
    reader.present(waveform)
    return waveform.seconds


def text(path: str) -> int:
    """Read a text as readers do, and encode it with the house's own tokenisers."""
    from kshot_text.reading import TextReader

    reader = TextReader()
    raw = reader.decode(Path(path).read_bytes(), 10**9)
    reader.present(raw)
    for encoder in _encoders():
        encoder.prepare([raw])
    return len(raw)


@functools.cache
def _encoders() -> list[Any]:
    """Encoders of texts, fitted to a few."""
    from kshot.registry import load_registry

    made: list[Any] = []
    for name in ("tfidf", "mini_transformer", "char_cnn_gru"):
        encoder = load_registry().find("encoders", name).resolve()()
        encoder.fit([f"flour {number} in the oven" for number in range(20)])
        made.append(encoder)
    return made


def image_file(path: str) -> list[int]:
    """Read a file that was named to a classifier."""
    from kshot_image.reading import ImageReader

    return list(ImageReader().read(Path(path)).size)


def audio_file(path: str) -> float:
    """Likewise a recording."""
    from kshot_audio.reading import AudioReader

    return AudioReader().read(Path(path)).seconds


def text_file(path: str) -> int:
    """Likewise a text."""
    from kshot_text.reading import TextReader

    return len(TextReader().read(Path(path)))


def bundle(path: str) -> list[str]:
    """Load a classifier, and ask it."""
    from kshot import FewShotClassifier

    classifier = FewShotClassifier.load(path, "cpu")
    return [str(one) for one in classifier.predict(["flour in the oven", "a song"])]


def command(arguments: list[str], folder: str | None = None, given: str = "") -> dict[str, Any]:
    """Run the command line; exit code, and what it said. Raises where a user would see anything but one message."""
    from kshot.cli import main

    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8"),
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace"),
    )
    before, stdin = Path.cwd(), sys.stdin
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(folder or empty)
        sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode("utf-8", "surrogatepass")), "utf-8")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(arguments)
                out.flush()
                err.flush()
        finally:
            sys.stdin = stdin
            os.chdir(before)
    said = {"code": code, "out": out.buffer.getvalue().decode(), "err": err.buffer.getvalue().decode()}  # type: ignore[attr-defined]
    if code not in (0, 1, 2) or "Traceback" in said["err"]:
        raise RuntimeError(f"exit code {code}: {said['err'][:3000]}")
    if any(ord(one) < 32 and one not in "\n\t" for one in said["err"]):
        raise RuntimeError(f"control characters reach the terminal: {said['err'][:500]!r}")
    return said
