"""The docstrings of the running Python's standard library, with the names of what they document masked.

Files are parsed with ``ast``; nothing is imported or run.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

WORDS = 30
"""Words in a chunk."""

SHORTEST = 15
"""Words in the last chunk of a file, below which it is dropped."""

MASK = "_"
"""Stands where a name was; no word pattern of a bag of words matches it."""

_NOT_LIBRARY = {
    "__pycache__", "_bundled", "dist-packages", "idle_test", "idlelib", "lib-dynload", "site-packages",
    "test", "tests",
}  # fmt: skip
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Module:
    """One top-level module of the library.

    Attributes:
        name: its name.
        names: the names of its submodules and members, in lower case.
        files: path below the library → docstrings of that file, in order of appearance.
    """

    name: str
    names: set[str] = field(default_factory=set)
    files: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """About ``WORDS`` words of a module's docstrings, masked.

    Attributes:
        module: top-level module.
        key: file below the library and number of the chunk in it, as ``json/decoder.py#3``.
        text: words separated by single spaces.
    """

    module: str
    key: str
    text: str


def library() -> Path:
    """Folder of the running Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def library_files(root: Path) -> list[PurePosixPath]:
    """Python files below ``root`` that belong to the library itself, in sorted order."""
    found: list[PurePosixPath] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in _NOT_LIBRARY and not f.startswith(("config-", "."))]
        inside = Path(folder).relative_to(root)
        found += [PurePosixPath((inside / f).as_posix()) for f in files if f.endswith(".py")]
    return sorted(found)


def read_chunks(root: Path, files: Iterable[PurePosixPath]) -> list[Chunk]:
    """Masked chunks of all docstrings in ``files`` below ``root``.

    A docstring that several modules share belongs to none of them and is left out; one that a
    module repeats counts once; the same holds for chunks after masking.
    """
    modules = _read_modules(root, files)
    _drop_repeated_docstrings(modules.values())
    chunks = [chunk for name in sorted(modules) for chunk in _chunks_of(modules[name])]
    owners = Counter(text for _, text in {(chunk.module, chunk.text) for chunk in chunks})
    seen: set[str] = set()
    kept: list[Chunk] = []
    for chunk in chunks:
        if owners[chunk.text] == 1 and chunk.text not in seen:
            seen.add(chunk.text)
            kept.append(chunk)
    return kept


def top_level_module(path: PurePosixPath) -> str | None:
    """Name of the public module that a file belongs to, or None for a private one.

    The Python twin of a module written in C counts as that module: ``_pydecimal`` is decimal's
    text, and where ``datetime`` keeps its text differs from one Python to the next.
    """
    name = path.parts[0].removesuffix(".py")
    twin = name.removeprefix("_py")
    if twin != name and twin in sys.stdlib_module_names:
        return twin
    return None if name.startswith("_") else name


def _read_modules(root: Path, files: Iterable[PurePosixPath]) -> dict[str, Module]:
    modules: dict[str, Module] = {}
    for path in files:
        name = top_level_module(path)
        if name is None:
            continue
        try:
            tree = _parse(root / path)
        except (SyntaxError, ValueError):  # templates and samples that are no Python of this version
            continue
        module = modules.setdefault(name, Module(name))
        parts = [part.removesuffix(".py").lower() for part in path.parts]
        module.names.update(parts, (member.lower() for member in _members(tree)))
        module.files[str(path)] = list(_docstrings(tree))
    return modules


def _parse(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        # Invalid escape sequences in old files; that they stand there is not our user's affair.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return ast.parse(path.read_bytes())


def _docstrings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, _DOCUMENTED):
        text = ast.get_docstring(node)
        if text:
            yield text
    for statement in _statements(node):
        yield from _docstrings(statement)


def _members(node: ast.AST) -> Iterator[str]:
    """Names that a module's or class's body defines, its classes' members included."""
    for statement in _statements(node):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name
            continue
        if isinstance(statement, ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield from _assigned(statement)
        yield from _members(statement)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Statements directly inside another; `ast.walk` visits every expression, ten times as many."""
    for block in ("body", "orelse", "finalbody"):
        yield from getattr(node, block, ())
    for block in ("handlers", "cases"):
        for branch in getattr(node, block, ()):
            yield from branch.body


def _assigned(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Iterator[str]:
    """Names that an assignment binds; of ``__all__`` also the names it lists."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    yield from names
    if "__all__" in names and node.value is not None:
        for constant in ast.walk(node.value):
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                yield constant.value


def _drop_repeated_docstrings(modules: Iterable[Module]) -> None:
    modules = list(modules)
    owners = Counter(
        text for module in modules for text in {text for texts in module.files.values() for text in texts}
    )
    for module in modules:
        seen: set[str] = set()
        for path, texts in module.files.items():
            fresh = [text for text in dict.fromkeys(texts) if owners[text] == 1 and text not in seen]
            seen.update(fresh)
            module.files[path] = fresh


def _chunks_of(module: Module) -> Iterator[Chunk]:
    for path, texts in module.files.items():
        words = masked(" ".join(texts), module.name, module.names).split()
        for number, start in enumerate(range(0, len(words), WORDS)):
            piece = words[start : start + WORDS]
            if len(piece) >= SHORTEST:
                yield Chunk(module.name, f"{path}#{number}", " ".join(piece))


def masked(text: str, module: str, names: set[str]) -> str:
    """``text`` with its module's and members' names replaced by ``MASK``.

    Args:
        text: any text.
        module: also replaced where it is a part of a word, as in ``test_json``.
        names: lower-case words; case in ``text`` does not matter.
    """

    def replaced(match: re.Match[str]) -> str:
        word = match[0].lower()
        return MASK if word in names or module.lower() in (word, *word.split("_")) else match[0]

    return _IDENTIFIER.sub(replaced, text)
