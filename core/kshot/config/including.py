"""``include``: a configuration put together from several files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from kshot.config.text import MAX_CHARACTERS, parse
from kshot.errors import nearest

INCLUDE = "include"
"""The key that names other files; it stands in files only and in no configuration."""

MAX_FILES = 100
"""That one configuration is put together from, each counted as often as it is included."""


def assembled(path: Path) -> tuple[dict[str, Any], list[str]]:
    """A file's mapping on top of the files that it includes, and theirs.

    ``include`` holds a name or a list of names, relative to the file in which it stands; each file
    goes on top of those before it, and the including file on top of all.

    Returns:
        the mapping, without ``include``, and what is wrong with the files.
    """
    return _assembled(path, [], [])


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` on top of ``below``.

    Mappings merge, key by key; anything else is replaced, lists as a whole; ``null`` takes a key
    away that is there.
    """
    result = dict(below)
    for key, value in above.items():
        there = result.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            result[key] = merged(cast("dict[str, Any]", there), cast("dict[str, Any]", value))
        elif value is None and key in result:
            del result[key]
        else:
            result[key] = value
    return result


def _assembled(path: Path, above: Sequence[Path], read: list[Path]) -> tuple[dict[str, Any], list[str]]:
    """``above``: the files that include this one, from the first to the nearest; ``read``: all so far."""
    who = f"{path}: " if above else ""
    chain = [*above, path]
    if any(_same(path, one) for one in above):
        return {}, [f"{INCLUDE} goes in a circle: {' → '.join(map(str, chain))}"]
    read.append(path)
    if len(read) > MAX_FILES:
        return {}, [f"{INCLUDE}: more than {MAX_FILES} files, counted as often as they are included"]
    content, problem = _content(path)
    if problem:
        by = f" (included by {above[-1]})" if above else ""
        return {}, [f"{who}{problem}{by}"]
    names, problem = _names(content.pop(INCLUDE, None))
    problems = [f"{who}{problem}"] if problem else list[str]()
    result: dict[str, Any] = {}
    for name in names:
        included, more = _assembled(path.parent / _at_home(name), chain, read)
        problems += more
        if len(read) > MAX_FILES:
            break
        result = merged(result, included)
    return merged(result, content), problems


def _content(path: Path) -> tuple[dict[str, Any], str]:
    """What a file holds, or what is wrong with it."""
    try:
        with path.open(encoding="utf-8") as stream:
            content = parse(stream.read(MAX_CHARACTERS + 1))
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        return {}, f"no such file{nearest(path.name, siblings)}"
    except (OSError, UnicodeDecodeError) as error:
        return {}, f"cannot be read: {error}"
    except ValueError as error:
        return {}, f"not valid YAML: {error}"
    if not isinstance(content, dict):
        return {}, "a configuration is a mapping with keys such as 'sources'"
    return cast("dict[str, Any]", content), ""


def _names(value: Any) -> tuple[list[str], str]:
    if value is None:
        return [], ""
    names: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    if all(isinstance(name, str) and name and "\0" not in name for name in names):
        return names, ""
    return [], f"{INCLUDE}: write the name of a file, or a list of names (given: {value!r})"


def _at_home(name: str) -> Path:
    """A name in which ``~`` is a home folder, as in the paths of data."""
    try:
        return Path(name).expanduser()
    except RuntimeError:  # nobody's: then a folder is called so, or the file is not there
        return Path(name)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
