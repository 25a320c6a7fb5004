"""What the source promises of itself: no pickle, no code made of text, nothing heard of the network on import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "kshot": ROOT / "core",
    "kshot_image": ROOT / "plugins" / "image",
    "kshot_audio": ROOT / "plugins" / "audio",
    "kshot_text": ROOT / "plugins" / "text",
}
SOURCES = [path for name, folder in PACKAGES.items() for path in sorted((folder / name).rglob("*.py"))]

FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "shelve.open", "joblib.load",
    "shutil.unpack_archive", "tempfile.mktemp", "np.loads", "torch.jit.load", "torch.hub.load", "torch.package",
}  # fmt: skip
FORBIDDEN_ATTRIBUTES = {"extractall", "unpack_archive"}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _keywords(call: ast.Call) -> dict[str, object]:
    return {one.arg: getattr(one.value, "value", one.value) for one in call.keywords if one.arg}


def complaints(tree: ast.AST) -> Iterator[str]:
    """What a module does that it must not."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, given = _name(node.func), _keywords(node)
        last = name.rpartition(".")[2]
        if name in FORBIDDEN_CALLS or last in FORBIDDEN_ATTRIBUTES:
            yield f"line {node.lineno}: {name}"
        if (
            name in ("torch.load", "load")
            and "map_location" in given
            and given.get("weights_only") is not True
        ):
            yield f"line {node.lineno}: {name} without weights_only=True"
        if name == "torch.load" and given.get("weights_only") is not True:
            yield f"line {node.lineno}: torch.load without weights_only=True"
        if name == "yaml.load" and _name(given.get("Loader", ast.Name("none"))) != "_Loader":  # type: ignore[arg-type]
            yield f"line {node.lineno}: yaml.load with another loader than the strict one"
        if name == "np.load" and given.get("allow_pickle") is not False:
            yield f"line {node.lineno}: np.load without allow_pickle=False"
        if given.get("shell") is True:
            yield f"line {node.lineno}: a shell"
        if given.get("trust_remote_code") is True:
            yield f"line {node.lineno}: trust_remote_code"


def test_no_module_makes_code_of_data() -> None:
    assert len(SOURCES) > 400
    found = {
        str(path.relative_to(ROOT)): told
        for path in SOURCES
        if (told := list(complaints(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')", "pickle.loads(b'')", "torch.load(p)", "torch.load(p, weights_only=False)", "np.load(p)",
        "yaml.load(t, Loader=yaml.Loader)", "yaml.load(t)", "os.system('x')", "archive.extractall(p)",
        "subprocess.run('x', shell=True)", "f(trust_remote_code=True)", "load(p, map_location='cpu')",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(code: str) -> None:
    assert list(complaints(ast.parse(code)))


def test_the_strict_loader_is_a_safe_one() -> None:
    import yaml
    from kshot.config.text import _Loader

    assert issubclass(_Loader, yaml.SafeLoader)
    assert not any("python" in str(tag) for tag in _Loader.yaml_constructors)


def test_defaults_run_no_code_and_read_no_pickle() -> None:
    """Wherever an encoder has these options, and whatever their place."""
    import inspect

    from kshot.registry import load_registry

    registry, seen = load_registry(), 0
    for entry in registry.entries("encoders"):
        parameters = inspect.signature(entry.resolve()).parameters
        for option, safe in (("trust_remote_code", False), ("use_safetensors", True)):
            if option in parameters:
                seen += 1
                assert parameters[option].default is safe, entry.name
    assert seen >= 4


_IMPORTS = """
import importlib, pkgutil, socket, sys, warnings

def refuse(*arguments, **more):
    raise AssertionError("the network, on import")

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse)
if "--seen" in sys.argv:
    socket.create_connection(("localhost", 1))
warnings.simplefilter("ignore")
count = 0
for package in %s:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except ImportError as error:
            if getattr(error, "name", "").partition(".")[0] in ("kshot", "kshot_image", "kshot_audio", "kshot_text"):
                raise
        else:
            count += 1
print(count)
"""


def _imported(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([*map(str, PACKAGES.values()), os.environ.get("PYTHONPATH", "")])
    code = _IMPORTS % repr(tuple(PACKAGES))
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_every_module_is_imported_without_the_network() -> None:
    done = _imported()
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 300


def test_the_network_would_be_seen() -> None:
    assert "the network, on import" in _imported("--seen").stderr
