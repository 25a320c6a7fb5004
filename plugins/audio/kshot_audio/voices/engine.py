"""eSpeak NG through ctypes, with its traps fenced off.

The engine is one process-wide state: two threads in it abort the process, its oscillators run
on from one utterance to the next, and its breath is seeded by the clock, so that no repeat is
bit-exact. Here each use loads a *copy* of the library, whose state is new, and seeds it; so the
same calls in the same order give the same samples on one machine, whatever spoke before. One
lock keeps threads apart. The data files are copied beside the library, because the engine holds
its data path in 160 characters.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from kshot.errors import KshotError, nearest
from numpy.typing import NDArray

LANGUAGE = "en"
SEED = 1
_DATA_FILES = ("phontab", "phonindex", "phondata", "intonations", "en_dict", "lang/gmw/en")
_VARIANTS = "voices/!v"
_LONGEST_PATH = 159

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

_lock = threading.Lock()

Speak = Callable[[str, str, int, int], NDArray[np.float32]]


@contextmanager
def engine() -> Generator[tuple[Speak, int], None, None]:
    """The engine, in a state of its own that depends on nothing spoken before.

    Yields:
        ``speak(variant, sentence, rate, pitch)``, which returns (n,) samples in [-1, 1], and
        their sampling rate. ``rate`` is in words per minute, ``pitch`` in 0 … 99.

    Raises:
        KshotError: the package is not installed, the engine does not start, the variant does
            not exist, or nothing was spoken.
    """
    require_engine()
    import espeakng_loader

    library, data = Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
    with _lock, tempfile.TemporaryDirectory(prefix="kshot-", ignore_cleanup_errors=True) as folder:
        spoken = _Engine(_load(library, Path(folder)), _copy_data(data, Path(folder)))
        try:
            yield spoken.speak, spoken.rate
        finally:
            spoken.close()


class _Engine:
    def __init__(self, library: ctypes.CDLL, data: Path) -> None:
        self._library, self._data = library, data
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._receive)  # kept: ctypes does not keep it alive
        # Without the last option the engine ends the process when it finds no data.
        self.rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DO_NOT_EXIT)
        if self.rate <= 0:
            raise KshotError(
                f"eSpeak NG cannot read its data in {data} ({len(str(data))} characters; it reads paths of up "
                f"to {_LONGEST_PATH}); set TMPDIR to a folder with a short name"
            )
        library.espeak_SetSynthCallback(self._callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        if os.name == "posix":  # found through the library; the Klatt voices draw from it
            library.srand(SEED)

    def speak(self, variant: str, sentence: str, rate: int, pitch: int) -> NDArray[np.float32]:
        # An unknown variant counts as success and is spoken in the default voice.
        if not (self._data / _VARIANTS / variant).is_file():
            known = sorted(path.name for path in (self._data / _VARIANTS).iterdir())
            raise KshotError(f"eSpeak NG has no variant '{variant}'{nearest(variant, known)}")
        text = sentence.encode()
        self._pieces.clear()
        self._call("SetVoiceByName", f"{LANGUAGE}+{variant}".encode())
        self._call("SetParameter", _RATE, rate, 0)
        self._call("SetParameter", _PITCH, pitch, 0)
        with _interrupts_wait():
            self._call("Synth", text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, _UTF8, None, None)
            self._call("Synchronize")
        if not self._pieces:
            raise KshotError(f"eSpeak NG's variant '{variant}' said nothing to {sentence!r}")
        return np.concatenate(self._pieces).astype(np.float32) / np.float32(32768)

    def close(self) -> None:
        self._library.espeak_Terminate()

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, f"espeak_{name}")(*arguments)
        if code:
            raise KshotError(f"eSpeak NG: {name} failed with code {code}")

    def _receive(self, samples: Any, count: int, events: int | None) -> int:
        del events
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


@contextmanager
def _interrupts_wait() -> Generator[None, None, None]:
    """Hold Ctrl-C back for the length of a sentence.

    Raised within the engine's callback it would be swallowed by ctypes, and a piece of the
    sentence with it. Python runs signal handlers in the main thread only, others need no care.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        for number in waiting:
            signal.raise_signal(number)


def require_engine() -> str:
    """Version of the installed ``espeakng-loader``; a :class:`KshotError` where there is none."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise KshotError(
            "synthesised voices need eSpeak NG, which is GPL-3.0 and therefore optional: "
            'pip install "kshot-audio[voices]"'
        )
    return importlib.metadata.version("espeakng-loader")


def _load(library: Path, folder: Path) -> ctypes.CDLL:
    copy = folder / library.name
    shutil.copyfile(library, copy)
    try:
        return ctypes.CDLL(str(copy))
    except OSError:  # a folder from which nothing may be executed, a library that needs its neighbours
        return ctypes.CDLL(str(library))


def _copy_data(data: Path, folder: Path) -> Path:
    copy = folder / "data"
    for name in _DATA_FILES:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data / name, copy / name)
    shutil.copytree(data / _VARIANTS, copy / _VARIANTS)
    return copy
