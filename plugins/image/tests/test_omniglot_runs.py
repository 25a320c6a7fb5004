"""Lake's 20 runs: read as they were published, refused where they are not, and their published error."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from kshot import results
from kshot.cli import main
from kshot.config import Loading
from kshot.errors import DataError
from kshot.evaluation import evaluate
from kshot.loading import make_loader
from kshot.sampling import Drawn, FixedSampler
from kshot_image.encoders.pixels import pixels
from kshot_image.hausdorff import ModifiedHausdorff
from kshot_image.omniglot.archive import LIMIT
from kshot_image.omniglot.runs import omniglot_runs
from PIL import Image

CONFIG = Path(__file__).parents[3] / "configs" / "omniglot_runs.yaml"
WAY = 3
ANSWERS = {"run01": (2, 0, 1), "run02": (1, 2, 0)}
"""Class of each test picture, counted from 0."""


def png(seed: int) -> bytes:
    bits = np.random.Generator(np.random.Philox(key=seed)).random((15, 15)) > 0.2
    stream = io.BytesIO()
    Image.fromarray(bits).save(stream, "PNG")
    return stream.getvalue()


def files() -> dict[str, bytes]:
    """Two runs of three classes; a test picture is the training picture of its class."""
    found = {"README.txt": b"passed over", "run01/": b""}
    for number, (run, answers) in enumerate(ANSWERS.items()):
        lines = ""
        for k, answer in enumerate(answers):
            found[f"{run}/training/class{k + 1:02d}.png"] = png(10 * number + k)
            found[f"{run}/test/item{k + 1:02d}.png"] = png(10 * number + answer)
            lines += f"{run}/test/item{k + 1:02d}.png {run}/training/class{answer + 1:02d}.png\n"
        found[f"{run}/class_labels.txt"] = lines.encode()
    return found


def archive(
    path: Path, changes: Mapping[str, bytes | None] | None = None, method: int = ZIP_DEFLATED
) -> Path:
    """A zip file of :func:`files` with some changed, added, or (None) left out."""
    with ZipFile(path, "w", method) as written:
        for name, data in {**files(), **(changes or {})}.items():
            if data is not None:
                written.writestr(name, data)
    return path


def labels(run: str, *pairs: tuple[int, int]) -> dict[str, bytes | None]:
    lines = [f"{run}/test/item{a:02d}.png {run}/training/class{b:02d}.png" for a, b in pairs]
    return {f"{run}/class_labels.txt": "\n".join(lines).encode()}


def episodes(source) -> Drawn:
    return source.fixed_episodes("test")["runs"]


def test_each_run_is_an_episode(tmp_path: Path) -> None:
    source = omniglot_runs(path=str(archive(tmp_path / "runs.zip")))
    catalogue = source.catalogue("test")
    assert catalogue.classes == tuple(f"{run}/class{k:02d}" for run in ANSWERS for k in (1, 2, 3))
    assert catalogue.class_groups["run"] == ("run01",) * 3 + ("run02",) * 3
    sampler = FixedSampler(catalogue, "test", "runs", episodes(source))
    assert (str(sampler.shape), sampler.shape.queries, len(sampler)) == ("3w1s fixed runs", 1, 2)
    for t, (run, answers) in enumerate(ANSWERS.items()):
        drawn = sampler.draw(t, t + 1)
        assert [catalogue.classes[c] for c in drawn.classes[0]] == [f"{run}/class{k:02d}" for k in (1, 2, 3)]
        assert tuple(drawn.query_labels[0]) == answers
        fetched = {
            role: [np.asarray(source.fetch(int(catalogue.rows[p]))) for p in positions[0]]
            for role, positions in (("support", drawn.support), ("query", drawn.query))
        }
        for picture, label in zip(fetched["support"], drawn.support_labels[0], strict=True):
            np.testing.assert_array_equal(
                picture, np.asarray(Image.open(io.BytesIO(png(10 * t + label))).convert("L"))
            )
        for picture, label in zip(fetched["query"], drawn.query_labels[0], strict=True):
            np.testing.assert_array_equal(
                picture, np.asarray(Image.open(io.BytesIO(png(10 * t + label))).convert("L"))
            )
    assert source.fixed_episodes("train") == {}
    assert source.present(source.fetch(0)).media == "image/png"


def test_the_content_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    one = omniglot_runs(path=str(archive(tmp_path / "a.zip"))).catalogue("test")
    same = omniglot_runs(path=str(archive(tmp_path / "b.zip", {"README.txt": b"other"}))).catalogue("test")
    other = omniglot_runs(path=str(archive(tmp_path / "c.zip", {"run02/test/item01.png": png(99)})))
    assert one.fingerprint == same.fingerprint != other.catalogue("test").fingerprint


def test_without_a_background_set_nothing_can_be_trained(tmp_path: Path) -> None:
    source = omniglot_runs(path=str(archive(tmp_path / "runs.zip")))
    for split in ("train", "validation"):
        with pytest.raises(
            DataError, match=rf"no {split} classes; .*`background`, or set `train.episodes: 0`"
        ):
            source.catalogue(split)


def background(path: Path) -> Path:
    rows = [
        {
            "image": {"bytes": png(1000 + 10 * number + drawer), "path": None},
            "alphabet": alphabet,
            "character": f"character{number:02d}",
            "drawer": drawer,
            "set": "evaluation" if alphabet == "Tibetan" else "background",
        }
        for alphabet in ("Greek", "Korean", "Latin", "Tagalog", "Tibetan")
        for number in (1, 2)
        for drawer in (1, 2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("rotations", [False, True])
def test_a_background_set_trains_and_validates(tmp_path: Path, rotations: bool) -> None:
    place = background(tmp_path / "omniglot.parquet")
    source = omniglot_runs(
        path=str(archive(tmp_path / "runs.zip")), background=str(place), rotations=rotations
    )
    train, validation = source.catalogue("train"), source.catalogue("validation")
    assert len(train.classes) + len(validation.classes) == 8 * (4 if rotations else 1)
    assert set(train.class_groups["alphabet"]) | set(validation.class_groups["alphabet"]) == {
        "Greek",
        "Korean",
        "Latin",
        "Tagalog",
    }
    assert source.catalogue("train") is train
    name = "Greek/character02" + ("/rot000" if rotations else "")
    first = train.offsets[train.classes.index(name)]
    picture = np.asarray(source.fetch(int(train.rows[first])))
    np.testing.assert_array_equal(picture, np.asarray(Image.open(io.BytesIO(png(1021))).convert("L")))


def test_worker_processes_can_have_it(tmp_path: Path) -> None:
    source = omniglot_runs(path=str(archive(tmp_path / "runs.zip")))
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301  (as a DataLoader's spawned workers do)
    np.testing.assert_array_equal(np.asarray(copy.fetch(4)), np.asarray(source.fetch(4)))


ONE_RUN = {name: None for name in files() if name.startswith("run02")}
BROKEN: dict[str, tuple[dict[str, bytes | None], str]] = {
    "no-runs": ({name: None for name in files() if name.endswith(".txt")}, "holds no run01/class_labels.txt"),
    "missing-picture": ({"run02/test/item02.png": None}, r"run02/test/item02\.png is missing"),
    "class-twice": (labels("run01", (1, 1), (2, 1), (3, 2)), "run01/class_labels.txt does not pair"),
    "item-twice": (labels("run01", (1, 1), (1, 2), (3, 3)), "run01/class_labels.txt does not pair"),
    "one-class": (labels("run01", (1, 1)), "run01/class_labels.txt does not pair"),
    "no-lines": ({"run01/class_labels.txt": b""}, "run01/class_labels.txt does not pair"),
    "other-run": (
        labels("run02", (1, 1)) | {"run01/class_labels.txt": files()["run02/class_labels.txt"]},
        "line 1",
    ),
    "climbing": (
        {"run01/class_labels.txt": b"run01/test/../../../etc/passwd run01/training/class01.png"},
        r"line 1: 'run01/test/\.\./.* is not of the form",
    ),
    "binary": ({"run01/class_labels.txt": bytes(range(256))}, "line 1: .* is not of the form"),
    "two-ways": (
        labels("run02", (1, 1), (2, 2)),
        r"holds runs of \[2, 3\] classes",
    ),
    "bomb": ({"run01/test/item01.png": b"\0" * (LIMIT + 1)}, "item01.png has more than 16,384 bytes"),
    "long-labels": ({"run01/class_labels.txt": b"\n" * (LIMIT + 1)}, "class_labels.txt has more than"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_other_archives_are_refused(tmp_path: Path, case: str) -> None:
    changes, message = BROKEN[case]
    path = archive(tmp_path / "runs.zip", changes)
    with pytest.raises(DataError, match=message) as caught:
        omniglot_runs(path=str(path))
    assert str(path) in str(caught.value)
    assert "give the file all_runs.zip" in str(caught.value)


def test_files_that_are_no_archive_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file: .*nowhere\.zip; give the file"):
        omniglot_runs(path=str(tmp_path / "nowhere.zip"))
    with pytest.raises(DataError, match="no such file"):
        omniglot_runs(path=str(tmp_path))
    path = tmp_path / "runs.zip"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot be read as a zip file"):
        omniglot_runs(path=str(path))


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "runs.zip").read_bytes()
    path = tmp_path / "damaged.zip"
    place = whole.index(b"run01/test/item01.png") + len("run01/test/item01.png") + 20
    for damaged in (whole[: len(whole) // 2], whole[:place] + b"\xff\x00\xff" + whole[place + 3 :]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read as a zip file"):
            omniglot_runs(path=str(path))


def test_encrypted_and_oddly_packed_archives_are_refused(tmp_path: Path) -> None:
    data = bytearray(archive(tmp_path / "runs.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + offset] |= 1
            start = data.find(signature, start + 1)
    path = tmp_path / "locked.zip"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cannot be read as a zip file: .*encrypted"):
        omniglot_runs(path=str(path))
    with pytest.raises(DataError, match="neither stored nor deflated"):
        omniglot_runs(path=str(archive(tmp_path / "packed.zip", method=ZIP_BZIP2)))


def test_a_size_that_lies_inflates_no_more_than_the_limit(tmp_path: Path) -> None:
    bomb = 50 * 2**20
    path = archive(tmp_path / "runs.zip", {"run01/test/item01.png": b"\0" * bomb})
    honest = struct.pack("<I", bomb)
    for told in (300, 2**31):
        data = path.read_bytes().replace(honest, struct.pack("<I", told))
        assert data != path.read_bytes()
        (tmp_path / "liar.zip").write_bytes(data)
        tracemalloc.start()
        with pytest.raises(DataError, match=r"cannot be read as a zip file|more than"):
            omniglot_runs(path=str(tmp_path / "liar.zip"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * 2**20


def test_nothing_is_written_and_names_that_climb_are_passed_over(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    archive(inner / "runs.zip", {"../evil.png": b"x", "run01/../../evil.txt": b"x"})
    omniglot_runs(path=str(inner / "runs.zip"))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["runs.zip"]


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    source = omniglot_runs(path=str(archive(tmp_path / "runs.zip", {"run01/test/item01.png": png(1)[:40]})))
    catalogue = source.catalogue("test")
    row = int(catalogue.rows[episodes(source).query[0, 0]])
    with pytest.raises(DataError, match=r"runs\.zip: run01/test/item01\.png: cannot be decoded"):
        source.fetch(row)


def test_the_real_runs_are_what_omniglot_says(omniglot_runs_zip: Path, omniglot_parquet: Path) -> None:
    source = omniglot_runs(path=str(omniglot_runs_zip), background=str(omniglot_parquet))
    catalogue, drawn = source.catalogue("test"), episodes(source)
    sampler = FixedSampler(catalogue, "test", "runs", drawn)
    assert (str(sampler.shape), sampler.shape.queries, len(sampler)) == ("20w1s fixed runs", 1, 20)
    assert [len(source.catalogue(split).classes) for split in ("train", "validation", "test")] == [
        827,
        137,
        400,
    ]
    table = pq.read_table(omniglot_parquet, columns=["image", "alphabet", "character", "set"]).to_pylist()
    characters = {
        Image.open(io.BytesIO(row["image"]["bytes"])).tobytes(): (row["alphabet"], row["character"])
        for row in table
        if row["set"] == "evaluation"
    }

    def character(position: int) -> tuple[str, str]:
        picture = source.fetch(int(catalogue.rows[position]))
        return characters[picture.convert("1").tobytes()]

    for t in range(20):
        by_label = dict(zip(drawn.support_labels[t], map(character, drawn.support[t]), strict=True))
        assert len(set(by_label.values())) == 20
        assert len({alphabet for alphabet, _ in by_label.values()}) == 1
        for label, position in zip(drawn.query_labels[t], drawn.query[t], strict=True):
            assert character(position) == by_label[label]


def test_two_of_the_real_runs(omniglot_runs_zip: Path) -> None:
    """11 and 13 of 20 right, as a loop over all points with NumPy finds."""
    source, encoder = omniglot_runs(path=str(omniglot_runs_zip)), pixels(size=105)
    catalogue = source.catalogue("test")
    two = Drawn(*(array[:2] for array in episodes(source).arrays))
    loader = make_loader(source, catalogue, encoder, torch.device("cpu"), Loading())
    sampler = FixedSampler(catalogue, "test", "two", two)
    [scored] = evaluate(ModifiedHausdorff(encoder), loader, [sampler], 2)
    assert scored.outcomes.accuracy.tolist() == pytest.approx([11 / 20, 13 / 20])


@pytest.mark.slow
def test_the_published_error(omniglot_runs_zip: Path, tmp_path: Path) -> None:
    """Lake et al. 2015: 38.8 % by the modified Hausdorff distance, 155 of 400 trials."""
    place = f"sources.omniglot_runs.path={omniglot_runs_zip}"
    assert (
        main(["bench", str(CONFIG), "--set", place, "--only", "modified_hausdorff.*", "--out", str(tmp_path)])
        == 0
    )
    [cell] = results.load(tmp_path).cells
    [score] = cell.scores
    assert 100 * (1 - score.accuracy) == pytest.approx(38.8, abs=0.051)
    assert round(400 * score.accuracy) == 245
    assert (score.way, score.shot, score.queries, score.episodes, score.fixed) == (20, 1, 1, 20, "runs")
    assert cell.note == "nothing to train"
