"""Omniglot's two layouts hold the same episodes, and its splits are what they say."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Source
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_image.omniglot.source import omniglot
from kshot_image.omniglot.splits import vinyals_lists
from PIL import Image

# Whole alphabets of each of Vinyals' splits: (name, in Lake's background set).
ALPHABETS = [("Tagalog", True), ("Greek", True), ("Korean", True), ("Bengali", True), ("Gurmukhi", False)]
ALPHABETS += [("Sylheti", False), ("Tibetan", False), ("Inuktitut_(Canadian_Aboriginal_Syllabics)", True)]
DRAWERS = 2


def png(seed: int) -> bytes:
    """A bilevel drawing like Omniglot's, dark on paper."""
    bits = np.random.Generator(np.random.Philox(key=seed)).random((15, 15)) > 0.1
    stream = io.BytesIO()
    Image.fromarray(bits.repeat(7, axis=0).repeat(7, axis=1)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    characters = [key for key in vinyals_lists() if key[0] in dict(ALPHABETS)]
    return [
        {
            "image": {"bytes": png(1000 * number + drawer), "path": f"{number:04d}_{drawer:02d}.png"},
            "alphabet": alphabet,
            "character": character,
            "drawer": drawer,
            "set": "background" if dict(ALPHABETS)[alphabet] else "evaluation",
        }
        for number, (alphabet, character) in enumerate(characters)
        for drawer in range(1, DRAWERS + 1)
    ]


@pytest.fixture(scope="module")
def parquet(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parquet") / "omniglot.parquet"
    pq.write_table(pa.Table.from_pylist(rows[::-1]), path)
    return path


@pytest.fixture(scope="module")
def folder(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folder")
    write_folder(root / "omniglot-py", rows)
    return root


def write_folder(base: Path, rows: Sequence[dict]) -> None:
    for row in rows:
        place = base / f"images_{row['set']}" / row["alphabet"] / row["character"]
        place.mkdir(parents=True, exist_ok=True)
        (place / row["image"]["path"].rpartition("/")[2]).write_bytes(row["image"]["bytes"])


@pytest.mark.parametrize("split", ["vinyals", "lake", "alphabets"])
@pytest.mark.parametrize("rotations", [True, False])
def test_both_layouts_have_the_same_episodes(
    folder: Path, parquet: Path, split: str, rotations: bool
) -> None:
    one = omniglot(path=str(folder), split=split, rotations=rotations)
    two = omniglot(path=str(parquet), split=split, rotations=rotations)
    assert_same(one, two)


def assert_same(one: Source, two: Source) -> None:
    for split in SPLITS:
        first, second = one.catalogue(split), two.catalogue(split)
        assert first.fingerprint == second.fingerprint
        assert first.classes == second.classes
        assert first.class_groups == second.class_groups
        np.testing.assert_array_equal(first.example_groups["drawer"], second.example_groups["drawer"])
        for position in (0, len(first) // 2, len(first) - 1):
            pictures = [source.fetch(int(c.rows[position])) for source, c in ((one, first), (two, second))]
            np.testing.assert_array_equal(*map(np.asarray, pictures))


def test_both_layouts_of_the_real_thing(omniglot_parquet: Path, tmp_path: Path) -> None:
    chosen = [name for name, _ in ALPHABETS[2:6]]
    table = pq.read_table(omniglot_parquet)
    rows = [row for row in table.to_pylist() if row["alphabet"] in chosen and row["drawer"] <= 3]
    assert all(row["image"]["path"].startswith(f"images_{row['set']}/{row['alphabet']}/") for row in rows)
    write_folder(tmp_path / "omniglot-py", rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "some.parquet")
    one = omniglot(path=str(tmp_path), split="lake")
    two = omniglot(path=str(tmp_path / "some.parquet"), split="lake")
    assert one.catalogue("test").fingerprint == two.catalogue("test").fingerprint
    assert one.catalogue("train").fingerprint == two.catalogue("train").fingerprint


def test_the_folder_itself_may_be_named(folder: Path) -> None:
    assert_same(omniglot(path=str(folder)), omniglot(path=str(folder / "omniglot-py")))


def test_rotations_are_classes(folder: Path) -> None:
    turned, plain = (omniglot(path=str(folder), rotations=rotations) for rotations in (True, False))
    many, few = turned.catalogue("test"), plain.catalogue("test")
    assert len(many.classes) == 4 * len(few.classes)
    assert many.classes[:4] == tuple(f"{few.classes[0]}/rot{angle}" for angle in ("000", "090", "180", "270"))
    assert many.origins == tuple(name for name in few.classes for _ in range(4))
    assert few.origins is None
    upright = np.asarray(plain.fetch(int(few.rows[0])))
    for quarter in range(4):
        row = int(many.rows[many.offsets[quarter]])
        np.testing.assert_array_equal(np.asarray(turned.fetch(row)), np.rot90(upright, quarter))


def test_drawings_are_dark_on_paper(folder: Path) -> None:
    source = omniglot(path=str(folder))
    image = source.fetch(int(source.catalogue("train").rows[0]))
    assert (image.mode, image.size) == ("L", (105, 105))
    assert set(np.unique(np.asarray(image))) == {0, 255}
    assert np.asarray(image).mean() > 200
    assert source.present(image).media == "image/png"


def test_worker_processes_can_have_it(parquet: Path) -> None:
    source = omniglot(path=str(parquet))
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301  (as a DataLoader's spawned workers do)
    row = int(source.catalogue("test").rows[3])
    np.testing.assert_array_equal(np.asarray(copy.fetch(row)), np.asarray(source.fetch(row)))


def test_groups_serve_the_sampler(folder: Path) -> None:
    catalogue = omniglot(path=str(folder), rotations=False).catalogue("train")
    shape = Shape(way=5, shot=1, queries=1, within="alphabet", apart="drawer")
    drawn = Sampler(catalogue, "train", shape, seed=0).draw(0, 50)
    alphabets = np.array(catalogue.class_groups["alphabet"])[drawn.classes]
    assert (alphabets == alphabets[:, :1]).all()
    drawers = catalogue.example_groups["drawer"]
    for episode in range(50):
        by_label = dict(zip(drawn.support_labels[episode], drawers[drawn.support[episode]], strict=True))
        for label, drawer in zip(drawn.query_labels[episode], drawers[drawn.query[episode]], strict=True):
            assert by_label[label] != drawer


def test_the_shipped_lists_are_vinyals() -> None:
    lists = vinyals_lists()
    counts = [sum(split == one for split in lists.values()) for one in SPLITS]
    assert counts == [1028, 172, 423]
    assert len({alphabet for alphabet, _ in lists}) == 50


def test_the_real_thing(omniglot_parquet: Path) -> None:
    source = omniglot(path=str(omniglot_parquet))
    sizes = [(len(source.catalogue(split).classes), len(source.catalogue(split))) for split in SPLITS]
    assert sizes == [(4112, 82240), (688, 13760), (1692, 33840)]
    table = pq.read_table(omniglot_parquet, columns=["alphabet", "character", "vinyals"]).to_pylist()
    published = {(row["alphabet"], row["character"]): row["vinyals"] for row in table}
    short = {"train": "train", "validation": "val", "test": "test"}
    assert {key: short[split] for key, split in vinyals_lists().items()} == published


def test_lake_s_sets(omniglot_parquet: Path) -> None:
    source = omniglot(path=str(omniglot_parquet), split="lake", rotations=False)
    assert [len(source.catalogue(split).classes) for split in SPLITS] == [827, 137, 659]
    assert sorted(set(source.catalogue("validation").class_groups["alphabet"])) == [
        "Alphabet_of_the_Magi",
        "Korean",
        "Malay_(Jawi_-_Arabic)",
        "Ojibwe_(Canadian_Aboriginal_Syllabics)",
        "Syriac_(Estrangelo)",
    ]


def test_whole_alphabets_are_apart(omniglot_parquet: Path) -> None:
    source = omniglot(path=str(omniglot_parquet), split="alphabets", rotations=False)
    alphabets = [set(source.catalogue(split).class_groups["alphabet"]) for split in SPLITS]
    assert [len(one) for one in alphabets] == [30, 10, 10]
    assert len(set.union(*alphabets)) == 50


@pytest.mark.parametrize("split", ["vinyals", "lake", "alphabets"])
def test_no_character_is_in_two_splits(folder: Path, split: str) -> None:
    source = omniglot(path=str(folder), split=split, rotations=True)
    characters = [{name.rpartition("/")[0] for name in source.catalogue(one).classes} for one in SPLITS]
    assert sum(map(len, characters)) == len(set.union(*characters))
    if split != "vinyals":
        groups = [set(source.catalogue(one).class_groups["alphabet"]) for one in SPLITS]
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_an_incomplete_copy_says_so(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        omniglot(path=str(folder))
    assert "of the data set's 1623 characters are missing" in caplog.text


def test_a_missing_set_is_told_when_its_split_is_wanted(
    rows: list[dict[str, object]], tmp_path: Path
) -> None:
    write_folder(tmp_path, [row for row in rows if row["set"] == "background"])
    source = omniglot(path=str(tmp_path), split="lake")
    assert len(source.catalogue("train")) > 0
    with pytest.raises(DataError, match=r"no drawings for the test part .*both images_background"):
        source.catalogue("test")


def test_missing_data_name_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no such folder: .*nowhere; .*download: true"):
        omniglot(path=str(tmp_path / "nowhere"))
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"no such folder: .*cache.omniglot"):
        omniglot()
    with pytest.raises(DataError, match=r"no such file: .*nowhere\.parquet"):
        omniglot(path=str(tmp_path / "nowhere.parquet"))
    with pytest.raises(DataError, match="neither images_background nor images_evaluation"):
        omniglot(path=str(tmp_path))


def test_a_failed_download_is_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    def offline(*arguments: object, **options: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(torchvision.datasets, "Omniglot", offline)
    with pytest.raises(DataError, match=r"images_background cannot be downloaded .*Name or service.*`path`"):
        omniglot(path=str(tmp_path / "new"), download=True)


def test_a_download_is_torchvision_s(
    rows: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    asked = []

    def fetched(root: Path, background: bool, download: bool) -> None:
        asked.append((background, download))
        which = "background" if background else "evaluation"
        write_folder(root / "omniglot-py", [row for row in rows if row["set"] == which])

    monkeypatch.setattr(torchvision.datasets, "Omniglot", fetched)
    first = omniglot(path=str(tmp_path), download=True)
    again = omniglot(path=str(tmp_path), download=True)
    assert asked == [(True, True), (False, True)]
    assert first.catalogue("train").fingerprint == again.catalogue("train").fingerprint


def test_a_damaged_drawing_is_named(rows: list[dict], tmp_path: Path) -> None:
    write_folder(tmp_path, rows)
    [victim] = (tmp_path / "images_background" / "Tagalog" / "character01").glob("*_01.png")
    victim.write_bytes(victim.read_bytes()[:60])
    source = omniglot(path=str(tmp_path), split="lake", rotations=False)
    catalogue = source.catalogue("train")
    row = int(catalogue.rows[catalogue.offsets[catalogue.classes.index("Tagalog/character01")]])
    with pytest.raises(DataError, match=rf"{victim.name}: cannot be decoded"):
        source.fetch(row)
    victim.unlink()
    with pytest.raises(DataError, match=rf"{victim.name}: cannot be read"):
        source.fetch(row)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"set": "backgruond"}, r"row 0, column 'set': 'backgruond' .*did you mean 'background'"),
        ({"drawer": None}, r"row 0: alphabet, character or drawer is missing"),
        ({"alphabet": None}, r"row 0: alphabet, character or drawer is missing"),
    ],
)
def test_bad_rows_are_named(rows: list[dict], tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "omniglot.parquet"
    pq.write_table(pa.Table.from_pylist([rows[0] | change, *rows[1:4]]), path)
    with pytest.raises(DataError, match=message):
        omniglot(path=str(path))


def test_bad_tables_are_named(rows: list[dict], tmp_path: Path) -> None:
    path = tmp_path / "omniglot.parquet"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        omniglot(path=str(path))
    pq.write_table(pa.Table.from_pylist(rows[:4]).rename_columns(["image", "alphabets", *"cds"]), path)
    with pytest.raises(DataError, match=r"no column 'alphabet' \(it has: .*did you mean 'alphabets'"):
        omniglot(path=str(path))
    empty = [rows[0] | {"image": {"bytes": None, "path": "0709_01.png"}}]
    pq.write_table(pa.Table.from_pylist(empty + rows[1:]), path)
    source = omniglot(path=str(path), split="lake")
    with pytest.raises(DataError, match="row 0, column 'image': holds no bytes"):
        source.fetch(0)


def test_files_of_other_names_are_told_or_passed_over(rows: list[dict], tmp_path: Path) -> None:
    write_folder(tmp_path, rows)
    plain = len(omniglot(path=str(tmp_path), split="lake").catalogue("train"))
    place = tmp_path / "images_background" / "Tagalog" / "character01"
    (place / "._0001_01.png").write_bytes(b"a file system's own")
    assert len(omniglot(path=str(tmp_path), split="lake").catalogue("train")) == plain
    (place / "drawing.png").write_bytes(png(1))
    with pytest.raises(DataError, match=r"drawing\.png: expected a name such as 0709_01\.png"):
        omniglot(path=str(tmp_path), split="lake")
