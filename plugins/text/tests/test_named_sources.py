"""Data sets with names: each opened as a configuration opens it, in the layouts of its README row."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from kshot.errors import ConfigurationError, KshotError
from kshot.interfaces import SPLITS, Source
from kshot.options import OptionsOf
from kshot.options.given import given_options
from kshot_text.datasets import NAMED

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")

SPECS = {spec.name: spec for spec in NAMED}
SIZES = {
    "20newsgroups": {"bao2020": (8, 5, 7)},
    "banking77": {f"protaugment-{fold}": (25, 25, 27) for fold in range(1, 6)},
    "clinc150": {f"protaugment-{fold}": (50, 50, 50) for fold in range(1, 6)},
    "huffpost": {"bao2020": (20, 5, 16)},
    "hwu64": {
        "protaugment-1": (16, 23, 25),
        "protaugment-2": (30, 15, 19),
        "protaugment-3": (24, 18, 22),
        "protaugment-4": (20, 15, 29),
        "protaugment-5": (25, 11, 28),
    },
    "snips": {"xia2018": (5, 0, 2)},
    "trec": {},
}
PUBLISHED = [(name, split) for name, splits in SIZES.items() for split in splits]
HUB = {  # id and configuration on the hub, its column of the class, its spelling of a class
    "20newsgroups": (("SetFit/20_newsgroups",), "label_text", str),
    "banking77": (("mteb/banking77",), "label_text", str),
    "clinc150": (("clinc/clinc_oos", "plus"), "intent", str),
    "hwu64": (("FastFit/hwu_64",), "label", lambda name: name.replace("/", " ").replace("_", " ")),
    "snips": (("benayas/snips",), "category", str),
}


@pytest.fixture(autouse=True)
def _own_datasets_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf_cache"))


def opened(name: str, **options: Any) -> Source:
    spec = SPECS[name]
    module, _, attribute = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    given = OptionsOf(factory).resolve(given_options(spec, options, None))
    return factory(**given.arguments)


def lists(name: str, split: str) -> Mapping[str, Sequence[str]]:
    stands_for = SPECS[name].splits[split]
    if "file" not in stands_for:
        return stands_for
    package, _, path = stands_for["file"].partition(":")
    folder = Path(importlib.import_module(package).__path__[0])
    return json.loads((folder / path).read_text(encoding="utf-8"))[stands_for["fold"]]


def classes(name: str) -> list[str]:
    splits = [lists(name, split) for split in SPECS[name].splits]
    return sorted({one for split in splits for names in split.values() for one in names})


def sizes(source: Source) -> tuple[int, ...]:
    found = []
    for split in SPLITS:
        try:
            found.append(len(source.catalogue(split).classes))
        except KshotError:
            found.append(0)
    return tuple(found)


def write(path: Path, labels: Sequence[str], text: str = "text", label: str = "label") -> str:
    rows = [{text: f"{label} {number}", label: name} for name in labels for number in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_every_split_is_tried() -> None:
    assert {name: set(spec.splits) for name, spec in SPECS.items()} == {n: set(s) for n, s in SIZES.items()}
    assert all(spec.paper and spec.licence for spec in NAMED)


@pytest.mark.parametrize(("name", "split"), PUBLISHED)
def test_a_users_own_copy(name: str, split: str, tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", [*classes(name), "oos"])
    source = opened(name, path=path, split=split)
    assert sizes(source) == SIZES[name][split]
    names = {part: set(source.catalogue(part).classes) for part in lists(name, split)}
    assert names == {part: set(some) for part, some in lists(name, split).items()}
    if split == SPECS[name].options["split"]:
        assert sizes(opened(name, path=path)) == SIZES[name][split]


@pytest.mark.parametrize("name", HUB)
def test_the_hubs_copy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    identifier, column, spelt = HUB[name]
    labels = [spelt(one) for one in classes(name)]
    if name == "clinc150":
        labels.append("oos")
    numbers = list(range(len(labels)))
    if name == "clinc150":  # its classes are numbers with names; the others' stand as text
        features = datasets.Features(
            {"text": datasets.Value("string"), column: datasets.ClassLabel(names=labels)}
        )
        part = datasets.Dataset.from_dict({"text": labels, column: numbers}, features=features)
    else:
        part = datasets.Dataset.from_dict({"text": labels, "number": numbers, column: labels})
    asked: list[tuple[str, ...]] = []

    def load(*given: str) -> dict[str, Any]:
        asked.append(given)
        return {"train": part, "test": part}

    monkeypatch.setattr(datasets, "load_dataset", load)
    for split, expected in SIZES[name].items():
        source = opened(name, split=split)
        assert sizes(source) == expected
        assert len(source.catalogue("test")) == 2 * expected[2], "both of the hub's parts count"
    assert set(asked) == {identifier}


def test_trec_by_fine_and_coarse_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = [
        f"{coarse}:{number}" for coarse in ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM") for number in "ab"
    ]
    coarse = [name.partition(":")[0] for name in fine]
    columns = {"text": fine, "label_original": fine, "label_coarse_original": coarse}
    part = datasets.Dataset.from_dict(columns)
    monkeypatch.setattr(datasets, "load_dataset", lambda *given: {"train": part} if given[0] else {})
    assert sizes(opened("trec")) == (7, 3, 2)
    assert sizes(opened("trec", label="label_coarse_original")) == (4, 1, 1)


def test_columns_of_usual_copies(tmp_path: Path) -> None:
    """PolyAI's CSV, ProtAugment's JSON Lines, and a copy with columns of its own."""
    bank = write(tmp_path / "bank.jsonl", classes("banking77"), label="category")
    assert sizes(opened("banking77", path=bank)) == (25, 25, 27)
    home = write(tmp_path / "home.jsonl", classes("hwu64"), text="sentence")
    assert sizes(opened("hwu64", path=home)) == (16, 23, 25)
    own = write(tmp_path / "mine.jsonl", classes("clinc150"), text="query", label="tag")
    assert sizes(opened("clinc150", path=own, text="query", label="tag")) == (50, 50, 50)


def test_what_goes_wrong_says_so(tmp_path: Path) -> None:
    with pytest.raises(KshotError, match=r"no published split 'bao2021'; did you mean 'bao2020'"):
        opened("huffpost", path="x.parquet", split="bao2021")
    with pytest.raises(ConfigurationError, match="path: is missing"):
        opened("huffpost")
    path = write(tmp_path / "part.jsonl", classes("banking77")[:30])
    with pytest.raises(KshotError, match=r"banking77\.json lists classes that the data do not have"):
        opened("banking77", path=path)


def there(folder: Path, name: str) -> str:
    path = folder / "text" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return str(path)


@pytest.mark.parametrize("fold", range(1, 6))
def test_clinc150_itself(data_folder: Path, fold: int) -> None:
    source = opened("clinc150", path=there(data_folder, "clinc150.parquet"), split=f"protaugment-{fold}")
    assert sizes(source) == (50, 50, 50)
    assert [len(source.catalogue(split)) for split in SPLITS] == [7500] * 3


def test_clinc150_has_the_folds_of_the_published_file(data_folder: Path) -> None:
    published = json.loads(Path(there(data_folder, "clinc150_protaugment_folds.json")).read_text())
    for number, fold in enumerate(published.values(), 1):
        shipped = lists("clinc150", f"protaugment-{number}")
        assert [set(shipped[key]) for key in SPLITS] == [set(fold[k]) for k in ("train", "valid", "test")]


def test_huffpost_and_snips_themselves(data_folder: Path) -> None:
    news = opened("huffpost", path=there(data_folder, "huffpost_headlines.parquet"), split="bao2020")
    assert sizes(news) == (20, 5, 16)
    assert [len(news.catalogue(split)) for split in SPLITS] == [18000, 4500, 14400]
    by_column = opened(
        "huffpost", path=there(data_folder, "huffpost_headlines.parquet"), split={"column": "split"}
    )
    assert [news.catalogue(split).classes for split in SPLITS] == [
        by_column.catalogue(split).classes for split in SPLITS
    ]
    requests = opened("snips", path=there(data_folder, "snips.parquet"))
    assert sizes(requests) == (5, 0, 2)
    assert sum(len(requests.catalogue(split)) for split in ("train", "test")) == 14484


def test_the_command_line_lists_them() -> None:
    command = [sys.executable, "-m", "kshot", "list", "sources", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    listed = {one["name"]: one for one in json.loads(done.stdout)["sources"]}
    for name, spec in SPECS.items():
        assert listed[name]["splits"] == list(spec.splits)
        assert (listed[name]["paper"], listed[name]["licence"]) == (spec.paper, spec.licence)
