"""eSpeak NG's traps, each met when tried, and what fences it off."""

from __future__ import annotations

import ctypes
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot.errors import KshotError
from kshot_audio.voices import engine as engine_module
from kshot_audio.voices.engine import engine
from kshot_audio.voices.speakers import SPEAKERS

pytestmark = pytest.mark.usefixtures("espeak")

SENTENCE = "The old judge rarely mentions the silver watch."


def test_speech_has_the_length_that_the_rate_asks_for() -> None:
    with engine() as (speak, rate):
        slow, fast = speak("m1", SENTENCE, 140, 50), speak("m1", SENTENCE, 210, 50)
    assert rate == 22050
    assert slow.dtype == np.float32
    assert np.abs(slow).max() <= 1
    assert 1.3 < len(slow) / len(fast) < 1.7
    assert 1 < len(fast) / rate < 4


def test_pitch_is_obeyed() -> None:
    def fundamental(samples: np.ndarray, rate: int) -> float:
        correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2)
        lags = np.arange(rate // 400, rate // 60)
        return rate / lags[correlation[lags].argmax()]

    with engine() as (speak, rate):
        low, high = (fundamental(speak("m1", SENTENCE, 170, pitch), rate) for pitch in (35, 65))
    assert high > 1.15 * low


def test_repeats_are_bit_exact() -> None:
    """Within one state of the engine they are not: every use gets a state of its own.

    Breathy voices (whisperf) draw from the engine's generator, breathy Klatt voices (Reed) from C's.
    """
    variants = ("m1", "klatt3", "whisperf", "Reed", "m1")
    runs = []
    for wait in (0, 1.1):  # left alone, the engine seeds its generator by the clock's seconds
        time.sleep(wait)
        with engine() as (speak, _rate):
            runs.append([speak(variant, SENTENCE, 170, 50) for variant in variants])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(runs[0][0], runs[0][-1])


def test_an_unknown_variant_is_refused() -> None:
    """The engine itself reports success and speaks in the default voice."""
    with engine() as (speak, _), pytest.raises(KshotError, match=r"no variant 'klat3'.*'klatt3'"):
        speak("klat3", SENTENCE, 170, 50)


def test_every_speaker_is_a_variant_of_its_own() -> None:
    """Its samples differ from the default voice's, so the engine did load it."""
    with engine() as (speak, _):
        default = speak("fast", "Five.", 170, 50)  # a variant that changes nothing but the fastest rate
        for speakers in SPEAKERS.values():
            for speaker in speakers:
                spoken = speak(speaker, "Five.", 170, 50)
                shared = min(len(spoken), len(default))
                difference = np.abs(spoken[:shared] - default[:shared]).mean() / np.abs(default).mean()
                assert len(spoken) != len(default) or difference > 0.1, speaker


def test_a_long_data_path_is_refused_with_its_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 150)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(KshotError, match=r"cannot read its data.*TMPDIR"), engine():
        pass
    monkeypatch.undo()
    with engine() as (speak, _):
        assert len(speak("m1", SENTENCE, 170, 50))


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Lets one of the library's functions do nothing but return a code."""
    load = engine_module._load

    def arrange(call: str, code: int) -> None:
        class Deaf:
            def __init__(self, library: ctypes.CDLL) -> None:
                self._library = library

            def __getattr__(self, name: str) -> Any:
                return (lambda *_: code) if name == f"espeak_{call}" else getattr(self._library, name)

        monkeypatch.setattr(engine_module, "_load", lambda *arguments: Deaf(load(*arguments)))

    return arrange


@pytest.mark.parametrize("call", ["SetVoiceByName", "SetParameter", "Synth", "Synchronize"])
def test_a_failing_call_is_reported(call: str, answering: Callable[[str, int], None]) -> None:
    """The engine says that something went wrong in return codes only."""
    answering(call, 2)
    with engine() as (speak, _), pytest.raises(KshotError, match=f"{call} failed with code 2"):
        speak("m1", SENTENCE, 170, 50)


def test_silence_is_reported(answering: Callable[[str, int], None]) -> None:
    answering("Synth", 0)
    with engine() as (speak, _), pytest.raises(KshotError, match="'m1' said nothing"):
        speak("m1", SENTENCE, 170, 50)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal; what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_neither_lost_nor_does_it_cut_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """ctypes swallows what a callback raises: Ctrl-C waits until the sentence is spoken."""
    pieces: list[int] = []
    receive = engine_module._Engine._receive

    def interrupted(self: Any, samples: Any, count: int, events: int | None) -> int:
        if not pieces:
            signal.raise_signal(signal.SIGINT)
        pieces.append(count)
        return receive(self, samples, count, events)

    with engine() as (speak, _):
        whole = len(speak("m1", SENTENCE, 170, 50))
    monkeypatch.setattr(engine_module._Engine, "_receive", interrupted)
    with engine() as (speak, _), pytest.raises(KeyboardInterrupt):
        speak("m1", SENTENCE, 170, 50)
    assert sum(pieces) == whole
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_threads_wait_for_each_other() -> None:
    """Two threads within the engine abort the process; here each gives what it would alone."""
    variants = [("m1", "f2"), ("klatt3", "whisper"), ("f1", "m1")]
    spoken: dict[int, list[np.ndarray]] = {}

    def work(number: int) -> None:
        with engine() as (speak, _):
            spoken[number] = [speak(variant, SENTENCE, 170, 50) for variant in variants[number]]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(variants))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for number, pair in enumerate(variants):
        with engine() as (speak, _):
            for variant, samples in zip(pair, spoken[number], strict=True):
                np.testing.assert_array_equal(speak(variant, SENTENCE, 170, 50), samples)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with engine() as (speak, _):
        speak("m1", SENTENCE, 170, 50)
        assert list(tmp_path.iterdir())
    if sys.platform != "win32":  # there a loaded library cannot be deleted
        assert not list(tmp_path.iterdir())


def test_where_no_copy_can_be_loaded_the_library_itself_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems let nothing in the folder of temporary files be executed."""
    load = ctypes.CDLL

    def refuse(path: str, *arguments: Any) -> ctypes.CDLL:
        if "kshot-" in path:
            raise OSError("failed to map segment from shared object")
        return load(path, *arguments)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with engine() as (speak, _):
        assert len(speak("m1", SENTENCE, 170, 50))
