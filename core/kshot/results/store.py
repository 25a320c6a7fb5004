"""Results on disk: files written whole, and read back with one clear message if broken."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from kshot.errors import KshotError
from kshot.files import write_atomic
from kshot.results.entry import Entry
from kshot.results.paper import paper
from kshot.results.sample import Sample, sample_path, samples_folder, worst_folder, worst_path
from kshot.results.schema import SCHEMA, Results
from kshot.results.sheet import sheet
from kshot.results.summary import summary

FILE = "results.json"

Model = TypeVar("Model", bound=Entry)


def load(folder: Path) -> Results:
    """Read the results of a benchmark.

    Args:
        folder: the benchmark's folder, or its ``results.json``.

    Raises:
        KshotError: there is none, it cannot be read, or it follows a newer schema.
    """
    return read_entry(folder if folder.name == FILE else folder / FILE, Results)


def save(folder: Path, results: Results) -> None:
    """Write ``results.json``, ``results.csv``, ``results.md`` and ``results.tex``; equal figures give equal bytes.

    Raises:
        KshotError: the folder cannot be written.
    """
    write_entry(folder / FILE, results)
    write_text(folder / "results.csv", sheet(results))
    write_text(folder / "results.md", summary(results))
    write_text(folder / "results.tex", paper(results))


def load_samples(folder: Path) -> list[Sample]:
    """The sample episodes of a benchmark, by file name.

    Raises:
        KshotError: one of them cannot be read.
    """
    return [read_entry(path, Sample) for path in sorted(samples_folder(folder).glob("*.json"))]


def load_worst(folder: Path) -> list[Sample]:
    """The worst episodes of a benchmark, by source, the worst of each first.

    Raises:
        KshotError: one of them cannot be read.
    """
    return [read_entry(path, Sample) for path in sorted(worst_folder(folder).glob("*.json"))]


def save_worst(folder: Path, source: str, samples: Sequence[Sample]) -> None:
    """Write the worst episodes of a source, the worst first, in place of any that an earlier run left.

    Raises:
        KshotError: the folder cannot be written.
    """
    for rank, sample in enumerate(samples, start=1):
        write_entry(worst_path(folder, source, rank), sample)
    rank = len(samples) + 1
    while (stale := worst_path(folder, source, rank)).is_file():
        stale.unlink()
        rank += 1


def save_sample(folder: Path, sample: Sample) -> Path:
    """Write ``samples/<source>.json`` and return its path.

    Raises:
        KshotError: the folder cannot be written.
    """
    path = sample_path(folder, sample.source)
    write_entry(path, sample)
    return path


def read_entry(path: Path, model: type[Model]) -> Model:
    """Read one entry: all results, one cell or one sample.

    Raises:
        KshotError: the file is missing or unreadable, or not what it should be.
    """
    raw = _parse(path)
    if not isinstance(raw, dict):
        raise KshotError(f"{path}: expected a JSON object, found {type(raw).__name__}")
    _check_version(path, cast("dict[str, Any]", raw))
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise KshotError(f"{path}: {_reasons(error)}") from error


def write_entry(path: Path, entry: Entry) -> None:
    """Write one entry: declared keys in their order, all others sorted.

    Raises:
        KshotError: the file cannot be written.
    """
    write_text(path, json.dumps(_plain(entry), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, with lone surrogates written as escapes.

    Raises:
        KshotError: the file cannot be written.
    """
    write_atomic(path, text.encode("utf-8", "backslashreplace"))


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise KshotError(
            f"no {path.name} in {path.parent}; give the folder that `kshot bench --out` wrote"
        ) from error
    except OSError as error:
        raise KshotError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise KshotError(
            f"{path}: not valid JSON ({error}); run the benchmark again to rewrite it"
        ) from error


def _check_version(path: Path, raw: dict[str, Any]) -> None:
    found = raw.get("schema", SCHEMA)
    if isinstance(found, int) and found > SCHEMA:
        raise KshotError(
            f"{path}: written under schema {found}, this kshot reads up to {SCHEMA}; upgrade kshot"
        )


def _reasons(error: ValidationError, limit: int = 3) -> str:
    problems = error.errors(include_url=False, include_context=False)
    lines = [_reason(problem["loc"], problem["msg"]) for problem in problems[:limit]]
    rest = f"; and {len(problems) - limit} more" if len(problems) > limit else ""
    return "; ".join(lines) + rest


def _reason(where: tuple[int | str, ...], message: str) -> str:
    key = ".".join(str(part) for part in where)
    reason = message.removeprefix("Value error, ")
    return f"{key}: {reason}" if key else reason


def _plain(value: Any) -> Any:
    """``value`` as JSON holds it, in an order that depends on nothing but its content."""
    if isinstance(value, BaseModel):
        return _plain_entry(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        mapping = cast("dict[Any, Any]", value)
        return {str(key): _plain(mapping[key]) for key in sorted(mapping, key=str)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _plain_entry(entry: BaseModel) -> dict[str, Any]:
    fields = {field.alias or name: getattr(entry, name) for name, field in type(entry).model_fields.items()}
    extra = entry.model_extra or {}
    declared = {name: _plain(value) for name, value in fields.items()}
    return declared | {name: _plain(extra[name]) for name in sorted(extra)}
