"""The main job: speakers that no encoder has met are told apart, and better after training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from kshot.episode import Inputs
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_audio.encoders.dvector import DVector
from kshot_audio.encoders.mel_statistics import MelStatistics
from kshot_audio.voices.engine import engine
from kshot_audio.voices.recipe import lines
from kshot_audio.voices.source import Voices
from kshot_audio.voices.speakers import SPEAKERS
from kshot_audio.waveform import Waveform
from torch import Tensor

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("espeak")]


def logits(support: Tensor, query: Tensor, labels: Tensor) -> Tensor:
    """Prototypes by hand: (S, dim), (Q, dim), (S,) labels of a 1-shot episode → (Q, way)."""
    return -torch.cdist(query[None], support[labels.argsort()][None])[0].square()


def test_a_short_training_beats_the_mean_spectrum_by_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    torch.manual_seed(0)
    source = Voices()
    statistics, encoder = MelStatistics(), DVector()
    inputs: dict[str, Inputs] = {
        split: encoder.prepare([source.fetch(int(row)) for row in source.catalogue(split).rows])
        for split in ("train", "test")
    }

    def accuracy(embeddings: Tensor) -> float:
        drawn = Sampler(source.catalogue("test"), "test", Shape(5, 1, 10), 1234).draw(0, 200)
        right = [
            (logits(embeddings[s], embeddings[q], torch.from_numpy(a)).argmax(1).numpy() == b).mean()
            for s, q, a, b in zip(
                drawn.support, drawn.query, drawn.support_labels, drawn.query_labels, strict=True
            )
        ]
        return float(np.mean(right))

    optimiser = torch.optim.Adam(encoder.parameters(), 1e-3)
    drawn = Sampler(source.catalogue("train"), "train", Shape(5, 1, 5), 0).draw(0, 400)
    for start in range(0, 400, 4):
        losses = []
        for i in range(start, start + 4):
            index = torch.from_numpy(np.concatenate([drawn.support[i], drawn.query[i]]))
            embeddings = encoder({name: leaf[index] for name, leaf in inputs["train"].items()})
            scores = logits(embeddings[:5], embeddings[5:], torch.from_numpy(drawn.support_labels[i]))
            losses.append(torch.nn.functional.cross_entropy(scores, torch.from_numpy(drawn.query_labels[i])))
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()
        optimiser.step()
    with torch.no_grad():
        before, after = accuracy(statistics(inputs["test"])), accuracy(encoder(inputs["test"]))
    assert 0.4 < before < 0.6  # neither trivial nor hopeless
    assert after > before + 0.15


def test_no_two_speakers_sound_alike() -> None:
    """Clean mean spectra, at random rates and pitches, in units of the spread within a speaker."""
    encoder = MelStatistics()
    spectra = []
    with engine() as (speak, rate):
        for speaker in (name for names in SPEAKERS.values() for name in names):
            clips = [
                Waveform(speak(speaker, line.sentence, line.rate, line.pitch), rate)
                for line in lines(speaker, 8, 7)
            ]
            spectra.append(encoder(encoder.prepare(clips)))
    stacked = torch.stack(spectra)
    means = stacked.mean(1)
    spread = (stacked - means[:, None]).square().mean((0, 1)).sqrt()
    scaled = means / spread / means.shape[1] ** 0.5
    nearest = torch.cdist(scaled, scaled).fill_diagonal_(torch.inf).amin(1)
    assert nearest.min() > 0.88  # copies such as adam and klatt6 lie about 0.2 apart
    assert nearest.median() > 1.5
