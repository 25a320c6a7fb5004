"""Audio files of strangers: unpacked a piece at a time, so that a small file cannot fill the memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot_audio.waveform import Waveform, checked

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
"""libsndfile's names of what is read; it knows forty more, most of them seldom tried."""

CHANNELS = 8
RATES = range(4_000, 192_001, 25)
"""Rates that are taken. A resampling filter grows with the rates over their greatest common divisor: from
44,101 to 16,000 per second it takes gigabytes, from a multiple of 25 megabytes at most."""

_PIECE = 65_536


def unpack(content: bytes, most: float) -> Waveform:
    """Read an audio file whose header may lie.

    Args:
        content: the file.
        most: seconds that it may last.

    Raises:
        ValueError: not such a file, too long, of a strange rate or too many channels, or as
            :func:`kshot_audio.waveform.decode` has it; with a short reason.
    """
    import soundfile

    if not content:
        raise ValueError("the file is empty")
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            if sound.format not in FORMATS:
                raise ValueError(f"{sound.format} is not read here; send WAV, FLAC, Ogg or MP3")
            if sound.samplerate not in RATES:
                allowed = f"{RATES[0]} to {RATES[-1]} in steps of {RATES.step} are read"
                raise ValueError(f"{sound.samplerate} samples per second; {allowed}")
            if sound.channels > CHANNELS:
                raise ValueError(f"{sound.channels} channels; up to {CHANNELS} are read")
            samples = _mono(sound, int(most * sound.samplerate), most)
            return Waveform(checked(samples), int(sound.samplerate))
    except (soundfile.SoundFileError, RuntimeError) as error:
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise ValueError(f"not a readable audio file ({reason})") from error


def _mono(sound: Any, limit: int, most: float) -> NDArray[np.float32]:
    pieces: list[NDArray[np.float32]] = []
    count = 0
    while len(piece := sound.read(_PIECE, dtype="float32", always_2d=True)):
        count += len(piece)
        if count > limit:
            raise ValueError(f"longer than {most:g} seconds")
        pieces.append(piece.mean(axis=1))
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)
