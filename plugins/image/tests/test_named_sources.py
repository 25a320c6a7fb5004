"""Data sets with names: each opened as a configuration opens it, in the layouts of its README row."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from kshot.errors import ConfigurationError, DataError, KshotError
from kshot.interfaces import SPLITS, Source
from kshot.options import OptionsOf
from kshot.options.given import given_options
from kshot_image.datasets import NAMED
from PIL import Image

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")

SPECS = {spec.name: spec for spec in NAMED}
SIZES = {
    "cifar_fs": {"bertinetto": (64, 16, 20), "validation-as-test": (64, 0, 16)},
    "cub": {"chen2019": (100, 50, 50)},
    "mini_imagenet": {"ravi": (64, 16, 20)},
}
PUBLISHED = [(name, split) for name, splits in SIZES.items() for split in splits]


@pytest.fixture(autouse=True)
def _own_datasets_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf_cache"))


def opened(name: str, **options: Any) -> Source:
    spec = SPECS[name]
    module, _, attribute = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    given = OptionsOf(factory).resolve(given_options(spec, options, None))
    return factory(**given.arguments)


def lists(name: str, fold: str) -> dict[str, list[str]]:
    path = Path(importlib.import_module("kshot_image").__path__[0], "splits", f"{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))[fold]


def classes(name: str) -> list[str]:
    return sorted(one for some in lists(name, SPECS[name].options["split"]).values() for one in some)


def sizes(source: Source) -> tuple[int, ...]:
    found = []
    for split in SPLITS:
        try:
            found.append(len(source.catalogue(split).classes))
        except KshotError:
            found.append(0)
    return tuple(found)


def png(shade: int) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (2, 2), (shade % 256, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def folders(root: Path, labels: Sequence[str]) -> str:
    for number, label in enumerate(labels):
        (root / label).mkdir(parents=True)
        (root / label / "0001.png").write_bytes(png(number))
    return str(root)


def test_every_split_is_tried() -> None:
    assert {name: set(spec.splits) for name, spec in SPECS.items()} == {n: set(s) for n, s in SIZES.items()}
    assert all(spec.paper and "loading only" in spec.licence for spec in NAMED)


@pytest.mark.parametrize(("name", "split"), PUBLISHED)
def test_class_folders(name: str, split: str, tmp_path: Path) -> None:
    path = folders(tmp_path / "images", classes(name))
    source = opened(name, path=path, split=split)
    assert sizes(source) == SIZES[name][split]
    assert source.fetch(0).size == (2, 2)
    if split == SPECS[name].options["split"]:
        names = {part: set(source.catalogue(part).classes) for part in SPLITS}
        assert names == {part: set(some) for part, some in lists(name, split).items()}
        assert sizes(opened(name, path=path)) == SIZES[name][split]


def test_validation_classes_of_cifar_fs_as_test(tmp_path: Path) -> None:
    source = opened(
        "cifar_fs", path=folders(tmp_path / "images", classes("cifar_fs")), split="validation-as-test"
    )
    published = lists("cifar_fs", "bertinetto")
    assert set(source.catalogue("train").classes) == set(published["train"])
    assert set(source.catalogue("test").classes) == set(published["validation"])


def test_mini_imagenet_in_three_folders(tmp_path: Path) -> None:
    parts = lists("mini_imagenet", "ravi")
    paths = [folders(tmp_path / part, names) for part, names in parts.items()]
    assert sizes(opened("mini_imagenet", path=paths)) == (64, 16, 20)


def test_the_species_of_cub_go_by_their_numbers(tmp_path: Path) -> None:
    source = opened("cub", path=folders(tmp_path / "images", classes("cub")))
    numbers = {split: {int(name[:3]) for name in source.catalogue(split).classes} for split in SPLITS}
    assert numbers["train"] == set(range(1, 201, 2))
    assert numbers["validation"] == set(range(2, 201, 4))
    assert numbers["test"] == set(range(4, 201, 4))


def test_cifar_fs_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = classes("cifar_fs")
    label = datasets.ClassLabel(names=labels)
    features = datasets.Features(
        {"img": datasets.Image(), "fine_label": label, "coarse_label": datasets.Value("int64")}
    )
    rows = {
        "img": [{"bytes": png(number), "path": None} for number in range(100)],
        "fine_label": list(range(100)),
        "coarse_label": [0] * 100,
    }
    part = datasets.Dataset.from_dict(rows, features=features)
    asked: list[tuple[str, ...]] = []

    def load(*given: str) -> dict[str, Any]:
        asked.append(given)
        return {"train": part, "test": part}

    monkeypatch.setattr(datasets, "load_dataset", load)
    source = opened("cifar_fs")
    assert sizes(source) == (64, 16, 20)
    assert asked == [("uoft-cs/cifar100",)]
    assert len(source.catalogue("test")) == 40
    assert source.fetch(3).getpixel((0, 0)) == (3, 0, 0)


def test_what_may_not_be_passed_on_needs_a_path() -> None:
    for name in ("cub", "mini_imagenet"):
        with pytest.raises(ConfigurationError, match="path: is missing"):
            opened(name)


def test_cifar_fs_itself(cifar_fs_parquet: Path) -> None:
    path = str(cifar_fs_parquet)
    source = opened("cifar_fs", path=path, split="validation-as-test")
    assert sizes(source) == (64, 0, 16)
    assert [len(source.catalogue(split)) for split in ("train", "test")] == [16000, 4000]
    with pytest.raises(DataError, match=r"lists classes that the data do not have: baby, bed, bicycle"):
        opened("cifar_fs", path=path)


def test_the_command_line_lists_them() -> None:
    command = [sys.executable, "-m", "kshot", "list", "sources", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    listed = {one["name"]: one for one in json.loads(done.stdout)["sources"]}
    for name, spec in SPECS.items():
        assert listed[name]["splits"] == list(spec.splits)
        assert (listed[name]["paper"], listed[name]["licence"]) == (spec.paper, spec.licence)
