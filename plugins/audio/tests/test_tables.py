"""The source ``audio_table``: files of every kind, and what cannot be read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kshot.errors import DataError
from kshot.options import OptionsOf
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_audio.encoders.mel_statistics import MelStatistics
from kshot_audio.tables import audio_table
from kshot_audio.waveform import Waveform, encode_wav


def resolve(**options: object) -> object:
    """As a configuration's options reach the factory."""
    return audio_table(**OptionsOf(audio_table).resolve(options, "sources.mine").arguments)


@pytest.fixture
def folder(tmp_path: Path, recording: Callable[..., Waveform]) -> Path:
    """Six speakers with three files each, of three formats and rates."""
    import soundfile

    for speaker in range(6):
        place = tmp_path / "speech" / f"speaker{speaker}"
        place.mkdir(parents=True)
        for i, (suffix, rate) in enumerate([("wav", 16000), ("flac", 8000), ("ogg", 22050)]):
            soundfile.write(
                place / f"{i}.{suffix}", recording(0.2, rate, seed=10 * speaker + i).samples, rate
            )
        (place / "notes.txt").write_text("no recording")
    return tmp_path / "speech"


def test_a_folder_of_class_folders(folder: Path) -> None:
    source = resolve(path=str(folder), split={"fractions": [0.5, 0.17, 0.33], "seed": 0})
    catalogues = [source.catalogue(split) for split in ("train", "validation", "test")]
    assert sorted(name for one in catalogues for name in one.classes) == [f"speaker{i}" for i in range(6)]
    rates = {source.fetch(int(row)).rate for row in catalogues[0].rows}
    assert rates == {8000, 16000, 22050}
    raw = source.fetch(int(catalogues[0].rows[0]))
    presentation = source.present(raw)
    assert presentation.media == "audio/wav"
    assert presentation.data == encode_wav(raw)


def test_a_stereo_file_is_mixed_down(folder: Path) -> None:
    import soundfile

    left, right = np.linspace(-0.5, 0.5, 800), np.full(800, 0.25)
    soundfile.write(folder / "speaker0" / "0.wav", np.stack([left, right], 1), 8000, subtype="FLOAT")
    source = resolve(path=str(folder), split={"train": ["speaker0", "speaker1"], "test": ["speaker2"]})
    catalogue = source.catalogue("train")
    raw = source.fetch(int(catalogue.rows[0]))
    assert raw.rate == 8000
    np.testing.assert_allclose(raw.samples, (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"not audio", "not a readable audio file"), (b"RIFF" + bytes(50), "not a readable audio file")],
)
def test_an_unreadable_file_is_named(folder: Path, content: bytes, reason: str) -> None:
    (folder / "speaker1" / "0.wav").write_bytes(content)
    source = resolve(path=str(folder), split={"train": ["speaker1"], "test": ["speaker2"]})
    row = int(source.catalogue("train").rows[0])
    with pytest.raises(DataError, match=reason) as caught:
        source.fetch(row)
    assert "speaker1/0.wav" in str(caught.value)


def test_a_silent_file_is_named(folder: Path) -> None:
    import soundfile

    soundfile.write(folder / "speaker1" / "0.wav", np.zeros(800), 8000)
    source = resolve(path=str(folder), split={"train": ["speaker1"], "test": ["speaker2"]})
    with pytest.raises(DataError, match=r"speaker1/0\.wav.*silent"):
        source.fetch(int(source.catalogue("train").rows[0]))


def test_parquet_with_groups(tmp_path: Path, recording: Callable[..., Waveform]) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [(speaker, take) for speaker in "abcdef" for take in range(6)]
    contents = [encode_wav(recording(0.1, 8000, seed=i)) for i in range(len(rows))]
    contents[7] = b"broken"  # speaker b, second take
    table = pyarrow.table(
        {
            "sound": [{"bytes": content, "path": None} for content in contents],
            "who": [speaker for speaker, _ in rows],
            "room": [f"room {take // 2}" for _, take in rows],
            "sex": ["female" if speaker in "abc" else "male" for speaker, _ in rows],
            "part": ["train" if speaker in "abc" else "test" for speaker, _ in rows],
        }
    )
    path = tmp_path / "speech.parquet"
    pyarrow.parquet.write_table(table, path)
    source = resolve(
        path=str(path),
        audio="sound",
        label="who",
        split={"column": "part"},
        class_groups=["sex"],
        example_groups=["room"],
    )
    catalogue = source.catalogue("train")
    assert catalogue.class_groups["sex"] == ("female",) * 3
    sampler = Sampler(catalogue, "train", Shape(2, 1, 2, within="sex", apart="room"), 0)
    drawn = sampler.draw(0, 50)
    rooms = catalogue.example_groups["room"]
    for episode in range(50):
        for label in (0, 1):
            support = rooms[drawn.support[episode][drawn.support_labels[episode] == label]]
            query = rooms[drawn.query[episode][drawn.query_labels[episode] == label]]
            assert not set(support) & set(query)
    with pytest.raises(DataError, match=r"row 7, column 'sound'.*not a readable audio file"):
        source.fetch(7)


def test_librispeech_speakers(speakers_parquet: Path) -> None:
    """Real speech: the published split, one utterance a speaker, and speakers that differ."""
    source = resolve(
        path=str(speakers_parquet),
        label="speaker",
        split={"column": "split", "validation": "val"},
        example_groups=["utterance"],
        class_groups=["sex"],
    )
    sizes = [
        (len(source.catalogue(s).classes), len(source.catalogue(s))) for s in ("train", "validation", "test")
    ]
    assert sizes == [(135, 1049), (31, 244), (41, 321)]
    catalogue = source.catalogue("test")
    assert set(catalogue.class_groups["sex"]) == {"F", "M"}
    with pytest.raises(DataError, match="apart"):  # a speaker's clips all come from one utterance
        Sampler(catalogue, "test", Shape(5, 1, 1, apart="utterance"), 0)
    raws = [source.fetch(int(row)) for row in catalogue.rows[:60]]
    assert {(raw.rate, len(raw.samples)) for raw in raws} == {(16000, 24000)}
    encoder = MelStatistics()
    embeddings = encoder(encoder.prepare(raws))
    distances = (embeddings[:, None] - embeddings[None]).square().sum(2).fill_diagonal_(np.inf)
    labels = catalogue.labels[:60]
    same = np.mean(labels[distances.argmin(1).numpy()] == labels)
    assert same > 0.6  # guessing among these eight speakers or so would give 0.13


def test_digits_at_8_khz_across_recordings(digits_parquet: Path) -> None:
    """FSDD, 8 kHz: digits as classes, a speaker's voice never on both sides."""
    source = resolve(
        path=str(digits_parquet),
        label="digit",
        split={"train": [str(i) for i in range(5)], "test": [str(i) for i in range(5, 10)]},
        example_groups=["speaker"],
    )
    catalogue = source.catalogue("test")
    assert catalogue.classes == ("5", "6", "7", "8", "9")
    Sampler(catalogue, "test", Shape(5, 1, 5, apart="speaker"), 0).draw(0, 10)
    encoder = MelStatistics(mels=24)
    raw = source.fetch(int(catalogue.rows[0]))
    assert raw.rate == 8000
    assert encoder(encoder.prepare([raw])).isfinite().all()


def test_wav_bytes_are_self_contained(recording: Callable[..., Waveform]) -> None:
    import soundfile

    assert soundfile.info(io.BytesIO(encode_wav(recording(0.1)))).frames == 1600
