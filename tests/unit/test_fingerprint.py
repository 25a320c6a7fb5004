"""What a hash of somebody's own code tells apart: wherever a helper hides, and nothing that only looks different."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from kshot.registry.fingerprint import code_hash
from kshot.registry.ownership import is_own

START = "import functools\n"


def hashed(text: str, name: str = "Thing") -> str:
    """The hash of what a script defines."""
    module = types.ModuleType("kshot_test_script")
    exec(compile(START + text, "<script>", "exec"), vars(module))
    return code_hash(vars(module)[name])


COMPREHENSIONS = {
    "list": "def Thing(rows): return [FACTOR * one for one in rows]",
    "set": "def Thing(rows): return {FACTOR * one for one in rows}",
    "dict": "def Thing(rows): return {one: FACTOR for one in rows}",
    "generator": "def Thing(rows): return sum(one * FACTOR for one in rows)",
    "lambda": "Thing = lambda row: row * FACTOR",
    "documented": "def Thing(rows):\n    'doc'\n    return rows * FACTOR",
}

HELPERS = {
    "cache": "@functools.cache\ndef helper(): return FACTOR\ndef Thing(): return helper()",
    "lru_cache": "@functools.lru_cache(8)\ndef helper(): return FACTOR\ndef Thing(): return helper()",
    "cached method": "class Thing:\n    @functools.cache\n    def __call__(self): return FACTOR",
    "cached property": "class Thing:\n    @functools.cached_property\n    def own(self): return FACTOR",
    "partial": "def helper(x, y): return x\nhelped = functools.partial(helper, FACTOR)\ndef Thing(): return helped(1)",
    "partial method": (
        "class Thing:\n    def own(self, x): return x\n    other = functools.partialmethod(own, FACTOR)"
    ),
    "partial of a cache": (
        "@functools.cache\ndef helper(x): return FACTOR\nhelped = functools.partial(helper, 1)\n"
        "def Thing(): return helped()"
    ),
    "dispatch": "@functools.singledispatch\ndef helper(x): return FACTOR\ndef Thing(): return helper(1)",
    "dispatch by a type": (
        "@functools.singledispatch\ndef helper(x): return x\n"
        "@helper.register\ndef _(x: int): return FACTOR\ndef Thing(): return helper(1)"
    ),
    "dispatched method": (
        "class Thing:\n    @functools.singledispatchmethod\n    def own(self, x): return x\n"
        "    @own.register\n    def _(self, x: int): return FACTOR"
    ),
    "object": "class Own:\n    def own(self): return FACTOR\nmine = Own()\ndef Thing(): return mine.own()",
    "bound method": "class Own:\n    def own(self): return FACTOR\nmine = Own().own\ndef Thing(): return mine()",
    "descriptor": "class Own:\n    def __get__(self, *_): return FACTOR\nclass Thing:\n    own = Own()",
    "decorator of one's own": (
        "class own:\n    def __init__(self, f): functools.update_wrapper(self, f)\n"
        "@own\ndef helper(): return FACTOR\ndef Thing(): return helper()"
    ),
}


@pytest.mark.parametrize(
    "text", [*COMPREHENSIONS.values(), *HELPERS.values()], ids=[*COMPREHENSIONS, *HELPERS]
)
def test_a_constant_is_seen_wherever_it_stands(text: str) -> None:
    one, other = text.replace("FACTOR", "1.0"), text.replace("FACTOR", "0.0")
    assert hashed(one) == hashed(one)
    assert hashed(one) != hashed(other)


def test_docstrings_are_not_seen() -> None:
    text = "class Thing:\n    'a'\n    def own(self):\n        'b'\n        return [1.0 for _ in ()]"
    assert hashed(text) == hashed(text.replace("'a'", "'c'").replace("'b'", "'d'"))


def test_a_slice_is_told_by_its_ends() -> None:
    """A constant of its own from Python 3.14 on."""
    assert code_hash(slice(1, 2)) == code_hash(slice(1, 2)) != code_hash(slice(1, 3))


def test_a_set_of_functions_is_the_same_wherever_they_lie() -> None:
    text = "def a(): pass\ndef b(): pass\nboth = {a, b}\ndef Thing(): return both"
    assert hashed(text) == hashed(text)


def test_helpers_that_call_each_other_without_end_have_one() -> None:
    names = [f"f{number}" for number in range(3000)]
    chain = [f"def {one}(): return {other}()" for one, other in zip(names, [*names[1:], "last"], strict=True)]
    text = "\n".join([*chain, "def last(): return f0() * FACTOR", "Thing = f0"])
    assert hashed(text.replace("FACTOR", "1.0")) != hashed(text.replace("FACTOR", "0.0"))


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], str]:
    """Writes modules and gives the hash of ``kshot_own_a.thing`` of them."""
    monkeypatch.syspath_prepend(tmp_path)
    # Two edits within a second: Python would take the earlier's compiled form for the later's.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def of(files: dict[str, str]) -> str:
        for name in [name for name in sys.modules if name.startswith("kshot_own_")]:
            del sys.modules[name]
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        importlib.invalidate_caches()
        return code_hash(importlib.import_module("kshot_own_a").thing)

    return of


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("import kshot_own_b", "kshot_own_b.change(1)"),
        ("import kshot_own_b as b", "b.change(1)"),
        ("import kshot_own_p.b", "kshot_own_p.b.change(1)"),
        ("from kshot_own_p import b", "b.change(1)"),
        ("import kshot_own_b", "kshot_own_b.FACTOR"),
    ],
)
def test_helpers_are_found_in_own_modules(written, imports: str, call: str) -> None:
    files = {
        "kshot_own_a.py": f"{imports}\ndef thing(): return {call}",
        # In a circle, as modules may be.
        "kshot_own_b.py": "import kshot_own_a\nFACTOR = 1.0\ndef change(x): return kshot_own_a.thing() * FACTOR\n"
        "def other(): return 1.0",
        "kshot_own_p/__init__.py": "",
        "kshot_own_p/b.py": "FACTOR = 1.0\ndef change(x): return x * FACTOR\ndef other(): return 1.0",
    }
    first = written(files)
    assert written(files) == first
    changed = {name: text.replace("FACTOR = 1.0", "FACTOR = 0.0") for name, text in files.items()}
    assert written(changed) != first
    beside = {name: text.replace("return 1.0", "return 0.0") for name, text in files.items()}
    assert written(beside) == first, "what nothing names"


def test_installed_modules_are_not_gone_through(written) -> None:
    text = "import json\ndef thing(x): return json.dumps(x)"
    assert written({"kshot_own_a.py": text}) == written({"kshot_own_a.py": f"{text}\n\n# more"})
    assert not is_own("json")
    assert not is_own("sys")
    assert not is_own("torch.nn")
    assert not is_own("kshot.learners.prototypical"), "known by its version"


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_what_another_environment_has_installed_is_nobodys_own(folder: str, monkeypatch) -> None:
    module = types.ModuleType("kshot_test_module")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.__file__ = f"/elsewhere/lib/python3/{folder}/kshot_test_module.py"
    assert not is_own(module.__name__)
    module.__file__ = "/home/somebody/kshot_test_module.py"
    assert is_own(module.__name__)
