"""Templates into files."""

from __future__ import annotations

import ast
import builtins
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from kshot.errors import KshotError
from kshot.files import cannot_write
from kshot.scaffold.names import Names
from kshot.scaffold.plan import Plan

_PACKAGE, _DOT, _END = "PACKAGE", "dot-", ".tmpl"
"""In a template's path: the package's folder, a leading dot, and an ending by which no tool takes it for code."""


def rendered(plan: Plan) -> dict[str, str]:
    """Path inside the distribution → content, for every file of it.

    Raises:
        KshotError: a class would have the name of something that its module imports, or that Python has.
    """
    folder = files("kshot.scaffold") / "templates"
    found: dict[str, str] = {}
    for name in plan.templates:
        for path, template in _below(folder / name, ""):
            found[_target(path, plan.values)] = Template(template.read_text("utf-8")).substitute(plan.values)
    for path, content in found.items():
        if path.endswith(".py"):
            _refuse_rebound(content, path, plan.names)
    return dict(sorted(found.items()))


def write(plan: Plan, out: Path) -> Path:
    """Write a distribution into a folder of its name below ``out``.

    Returns:
        that folder.

    Raises:
        KshotError: something of that name is there already, and nothing is overwritten; or see :func:`rendered`.
        StorageError: a file cannot be written.
    """
    target = out / plan.names.distribution
    if target.exists() or target.is_symlink():
        raise KshotError(f"{target} is there already; move it away, or choose another name or --out")
    contents = rendered(plan)
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Written beside its place and renamed, so that no half of a distribution is left behind.
        unfinished = Path(tempfile.mkdtemp(dir=out, prefix=f".{target.name}."))
        try:
            for path, content in contents.items():
                (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
                (unfinished / path).write_text(content, encoding="utf-8")
            unfinished.chmod(0o755)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def _refuse_rebound(content: str, path: str, names: Names) -> None:
    module = ast.parse(content)
    imports = [one for one in module.body if isinstance(one, ast.Import | ast.ImportFrom)]
    taken = {alias.asname or alias.name for one in imports for alias in one.names} | set(dir(builtins))
    for one in module.body:
        if isinstance(one, ast.ClassDef) and one.name in taken:
            raise KshotError(
                f"'{names.distribution}' would bring a class '{one.name}', a name that its {path} needs for "
                "something else; choose another name"
            )


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
