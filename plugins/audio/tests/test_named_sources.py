"""Data sets with names: each opened as a configuration opens it, in the layouts of its README row."""

from __future__ import annotations

import csv
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from kshot.errors import ConfigurationError, KshotError
from kshot.interfaces import SPLITS, Source
from kshot.options import OptionsOf
from kshot.options.given import given_options
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_audio.datasets import NAMED
from kshot_audio.waveform import encode_wav

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")

SPECS = {spec.name: spec for spec in NAMED}
SIZES = {
    "esc50": {},
    "fsdd": {"speakers-4-2": (4, 0, 2), "speakers-1-5": (1, 0, 5), "digits-6-4": (6, 0, 4)},
    "librispeech": {"within-recording": (2, 1, 2), "across-recordings": (2, 1, 2), "clean-100": (2, 1, 2)},
    "speech_commands": {"chen2020-commands": (20, 0, 10), "chen2020-digits": (20, 0, 10)},
    "voxceleb1": {"verification": (1211, 0, 40)},
}


@pytest.fixture(autouse=True)
def _own_datasets_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf_cache"))


@pytest.fixture
def clip(recording: Callable[..., Any]) -> bytes:
    return encode_wav(recording(0.05))


def opened(name: str, **options: Any) -> Source:
    spec = SPECS[name]
    module, _, attribute = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    given = OptionsOf(factory).resolve(given_options(spec, options, None))
    return factory(**given.arguments)


def sizes(source: Source) -> tuple[int, ...]:
    found = []
    for split in SPLITS:
        try:
            found.append(len(source.catalogue(split).classes))
        except KshotError:
            found.append(0)
    return tuple(found)


def table(path: Path, clip: bytes, **columns: Sequence[Any]) -> str:
    rows = len(next(iter(columns.values())))
    audio = [{"bytes": clip, "path": None}] * rows
    datasets.Dataset.from_dict({"audio": audio, **columns}).to_parquet(str(path))
    return str(path)


def put(path: Path, clip: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clip)


def test_every_split_is_tried() -> None:
    assert {name: set(spec.splits) for name, spec in SPECS.items()} == {n: set(s) for n, s in SIZES.items()}
    assert all(spec.paper and spec.licence for spec in NAMED)


def test_fsdd_by_speaker_and_by_digit(tmp_path: Path, clip: bytes) -> None:
    speakers = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    pairs = [(speaker, digit) for speaker in speakers for digit in range(10)]
    path = table(
        tmp_path / "fsdd.parquet", clip, speaker=[one for one, _ in pairs], digit=[one for _, one in pairs]
    )
    assert sizes(opened("fsdd", path=path)) == (4, 0, 2)
    for split in ("speakers-4-2", "speakers-1-5"):
        source = opened("fsdd", path=path, split=split)
        assert sizes(source) == SIZES["fsdd"][split]
        Sampler(source.catalogue("test"), "test", Shape(2, 1, 5, apart="digit"), 0)
    source = opened("fsdd", path=path, label="digit", split="digits-6-4")
    assert sizes(source) == SIZES["fsdd"]["digits-6-4"]
    Sampler(source.catalogue("test"), "test", Shape(4, 1, 5, apart="speaker"), 0)


def test_librispeech_in_a_table(tmp_path: Path, clip: bytes) -> None:
    path = table(
        tmp_path / "clips.parquet",
        clip,
        speaker=["1", "2", "3", "4", "5", "6", "6", "7", "7"],
        split=["train", "train", "val", "test", "test", *["test_other"] * 4],
        utterance=["1-1", "2-1", "3-1", "4-1", "5-1", "6-1", "6-2", "7-1", "7-2"],
    )
    assert sizes(opened("librispeech", path=path)) == SIZES["librispeech"]["within-recording"]
    source = opened("librispeech", path=path, split="across-recordings")
    assert sizes(source) == SIZES["librispeech"]["across-recordings"]
    assert source.catalogue("test").classes == ("6", "7")
    Sampler(source.catalogue("test"), "test", Shape(2, 1, 1, apart="utterance"), 0)


def test_librispeech_in_its_own_folders(tmp_path: Path, clip: bytes) -> None:
    parts = {"train-clean-100": ["19", "26"], "dev-clean": ["84"], "test-clean": ["61", "121"]}
    for part, speakers in parts.items():
        for speaker in speakers:
            for chapter in ("198", "227"):
                put(tmp_path / part / speaker / chapter / f"{speaker}-{chapter}-0000.wav", clip)
                (tmp_path / part / speaker / chapter / f"{speaker}-{chapter}.trans.txt").touch()
    paths = [str(tmp_path / part) for part in parts]
    source = opened("librispeech", path=paths, example_groups=["folder"], split="clean-100")
    assert sizes(source) == SIZES["librispeech"]["clean-100"]
    Sampler(source.catalogue("test"), "test", Shape(2, 1, 1, apart="folder"), 0)


def test_speech_commands(tmp_path: Path, clip: bytes) -> None:
    splits = SPECS["speech_commands"].splits
    words = {word for split in splits.values() for some in split.values() for word in some}
    for word in words | {"bed", "dog", "happy", "marvin", "wow", "_background_noise_"}:
        put(tmp_path / word / "00f0204f_nohash_0.wav", clip)
    (tmp_path / "testing_list.txt").touch()
    assert len(words) == 30
    assert sizes(opened("speech_commands", path=str(tmp_path))) == (20, 0, 10)
    for split, expected in SIZES["speech_commands"].items():
        source = opened("speech_commands", path=str(tmp_path), split=split)
        assert sizes(source) == expected
        assert not {"_background_noise_", "bed"} & {*source.catalogue("train").classes}
    assert {"nine", "zero"} < {*source.catalogue("test").classes}


def test_voxceleb1(tmp_path: Path, clip: bytes) -> None:
    speakers = [f"id{number}" for number in range(10001, 11252)]
    for speaker in speakers:
        put(tmp_path / "wav" / speaker / "1zcIwhmdeo4" / "00001.wav", clip)
    for speaker in ("id10270", "id10309"):
        put(tmp_path / "wav" / speaker / "7gWzIy6yIIk" / "00001.wav", clip)
    source = opened("voxceleb1", path=str(tmp_path / "wav"))
    assert sizes(source) == SIZES["voxceleb1"]["verification"]
    test = source.catalogue("test")
    assert (test.classes[0], test.classes[-1]) == ("id10270", "id10309")
    apart = Sampler(test, "test", Shape(2, 1, 1, apart="folder"), 0)
    assert len(apart.left_out) == 38, "only two speakers are heard in two videos here"


def test_esc50_from_its_repository(tmp_path: Path, clip: bytes) -> None:
    kinds = ["dog", "rooster", "rain", "sneezing", "engine"]
    names = [f"1-{number}-A-{kind}.wav" for number in range(2) for kind in range(5)]
    for name in names:
        put(tmp_path / "audio" / name, clip)
    (tmp_path / "meta").mkdir()
    path = tmp_path / "meta" / "esc50.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        for number, name in enumerate(names):
            writer.writerow([name, 1, number % 5, kinds[number % 5], "False", number, "A"])
    source = opened("esc50", path=str(path))
    assert sizes(source) == (3, 1, 1)
    assert source.fetch(0).rate == 16000
    Sampler(source.catalogue("train"), "train", Shape(2, 1, 1, apart="src_file"), 0)


def test_esc50_from_the_hub(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ["dog", "rooster", "rain", "sneezing", "engine"]
    columns = {
        "filename": [f"{kind}.wav" for kind in kinds],
        "category": kinds,
        "src_file": list(range(5)),
        "audio": [{"bytes": clip, "path": None}] * 5,
    }
    part = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio(decode=False))
    asked: list[tuple[str, ...]] = []

    def load(*given: str) -> dict[str, Any]:
        asked.append(given)
        return {"train": part}

    monkeypatch.setattr(datasets, "load_dataset", load)
    source = opened("esc50")
    assert sizes(source) == (3, 1, 1)
    assert source.fetch(4).rate == 16000
    assert asked == [("ashraq/esc50",)]


def test_without_a_path() -> None:
    for name in ("fsdd", "librispeech", "speech_commands", "voxceleb1"):
        with pytest.raises(ConfigurationError, match="path: is missing"):
            opened(name)


def test_fsdd_and_librispeech_themselves(digits_parquet: Path, speakers_parquet: Path) -> None:
    path = str(digits_parquet)
    source = opened("fsdd", path=path)
    assert [len(source.catalogue(split)) for split in ("train", "test")] == [800, 400]
    assert sizes(opened("fsdd", path=path, split="speakers-1-5")) == (1, 0, 5)
    digits = opened("fsdd", path=path, label="digit", split="digits-6-4")
    assert [len(digits.catalogue(split)) for split in ("train", "test")] == [720, 480]
    path = str(speakers_parquet)
    within = opened("librispeech", path=path)
    assert sizes(within) == (135, 31, 41)
    assert [len(within.catalogue(split)) for split in SPLITS] == [1049, 244, 321]
    across = opened("librispeech", path=path, split="across-recordings")
    assert sizes(across) == (135, 31, 10)
    assert len(across.catalogue("test")) == 256
    Sampler(across.catalogue("test"), "test", Shape(5, 1, 5, apart="utterance"), 0)


def test_the_command_line_lists_them() -> None:
    command = [sys.executable, "-m", "kshot", "list", "sources", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    listed = {one["name"]: one for one in json.loads(done.stdout)["sources"]}
    for name, spec in SPECS.items():
        assert listed[name]["splits"] == list(spec.splits)
        assert (listed[name]["paper"], listed[name]["licence"]) == (spec.paper, spec.licence)
