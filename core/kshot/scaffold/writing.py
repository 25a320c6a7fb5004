"""Templates into files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from kshot.errors import KshotError
from kshot.files import cannot_write
from kshot.scaffold.plan import Plan

_PACKAGE, _DOT, _END = "PACKAGE", "dot-", ".tmpl"
"""In a template's path: the package's folder, a leading dot, and an ending by which no tool takes it for code."""


def rendered(plan: Plan) -> dict[str, str]:
    """Path inside the distribution → content, for every file of it."""
    folder = files("kshot.scaffold") / "templates"
    found: dict[str, str] = {}
    for name in plan.templates:
        for path, template in _below(folder / name, ""):
            found[_target(path, plan.values)] = Template(template.read_text("utf-8")).substitute(plan.values)
    return dict(sorted(found.items()))


def write(plan: Plan, out: Path) -> Path:
    """Write a distribution into a folder of its name below ``out``.

    Returns:
        that folder.

    Raises:
        KshotError: something of that name is there already; nothing is overwritten.
        StorageError: a file cannot be written.
    """
    target = out / plan.names.distribution
    if target.exists() or target.is_symlink():
        raise KshotError(f"{target} is there already; move it away, or choose another name or --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Written beside its place and renamed, so that no half of a distribution is left behind.
        unfinished = Path(tempfile.mkdtemp(dir=out, prefix=f".{target.name}."))
        try:
            for path, content in rendered(plan).items():
                (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
                (unfinished / path).write_text(content, encoding="utf-8")
            unfinished.chmod(0o755)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        inner = f"{path}/{one.name}" if path else one.name
        if one.is_dir():
            yield from _below(one, inner)
        elif one.name.endswith(_END):
            yield inner, one


def _target(path: str, values: Mapping[str, str]) -> str:
    parts = path.removesuffix(_END).split("/")
    named = [values["package"] if part == _PACKAGE else part for part in parts]
    return "/".join(f".{part.removeprefix(_DOT)}" if part.startswith(_DOT) else part for part in named)
