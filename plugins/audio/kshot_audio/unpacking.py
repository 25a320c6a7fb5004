"""Audio files of strangers: fewer formats and rates than a user's own."""

from __future__ import annotations

from kshot_audio.waveform import Waveform, checked, mono, opened

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
"""libsndfile's names of what is read; it knows forty more, most of them seldom tried."""

CHANNELS = 8
RATES = range(4_000, 192_001, 25)
"""Rates that are taken. A resampling filter grows with the rates over their greatest common divisor: from
44,101 to 16,000 per second it takes gigabytes, from a multiple of 25 megabytes at most."""


def unpack(content: bytes, most: float) -> Waveform:
    """Read an audio file whose header may lie.

    Args:
        content: the file.
        most: seconds that it may last.

    Raises:
        ValueError: not such a file, too long, of a strange rate or too many channels, or as
            :func:`kshot_audio.waveform.decode` has it; with a short reason.
    """
    with opened(content) as sound:
        if sound.format not in FORMATS:
            raise ValueError(f"{sound.format} is not read here; send WAV, FLAC, Ogg or MP3")
        if sound.samplerate not in RATES:
            allowed = f"{RATES[0]} to {RATES[-1]} in steps of {RATES.step} are read"
            raise ValueError(f"{sound.samplerate} samples per second; {allowed}")
        if sound.channels > CHANNELS:
            raise ValueError(f"{sound.channels} channels; up to {CHANNELS} are read")
        return Waveform(checked(mono(sound, most)), int(sound.samplerate))
