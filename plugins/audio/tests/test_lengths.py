"""Recordings of any length through episodes, learners and a whole benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from kshot import results
from kshot.cli import main
from kshot.episode import Examples
from kshot.interfaces import Encoder
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot_audio.encoders.dvector import DVector
from kshot_audio.encoders.xvector import xvector
from kshot_audio.waveform import Waveform, encode_wav

ENCODERS = [
    pytest.param(lambda: DVector(width=8, dim=8, mels=12), id="dvector"),
    pytest.param(lambda: DVector(network="lstm", width=8, dim=8, mels=12), id="dvector-lstm"),
    pytest.param(
        lambda: xvector(width=8, dim=8, pooled=12, mels=12, window=0.3, windows=2, augment=["crop"]),
        id="xvector",
    ),
]
LEARNERS = [
    pytest.param(lambda encoder: Prototypical(encoder), id="prototypical"),
    pytest.param(lambda encoder: MAML(encoder, way=2, inner_steps=1), id="maml"),
]


def block(encoder: Encoder, clips: list[Waveform]) -> Examples:
    """One episode's examples, the classes in turn."""
    inputs = {name: leaf.unsqueeze(0) for name, leaf in encoder.prepare(clips).items()}
    return Examples(inputs, torch.arange(len(clips)).unsqueeze(0) % 2, 2)


@pytest.mark.parametrize("learn", LEARNERS)
@pytest.mark.parametrize("make", ENCODERS)
def test_support_and_query_may_differ_in_length(
    make: Callable[[], Encoder], learn: Callable[[Encoder], Any], recording: Callable[..., Waveform]
) -> None:
    """Long support, short queries: the same logits whatever else the query batch holds."""
    torch.manual_seed(0)
    encoder = make()
    learner = learn(encoder).eval()
    support = block(encoder, [recording(seconds, seed=i) for i, seconds in enumerate((1.0, 0.8, 0.6, 1.3))])
    short, long = recording(0.2, seed=7), recording(2.0, seed=8)
    classifier = learner.adapt((support,))
    alone = classifier((block(encoder, [short]).inputs,))
    together = classifier((block(encoder, [short, long]).inputs,))
    assert together.shape == (1, 2, 2)
    torch.testing.assert_close(together[:, :1], alone, atol=1e-4, rtol=1e-4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine classes of clips of 0.2 to 0.9 s: a tone that moves about a pitch of the class's own."""
    generator = np.random.Generator(np.random.Philox(key=5))
    for label in range(9):
        (tmp_path / "clips" / f"class{label}").mkdir(parents=True)
        for number in range(8):
            time = np.arange(int(8000 * generator.uniform(0.2, 0.9))) / 8000
            pitch = 300 * 1.33**label * (1 + 0.4 * np.sin(2 * np.pi * 6 * time))
            tone = np.sin(2 * np.pi * np.cumsum(pitch) / 8000)
            samples = (0.2 * tone + 0.02 * generator.standard_normal(len(time))).astype(np.float32)
            path = tmp_path / "clips" / f"class{label}" / f"{number}.wav"
            path.write_bytes(encode_wav(Waveform(samples, 8000)))
    return tmp_path


def test_a_folder_of_clips_goes_through_a_benchmark(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Augmented, trimmed and cut, by the command line, from wav files of many lengths."""
    monkeypatch.setenv("KSHOT_CACHE", str(folder / "cache"))
    common = {"rate": 8000, "mels": 16, "width": 16, "dim": 16, "trim": True, "seconds": 0.5}
    common["augment"] = ["crop", "specaugment", "noise", "gain"]
    written = {
        "name": "lengths",
        "sources": {"clips": {"use": "audio_table", "path": str(folder / "clips")}},
        "encoders": {
            "audio": [{"use": "dvector", **common}, {"use": "xvector", "pooled": 24, "window": 0.3, **common}]
        },
        "learners": ["prototypical"],
        "train": {"way": 3, "shot": 1, "queries": 3, "episodes": 120},
        "evaluate": {"shapes": [{"way": 2, "shot": 1, "queries": 5}], "episodes": 50},
    }
    (folder / "bench.yaml").write_text(yaml.safe_dump(written))
    assert main(["bench", str(folder / "bench.yaml"), "--device", "cpu", "--out", str(folder / "run")]) == 0
    assert "prototypical" in capsys.readouterr().out
    cells = results.load(folder / "run").cells
    assert len(cells) == 2
    for cell in cells:
        assert cell.scores[0].accuracy > 0.7
        assert 0 < cell.truncated["test"] < 16
